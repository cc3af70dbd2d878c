package onnxmodels

import (
	"slices"
	"strings"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
)

// AveragePrefix before the name of a parameter is that of its exponential moving average in
// a checkpoint. See [TrainingOptions.EMADecay].
const AveragePrefix = StatePrefix + "ema."

// emaCounter counts the steps of averages that warm up.
const emaCounter = "ema_steps"

// averages tells whether parameters are averaged.
func (o TrainingOptions) averages() bool { return o.EMADecay > 0 }

// averagedName is the name of the parameter that a tensor is the average of; "" if it is no
// average.
func averagedName(name string) string {
	if parameter, is := strings.CutPrefix(name, AveragePrefix); is {
		return parameter
	}
	return ""
}

// Averaged returns the checkpoint with the averages of its parameters in place of them, as
// it is evaluated and exported, or c itself if it has none. It leaves c as it is.
func Averaged(c *checkpoint.Checkpoint) *checkpoint.Checkpoint {
	averaged := *c
	averaged.Trainable = slices.Clone(c.Trainable)
	for i, p := range averaged.Trainable {
		if a := c.Parameter(AveragePrefix + p.Name); a != nil && slices.Equal(a.Shape, p.Shape) {
			averaged.Trainable[i].Data = a.Data
		}
	}
	return &averaged
}

// averaged declares the average of a parameter. Only the training model computes with the
// parameter itself.
func (b *Builder) averaged(p Parameter, v *graph.Value) *graph.Value {
	a := b.Input(AveragePrefix+p.Name, graph.Float, v.Shape)
	b.averageValues[p.Name] = a
	if b.Training {
		b.state = append(b.state, checkpoint.Tensor{Name: a.Name, Shape: p.Shape, Data: make([]float32, elements(p.Shape))})
		return v
	}
	return a
}

// averageShare is 1 − d, the share of a parameter's value that its average takes in this
// step.
func (r *rule) averageShare() *graph.Value {
	least := r.vector("ema.share", float32(1-r.EMADecay))
	if !r.EMAWarmup {
		return least
	}
	// 1 − (1 + t)/(10 + t) is 9/(10 + t).
	steps := r.moved(emaCounter, r.state(emaCounter, 1), r.vector("one", 1))
	warm := r.Binary("Div", "ema.warmup", r.vector("ema.nine", 9), r.Binary("Add", "ema.later", steps, r.vector("ema.ten", 10)))
	return r.Binary("Max", "ema.share.now", warm, least)
}

// averageOf moves the average of a parameter towards what it is after the step.
func (r *rule) averageOf(p Parameter, w, step, share *graph.Value) {
	a, name := r.averageValues[p.Name], "ema."+p.Name
	distance := r.Binary("Sub", name+".distance", r.Binary("Sub", name+".next", w, step), a)
	change := r.Binary("Mul", name+".change", distance, share)
	if r.ready != nil {
		change = r.Where(name+".ready", r.ready, change, r.vector("zero", 0))
	}
	r.updated = append(r.updated, r.Accumulate(a.Name+GradientFlagSuffix, a, change, nil))
}

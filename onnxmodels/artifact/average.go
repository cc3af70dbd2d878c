package artifact

import (
	"slices"
	"strings"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
)

// AveragePrefix comes before the name of a parameter in the name under which a checkpoint
// stores the exponential moving average of that parameter. See [Options.EMADecay].
const AveragePrefix = StatePrefix + "ema."

// emaCounter counts the steps of averages that warm up.
const emaCounter = "ema_steps"

// Averages reports whether parameters are averaged.
func (o Options) Averages() bool { return o.EMADecay > 0 }

// AveragedName returns the name of the parameter that this tensor is an average of, or ""
// if the tensor is not an average.
func AveragedName(name string) string {
	if parameter, is := strings.CutPrefix(name, AveragePrefix); is {
		return parameter
	}
	return ""
}

// Averaged returns the checkpoint with each parameter replaced by its average, if it has
// one, as for evaluation and export. It does not change c.
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

// averageShare returns 1 − d, the weight of a parameter's new value in its average in this
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

// averageOf moves the average of a parameter towards the parameter's value after the step.
func (r *rule) averageOf(w Weight, step, share *graph.Value) {
	a, name := w.Average, "ema."+w.Value.Name
	distance := r.Binary("Sub", name+".distance", r.Binary("Sub", name+".next", w.Value, step), a)
	change := r.Binary("Mul", name+".change", distance, share)
	if r.ready != nil {
		change = r.Where(name+".ready", r.ready, change, r.vector("zero", 0))
	}
	r.updated = append(r.updated, r.Accumulate(a.Name+GradientFlagSuffix, a, change, nil))
}

package artifact

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// The rules by which gradients change parameters, for [TrainingOptions].
const (
	// OptimizerSGD is gradient descent, with momentum or without.
	OptimizerSGD = "sgd"
	// OptimizerAdam is Adam (Kingma and Ba 2015), whose weight decay is part of the
	// gradient.
	OptimizerAdam = "adam"
	// OptimizerAdamW is Adam whose weight decay is a step of its own (Loshchilov and
	// Hutter 2019).
	OptimizerAdamW = "adamw"
	// OptimizerLARS is gradient descent with momentum in which each layer's gradient is
	// scaled to a share of the layer's norm (You et al. 2017).
	OptimizerLARS = "lars"
	// OptimizerLAMB is AdamW in which each layer's step is scaled to the layer's norm (You
	// et al. 2020).
	OptimizerLAMB = "lamb"
)

// Optimizers lists the kinds of optimizers.
func Optimizers() []string {
	return []string{OptimizerSGD, OptimizerAdam, OptimizerAdamW, OptimizerLARS, OptimizerLAMB}
}

// StatePrefix begins the names of the tensors in a checkpoint that hold the optimizer's state and
// are not parameters of a layer. See [Artifacts.State].
const StatePrefix = "optimizer."

// IsState tells whether a tensor of a checkpoint holds the optimizer's state.
func IsState(name string) bool { return strings.HasPrefix(name, StatePrefix) }

// CheckName refuses the name of a parameter that would make it optimizer state.
func CheckName(parameter string) error {
	if IsState(parameter) {
		return fmt.Errorf("training artifacts: the name of parameter %q begins with %q, which marks the optimizer's state: give it another name, or train with momentum SGD", parameter, StatePrefix)
	}
	return nil
}

// Updates tells whether the training model computes the step itself, so that the optimizer
// model only subtracts it. Only plain momentum SGD is left to ONNX Runtime's optimizer.
func (o Options) Updates() bool {
	return o.adaptive() || o.Optimizer == OptimizerLARS || o.Nesterov || o.ClipNorm > 0 || o.MomentumCorrection || o.Averages()
}

// adaptive tells whether the optimizer is a form of Adam.
func (o Options) adaptive() bool {
	return o.Optimizer == OptimizerAdam || o.Optimizer == OptimizerAdamW || o.Optimizer == OptimizerLAMB
}

func (o Options) validateOptimizer() error {
	if o.Optimizer != "" && !slices.Contains(Optimizers(), o.Optimizer) {
		return fmt.Errorf("training artifacts: optimizer %q is none of %s", o.Optimizer, strings.Join(Optimizers(), ", "))
	}
	if !(o.ClipNorm >= 0 && o.ClipNorm <= math.MaxFloat32) {
		return fmt.Errorf("training artifacts: clipping norm %v is not a finite number of 0 or more", o.ClipNorm)
	}
	if len(o.Rates) > 0 && o.Updates() {
		return fmt.Errorf("training artifacts: rates of the steps are for plain momentum SGD only, not for optimizer %q with Nesterov %t, clipping norm %v, momentum correction %t and EMA decay %v",
			o.Optimizer, o.Nesterov, o.ClipNorm, o.MomentumCorrection, o.EMADecay)
	}
	if !(o.EMADecay >= 0 && o.EMADecay < 1) {
		return fmt.Errorf("training artifacts: EMA decay %v is outside 0..1 (1 excluded)", o.EMADecay)
	}
	if o.Optimizer == OptimizerLARS && !(o.TrustCoefficient > 0 && o.TrustCoefficient <= math.MaxFloat32) {
		return fmt.Errorf("training artifacts: trust coefficient %v of optimizer %q is not a finite number above 0; 0.001 is usual", o.TrustCoefficient, o.Optimizer)
	}
	if !o.adaptive() {
		if o.Nesterov && o.Momentum == 0 {
			return fmt.Errorf("training artifacts: Nesterov's form needs a momentum above 0")
		}
		return nil
	}
	if o.Nesterov || o.MomentumCorrection {
		return fmt.Errorf("training artifacts: optimizer %q has neither Nesterov's form nor a momentum correction", o.Optimizer)
	}
	for i, beta := range []float64{o.Beta1, o.Beta2} {
		if !(beta >= 0 && beta < 1) {
			return fmt.Errorf("training artifacts: beta%d %v is outside 0..1 (1 excluded)", i+1, beta)
		}
	}
	if !(o.Epsilon > 0 && o.Epsilon <= 1) {
		return fmt.Errorf("training artifacts: epsilon %v of optimizer %q is outside 0..1 (0 excluded); 1e-8 is usual", o.Epsilon, o.Optimizer)
	}
	return nil
}

// OptimizerModel returns the model that applies the contents of the gradients' buffers to the
// parameters. Its inputs are those that ONNX Runtime expects by name; it does not use the rate.
func OptimizerModel(o Options) (*modelfile.Model, error) {
	g := op.On(graph.New("optimizer"))
	g.Input(InputLearningRate, graph.Float, graph.Static(1))
	step := g.Input("step", graph.Int64, graph.Static(1))
	if !o.Updates() {
		momentumSGD(g, step, o.Momentum, o.Rates)
		return g.Model()
	}
	weights, steps := g.Sequence("params"), g.Sequence("gradients")
	g.Sequence("first_order_moments")
	g.Descend("updated", g.Floats("rate", []int{1}, []float32{1}), weights, steps)
	return g.Model()
}

// momentumSGD appends an AdamWOptimizer whose constants make it momentum SGD: with beta 1
// its second moment stays 0, with epsilon 1 its divisor is 1, and the factor 1/(1 − μ)
// in its rate cancels the factor 1 − μ on each gradient.
func momentumSGD(g op.Builder, step *graph.Value, momentum float32, rates []float32) {
	sequences := []string{"params", "gradients", "first_order_moments", "second_order_moments"}
	g.Optimizer("updated", optimizerRate(g, step, momentum, rates), step, sequences, []graph.Attribute{
		{Name: "alpha", Value: momentum},
		{Name: "beta", Value: float32(1)},
		{Name: "epsilon", Value: float32(1)},
		{Name: "weight_decay", Value: float32(0)},
		{Name: "adam_mode", Value: int64(1)},
		{Name: "correct_bias", Value: int64(0)},
	})
}

// optimizerRate returns 1/(1 − μ), multiplied by the rate of the step if there are
// rates. step counts from 1.
func optimizerRate(g op.Builder, step *graph.Value, momentum float32, rates []float32) *graph.Value {
	if len(rates) == 0 {
		return g.Floats("rate", []int{1}, []float32{1 / (1 - momentum)})
	}
	scaled := make([]float32, len(rates))
	for i, r := range rates {
		scaled[i] = r / (1 - momentum)
	}
	index := g.Binary("Sub", "rate.index", step, g.Ints("rate.first", 1))
	index = g.Binary("Min", "rate.clamped", index, g.Ints("rate.last", int64(len(rates)-1)))
	return g.Gather("rate", g.Floats("rates", []int{len(rates)}, scaled), index, 0)
}

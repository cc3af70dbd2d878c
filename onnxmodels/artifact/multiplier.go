package artifact

import (
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// RateMultiplier is what the learning rate is multiplied by for the parameters whose names a
// pattern matches.
type RateMultiplier struct {
	// Pattern is one of path.Match, as "layer4.*", "all", or "head", the last layer.
	Pattern string
	// Factor is a finite number of 0 or more.
	Factor float32
}

// Multiplied is the gradient or the step of a parameter, times its multiplier.
func Multiplied(b op.Builder, name string, v *graph.Value, factor float32) *graph.Value {
	if factor == 1 {
		return v
	}
	return b.Binary("Mul", name+".multiplied", v, b.Floats(name+".multiplier", []int{1}, []float32{factor}))
}

// multipliedSteps multiplies the parts of the step.
func (r *rule) multipliedSteps(step *graph.Value) *graph.Value {
	if !slices.ContainsFunc(r.weights, func(w Weight) bool { return w.Multiplier != 1 }) {
		return step
	}
	return r.layers("multiplied", step, len(r.weights), func(_ string, i int, part *graph.Value) *graph.Value {
		return Multiplied(r.Builder, r.weights[i].Value.Name, part, r.weights[i].Multiplier)
	})
}

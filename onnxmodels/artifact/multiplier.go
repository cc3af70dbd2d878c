package artifact

import (
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// RateMultiplier multiplies the learning rate of the parameters whose names match a pattern.
type RateMultiplier struct {
	// Pattern is a pattern of path.Match, such as "layer4.*". "all" means every parameter,
	// and "head" those of the last layer.
	Pattern string
	// Factor is a finite number of 0 or more.
	Factor float32
}

// Multiplied returns the gradient or the step v of a parameter, times its multiplier.
func Multiplied(b op.Builder, name string, v *graph.Value, factor float32) *graph.Value {
	if factor == 1 {
		return v
	}
	return b.Binary("Mul", name+".multiplied", v, b.Floats(name+".multiplier", []int{1}, []float32{factor}))
}

// multipliedSteps multiplies each parameter's part of the step by its multiplier.
func (r *rule) multipliedSteps(step *graph.Value) *graph.Value {
	if !slices.ContainsFunc(r.weights, func(w Weight) bool { return w.Multiplier != 1 }) {
		return step
	}
	return r.layers("multiplied", step, len(r.weights), func(_ string, i int, part *graph.Value) *graph.Value {
		return Multiplied(r.Builder, r.weights[i].Value.Name, part, r.weights[i].Multiplier)
	})
}

package gorun

import (
	"math"

	"onnxlab/onnxmodels/graph"
)

// batchNormalization is BatchNormalization for inference over [n, c, …]:
// (x − mean)·scale/√(variance + epsilon) + bias, for each channel.
func batchNormalization(a *attributes) kernel {
	epsilon := float64(take(a, "epsilon", float32(1e-5)))
	take(a, "momentum", float32(0.9)) // of training
	only(a, "training_mode", int64(0))
	return arity(5, 5, func(in []*Value) (*Value, error) {
		x := in[0]
		if err := x.want("input", graph.Float, 4); err != nil {
			return nil, err
		}
		channels, area := x.Shape[1], x.Shape[2]*x.Shape[3]
		for i, what := range []string{"scale", "bias", "mean", "variance"} {
			if err := in[i+1].wantVector(what, channels); err != nil {
				return nil, err
			}
		}
		factor, shift := make([]float32, channels), make([]float32, channels)
		for c := range channels {
			f := float64(in[1].Float32[c]) / math.Sqrt(float64(in[4].Float32[c])+epsilon)
			factor[c], shift[c] = float32(f), float32(float64(in[2].Float32[c])-float64(in[3].Float32[c])*f)
		}
		y, err := floats(x.Shape...)
		if err != nil {
			return nil, err
		}
		return y, parallel(x.Shape[0], func(image int) {
			for c := range channels {
				from := (image*channels + c) * area
				to := y.Float32[from : from+area]
				for i, v := range x.Float32[from : from+area] {
					to[i] = v*factor[c] + shift[c]
				}
			}
		})
	})
}

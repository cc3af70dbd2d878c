package interp

import (
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/ort/ortrun"
)

// TestLayers compares networks of every layer that onnxmodels has, in forms
// that the study's network does not have, with ONNX Runtime.
func TestLayers(t *testing.T) {
	conv := func(name string, o onnxmodels.ConvOptions) onnxmodels.Layer { return onnxmodels.Conv(name, o) }
	layers := []onnxmodels.Layer{
		conv("even", onnxmodels.ConvOptions{Filters: 5, Kernel: 4}), // pads 1, 1, 2, 2
		onnxmodels.Dropout("dropped", 0.5),
		onnxmodels.MaxPool("max", onnxmodels.PoolOptions{Size: 3, Stride: 2, Same: true}),
		onnxmodels.Residual("block", conv("shortcut", onnxmodels.ConvOptions{Filters: 6, Kernel: 1, Stride: 2, NoBias: true}),
			conv("conv1", onnxmodels.ConvOptions{Filters: 6, Kernel: 3, Stride: 2, NoBias: true}),
			onnxmodels.BatchNorm("norm1", onnxmodels.BatchNormOptions{Epsilon: 1e-5}),
			onnxmodels.ReLU("relu1"),
			conv("conv2", onnxmodels.ConvOptions{Filters: 6, Kernel: 3})),
		onnxmodels.Residual("same", nil, onnxmodels.BatchNorm("norm", onnxmodels.BatchNormOptions{}), onnxmodels.ReLU("relu")),
		onnxmodels.AveragePool("average", onnxmodels.PoolOptions{Size: 2, Stride: 1, Same: true}),
		conv("valid", onnxmodels.ConvOptions{Filters: 4, Kernel: 2, Valid: true}),
		onnxmodels.Flatten("flat"),
		onnxmodels.Dense("hidden", 9),
		onnxmodels.ReLU("relu"),
		onnxmodels.Dense("dense", 4),
	}
	network, err := onnxmodels.NewNetwork(13, 18, layers...)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []onnxmodels.InferenceOptions{
		{},
		{KeepBatchNorm: true},
		{Input: onnxmodels.InputFloat32NCHW},
		{Input: onnxmodels.InputFloat32NCHW, KeepBatchNorm: true},
	} {
		proto := inference(t, network, trained(network), o)
		model, inORT := mustNew(t, proto), ortrun.Load(t, proto)
		for _, n := range []int{1, 3, 2} {
			pixels := images(n, 13*18*3)
			want := inORT.Run(t, feed(t, model, pixels))
			logits, probabilities := mustPredict(t, model, pixels)
			if d := difference(t, logits, want[0]); !(d <= 1e-5) {
				t.Errorf("%+v, batch %d: the largest difference of the logits is %v", o, n, d)
			}
			if d := difference(t, probabilities, want[1]); !(d <= tolerance) {
				t.Errorf("%+v, batch %d: the largest difference of the probabilities is %v", o, n, d)
			}
		}
	}
}

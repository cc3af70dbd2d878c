//go:build cgo

package profile

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/library/librarytest"
	"onnxlab/ort/session"
)

// TestQuantizedRunsInIntegers checks that ONNX Runtime runs an int8 network in integers: it
// fuses every operator between DequantizeLinear and QuantizeLinear with them.
func TestQuantizedRunsInIntegers(t *testing.T) {
	librarytest.Open(t)
	const side = 16
	conv := func(name string) onnxmodels.Layer {
		return onnxmodels.Conv(name, onnxmodels.ConvOptions{Filters: 8, Kernel: 3})
	}
	n, err := onnxmodels.NewNetwork(side, side,
		conv("conv1"), onnxmodels.BatchNorm("norm1", onnxmodels.BatchNormOptions{}), onnxmodels.ReLU("relu1"),
		onnxmodels.MaxPool("max", onnxmodels.PoolOptions{Size: 2}),
		onnxmodels.Residual("residual", nil, conv("conv2"), onnxmodels.BatchNorm("norm2", onnxmodels.BatchNormOptions{})), onnxmodels.ReLU("relu2"),
		onnxmodels.AveragePool("average", onnxmodels.PoolOptions{Size: 2}),
		onnxmodels.GlobalAveragePool("global"), onnxmodels.Dense("dense", 10))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	pixels := make([]uint8, 4*side*side*3)
	for i := range pixels {
		pixels[i] = uint8(rng.Uint32())
	}
	counts := operatorsOf(t, quantized(t, n, pixels), pixels)
	for operator, want := range map[string]int{
		"QLinearConv": 2, "QLinearAdd": 1, "QLinearAveragePool": 1, "QLinearGlobalAveragePool": 1, "QGemm": 1, "NhwcMaxPool": 1,
		// None of these may remain.
		"Conv": 0, "FusedConv": 0, "Add": 0, "Relu": 0, "AveragePool": 0, "GlobalAveragePool": 0, "Gemm": 0, "DequantizeLinear": 0, "QuantizeLinear": 0,
	} {
		if counts[operator] != want {
			t.Errorf("%d nodes of %s, want %d; all are %v", counts[operator], operator, want, counts)
		}
	}
}

// quantized returns the network, with its initial parameters, in int8.
func quantized(t *testing.T, n *onnxmodels.Network, pixels []uint8) *onnxpb.Model {
	t.Helper()
	state, o := n.Initialize(1), onnxmodels.InferenceOptions{}
	m, err := n.Inference(state, o)
	if err != nil {
		t.Fatal(err)
	}
	data, err := modelfile.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	single, err := interp.New(data)
	if err != nil {
		t.Fatal(err)
	}
	values, err := single.Values(pixels)
	if err != nil {
		t.Fatal(err)
	}
	o.Precision, o.Ranges = onnxmodels.PrecisionInt8, onnxmodels.Ranges{}
	for _, v := range values {
		o.Ranges.Observe(v.Name, v.Floats)
	}
	if m, err = n.Inference(state, o); err != nil {
		t.Fatal(err)
	}
	return m
}

// operatorsOf counts the nodes that ONNX Runtime runs for images of 16x16 pixels.
func operatorsOf(t *testing.T, m *onnxpb.Model, pixels []uint8) map[string]int {
	t.Helper()
	dir := t.TempDir()
	s, err := newSession(m, []string{onnxmodels.InputImage}, []string{onnxmodels.OutputLogits}, session.Options{Threads: 1}, dir)
	if err != nil {
		t.Fatal(err)
	}
	image, err := ort.NewTensor(ort.NewShape(int64(len(pixels)/(16*16*3)), 16, 16, 3), pixels)
	if err != nil {
		t.Fatal(err)
	}
	outputs := make([]ort.Value, 1)
	for range 2 { // the trace leaves out the first run
		if err := s.Run([]ort.Value{image}, outputs); err != nil {
			t.Fatal(err)
		}
		_ = outputs[0].Destroy() // only frees memory
		outputs[0] = nil
	}
	_ = image.Destroy()
	if err := s.Destroy(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "onnxruntime_profile_*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("traces %q, error %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	trace, err := parse(data, 1)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, n := range trace.Nodes {
		counts[n.Operator]++
	}
	return counts
}

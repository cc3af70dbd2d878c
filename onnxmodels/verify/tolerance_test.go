package verify

import (
	"math"
	"testing"

	"onnxlab/onnxmodels"
)

// TestToleranceOfDepth: networks with more layers than the study's network may differ by
// more.
func TestToleranceOfDepth(t *testing.T) {
	for depth, want := range map[int]float64{8: 1e-5, 20: 2.2e-5, 56: 5.8e-5} { // with two shortcuts
		n, err := onnxmodels.ResNet(onnxmodels.ResNetOptions{Height: 8, Width: 8, Depth: depth, WidthFactor: 0.1, Classes: 3})
		if err != nil {
			t.Fatal(err)
		}
		m, err := n.Inference(n.Initialize(1), onnxmodels.InferenceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := ToleranceOfDepth(m); math.Abs(got-want) > 1e-12 {
			t.Errorf("depth %d: tolerance %v, want %v", depth, got, want)
		}
	}
}

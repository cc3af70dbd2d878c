package verify

import (
	"errors"
	"slices"
	"testing"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// A model that leaves the size of its images open must give the same results, at the size that the
// caller asks for, as the same model with that size in its file.
func TestGivenOfOpenSize(t *testing.T) {
	outputs := func(m *modelfile.Model) []float32 {
		t.Helper()
		own, err := NewGiven(m, 12, 12)
		if err != nil {
			t.Fatal(err)
		}
		got, err := own.Run(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		return got.Logits
	}
	m, err := modelfile.Read("../importer/testdata/small_inference.onnx")
	if err != nil {
		t.Fatal(err)
	}
	want := outputs(m)
	for _, d := range m.GetGraph().GetInput()[0].GetType().GetTensorType().GetShape().GetDim()[2:] {
		d.Value = &onnxpb.TensorShape_Dimension_DimParam{DimParam: "side"}
	}
	if got := outputs(m); len(want) != 10 || !slices.Equal(got, want) {
		t.Errorf("logits %v, want %v", got, want)
	}
	if _, err := NewGiven(m, 0, 0); !errors.Is(err, importer.ErrOpenSize) {
		t.Errorf("without a size: %v", err)
	}
}

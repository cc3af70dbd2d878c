package inspect

import (
	"encoding/json"
	"io"
	"testing"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
)

// FuzzReports: whatever is read as a model or a checkpoint can be described.
func FuzzReports(f *testing.F) {
	n, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: 4, Width: 4, Widths: []int{2}, Convolutions: 1, Classes: 2})
	if err != nil {
		f.Fatal(err)
	}
	state := n.Initialize(1)
	m, err := n.Inference(state, onnxmodels.InferenceOptions{Classes: []string{"a", "b"}})
	if err != nil {
		f.Fatal(err)
	}
	a, err := n.Artifacts(onnxmodels.TrainingOptions{Momentum: 0.9})
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range []*onnxpb.Model{m, a.Training, a.Optimizer} {
		data, err := modelfile.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(checkpoint.Encode(state))
	f.Fuzz(func(t *testing.T, data []byte) {
		var report interface{ WriteTable(io.Writer) error }
		if m, err := modelfile.Decode(data); err == nil {
			report = Model(m)
			if c, err := Classifier(m, ImageSize{}); err == nil {
				report = c
			}
		} else if c, err := checkpoint.Decode(data); err == nil {
			report = Checkpoint(c)
		} else {
			return
		}
		if err := report.WriteTable(io.Discard); err != nil {
			t.Error(err)
		}
		if _, err := json.Marshal(report); err != nil {
			t.Error(err)
		}
	})
}

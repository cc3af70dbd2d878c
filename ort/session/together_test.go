package session

import (
	"testing"

	"golang.org/x/sync/errgroup"

	"onnxlab/internal/ownprocess"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/library/librarytest"
)

// TestFirstModelsTogether: a process may load its first models at the same time.
func TestFirstModelsTogether(t *testing.T) {
	if !ownprocess.Is(t) {
		for range 5 {
			if err := ownprocess.Run(t, nil); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	n, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: 8, Width: 8, Widths: []int{4}, Convolutions: 1, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	m, err := n.Inference(n.Initialize(1), onnxmodels.InferenceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := modelfile.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	librarytest.Open(t)
	var group errgroup.Group
	for range 16 {
		group.Go(func() error {
			model, err := NewModel(data, Options{Threads: 1})
			if err != nil {
				return err
			}
			return model.Close()
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

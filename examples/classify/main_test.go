package main

import (
	"path/filepath"
	"testing"

	"onnxlab/dataset"
	"onnxlab/internal/npz"
)

// TestCount checks the number of correct images, and that a folder of other
// classes is refused.
func TestCount(t *testing.T) {
	const models = "../../onnxmodels/importer/testdata"
	a, err := npz.Read(filepath.Join(models, "references.npz"))
	if err != nil {
		t.Fatal(err)
	}
	set := &dataset.Set{Name: "reference", Classes: []string{"a", "b", "c", "d", "e"}, Height: 12, Width: 12, Pixels: a["images"].Uint8()}
	logits := a["logits"].Float64()
	for i := range 6 {
		best := 0
		for class := range 5 {
			if logits[i*5+class] > logits[i*5+best] {
				best = class
			}
		}
		if i >= 4 { // two wrong ones
			best = (best + 1) % 5
		}
		set.Labels = append(set.Labels, int32(best))
	}
	for _, form := range []string{"small_inference.onnx", "small_default.onnx"} {
		model, err := open(filepath.Join(models, form), "imagenet", 12, 12)
		if err != nil {
			t.Fatal(err)
		}
		if right, err := count(t.Context(), model, set); err != nil || right != 4 {
			t.Errorf("%s: %d of 6 right, want 4, error %v", form, right, err)
		}
		fewer := *set
		fewer.Classes = fewer.Classes[:3]
		if _, err := count(t.Context(), model, &fewer); err == nil {
			t.Errorf("%s: a folder of other classes was taken", form)
		}
	}
}

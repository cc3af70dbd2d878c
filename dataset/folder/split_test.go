package folder

import (
	"fmt"
	"slices"
	"testing"

	"onnxlab/dataset"
	"onnxlab/dataset/internal/datatest"
)

// TestHeldOutShare checks that each class is divided separately.
func TestHeldOutShare(t *testing.T) {
	one := encode(t, 2, 2, red)
	all := map[string][]byte{}
	for class, n := range map[string]int{"many": 100, "few": 5, "two": 2, "one": 1} {
		for i := range n {
			all[fmt.Sprintf("%s/%d.png", class, i)] = one
		}
	}
	dir := datatest.WriteFiles(t, all)
	for share, want := range map[float64][4]int{ // of few, many, one, two
		0: {1, 20, 0, 1}, 0.5: {3, 50, 0, 1}, 0.01: {1, 1, 0, 1}, 0.99: {4, 99, 0, 1},
	} {
		loaded, err := Load(t.Context(), Options{Path: dir, ValidationShare: share}, dataset.Train, dataset.Validation)
		if err != nil {
			t.Fatal(err)
		}
		if got := loaded.Validation.Stats().Counts; !slices.Equal(got, want[:]) || loaded.Train.Len()+loaded.Validation.Len() != 108 {
			t.Errorf("share %v: %v of few, many, one and two are held out, want %v", share, got, want)
		}
		for _, file := range loaded.Validation.Files {
			if slices.Contains(loaded.Train.Files, file) {
				t.Errorf("%s is in both", file)
			}
		}
	}
}

// TestSplitIsStable doubles the number of images, and checks that most of the old ones stay
// in their split.
func TestSplitIsStable(t *testing.T) {
	held := func(n int) map[string]bool {
		names := map[string]bool{}
		for _, file := range mustLoad(t, files(t, "", n), dataset.Validation).Validation.Files {
			names[file] = true
		}
		return names
	}
	few, many := held(100), held(200)
	moved := 0
	for name := range few {
		if !many[name] {
			moved++
		}
	}
	if len(few) != 40 || len(many) != 80 || moved > 10 {
		t.Errorf("%d and %d held out, %d of the old ones left the validation images", len(few), len(many), moved)
	}
}

// TestFirstImagesAreASample checks that limits take the first images of an order that mixes
// the classes.
func TestFirstImagesAreASample(t *testing.T) {
	all := files(t, "", 50)
	train := mustLoad(t, all, dataset.Train).Train
	if first := train.Labels[:20]; !slices.Contains(first, 0) || !slices.Contains(first, 1) {
		t.Errorf("the first images are all of one class: %v", first)
	}
	limited, err := Load(t.Context(), Options{Path: datatest.WriteFiles(t, all), Height: 8, Width: 8, Limits: dataset.Limits{Train: 10}}, dataset.Train)
	if err != nil {
		t.Fatal(err)
	}
	if limited.Train.Hash() != train.Head(10).Hash() || !slices.Equal(limited.Train.Files, train.Head(10).Files) {
		t.Error("the first ten are others when ten are asked for")
	}
}

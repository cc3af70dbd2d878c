package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"onnxlab/configs"
	"onnxlab/dataset"
)

// TestOneSplitIsLoaded: whoever needs one split gets the images that both would
// have, and nothing but the first image of the other is read.
func TestOneSplitIsLoaded(t *testing.T) {
	train, validation, err := dataset.Synthetic(t.Context(), 1, 20, 8)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := dataset.WriteCIFAR10(dir, train, validation); err != nil {
		t.Fatal(err)
	}
	d := configs.Data{Source: dataset.SourceCIFAR10, Path: dir}
	for name, load := range map[string]struct {
		load   func() (*dataset.Set, error)
		want   *dataset.Set
		damage string
	}{
		"training":   {func() (*dataset.Set, error) { return loadTraining(t.Context(), d) }, train, "test_batch.bin"},
		"validation": {func() (*dataset.Set, error) { return loadValidation(t.Context(), d) }, validation, "data_batch_1.bin"},
	} {
		path := filepath.Join(dir, load.damage)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damaged := bytes.Clone(whole)
		damaged[len(damaged)/2] = 99 // a label beyond the last class
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := load.load(); err != nil || got.Hash() != load.want.Hash() {
			t.Errorf("%s: error %v, or other images", name, err)
		}
		if _, _, err := loadData(t.Context(), d); err == nil {
			t.Errorf("%s: the damage to %s does not show", name, load.damage)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

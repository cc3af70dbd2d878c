package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/cifar"
	"onnxlab/dataset/synthetic"
)

// TestOneSplitIsLoaded: loading one split gives the same images as loading both, and does
// not read the files of the other.
func TestOneSplitIsLoaded(t *testing.T) {
	train, validation, err := synthetic.Draw(t.Context(), 1, 20, 8)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := cifar.Write(dir, train, validation); err != nil {
		t.Fatal(err)
	}
	d := configs.Data{Source: "cifar10", Path: dir}
	for name, load := range map[string]struct {
		split  dataset.Split
		want   *dataset.Set
		damage string
	}{
		"training":   {dataset.Train, train, "test_batch.bin"},
		"validation": {dataset.Validation, validation, "data_batch_1.bin"},
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
		if got, err := LoadSplit(t.Context(), d, io.Discard, load.split); err != nil || got.Hash() != load.want.Hash() {
			t.Errorf("%s: error %v, or other images", name, err)
		}
		if _, err := LoadData(t.Context(), d, io.Discard); err == nil {
			t.Errorf("%s: the damage to %s does not show", name, load.damage)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

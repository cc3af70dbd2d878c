package snapshot

import (
	"os"
	"path/filepath"
	"testing"
)

// otherHash is the SHA-256 of "other".
const otherHash = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"

// FuzzManifest checks that no manifest makes a damaged checkpoint look undamaged.
func FuzzManifest(f *testing.F) {
	dir := f.TempDir()
	p, err := Begin(dir)
	if err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(p.CheckpointPath(), []byte("text"), 0o600); err != nil {
		f.Fatal(err)
	}
	path, err := p.Commit(Manifest{Step: 3, Epoch: 1, Partial: Partial{Steps: 1, Loss: 0.5, Correct: 7}, ValAccuracy: accuracy(0.5), ConfigHash: "c", DataHash: "d"})
	if err != nil {
		f.Fatal(err)
	}
	manifest := filepath.Join(path, manifestFile)
	whole, err := os.ReadFile(manifest)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"format": 2, "step": 1e99}`))
	f.Add([]byte(`{"format": 2, "checkpoint_bytes": 5, "val_accuracy": null}`))
	if err := os.WriteFile(CheckpointPath(path), []byte("other"), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(manifest, data, 0o600); err != nil {
			t.Fatal(err)
		}
		m, damage := Check(path)
		if damage == nil && m.CheckpointSHA256 != otherHash {
			t.Errorf("%s was taken for the manifest of another checkpoint", data)
		}
		if best, err := Best(dir); err == nil && damage != nil {
			t.Errorf("%q is the best, though %v", best, damage)
		}
	})
}

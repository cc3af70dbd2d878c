package snapshot

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write commits a snapshot whose checkpoint contains text.
func write(t *testing.T, dir string, m Manifest, text string) string {
	t.Helper()
	p, err := Begin(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.CheckpointPath(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := p.Commit(m)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func accuracy(a float64) *float64 { return &a }

func TestLatestAndBest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkpoints")
	if _, _, _, err := Latest(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v of a directory that is not there", err)
	}
	write(t, dir, Manifest{Step: 9, Epoch: 1, ValAccuracy: accuracy(0.7)}, "nine")
	best := write(t, dir, Manifest{Step: 10, Epoch: 2, ValAccuracy: accuracy(0.8)}, "ten")
	last := write(t, dir, Manifest{Step: 11, Epoch: 2, Partial: Partial{Steps: 1, Loss: 0.5, Correct: 3}, ConfigHash: "c", DataHash: "d"}, "eleven")
	m, path, damaged, err := Latest(dir)
	if err != nil || path != last || len(damaged) > 0 {
		t.Fatalf("latest %q, damaged %v, error %v; want %q", path, damaged, err, last)
	}
	if m.Partial.Correct != 3 || m.ConfigHash != "c" || m.DataHash != "d" || m.CheckpointBytes != 6 {
		t.Errorf("manifest %+v", m)
	}
	if got, err := Best(dir); err != nil || got != best {
		t.Errorf("best %q, error %v; want %q", got, err, best)
	}
}

// TestPrune checks that Prune keeps the latest snapshots, the best one and those of the
// given steps, and removes the leftovers of killed processes.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	for i, a := range []float64{0.1, 0.9, 0.2, 0.3, 0.4, 0.5} {
		write(t, dir, Manifest{Step: i, ValAccuracy: accuracy(a)}, "x")
	}
	if _, err := Begin(dir); err != nil { // as if the process were killed now
		t.Fatal(err)
	}
	if err := Prune(dir, 2, 2, 100); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "step-00000001 step-00000002 step-00000004 step-00000005" {
		t.Errorf("left %s", got)
	}
}

// TestDamage checks that every kind of damage is an error that names it, and that an older
// snapshot is used instead of the damaged one. If there is no older one, the error is not
// the one for a directory without snapshots.
func TestDamage(t *testing.T) {
	for want, damage := range map[string]func(path string) error{
		"is damaged":      func(p string) error { return os.WriteFile(CheckpointPath(p), []byte("twO"), 0o600) },
		"manifest says 3": func(p string) error { return os.WriteFile(CheckpointPath(p), []byte("tw"), 0o600) },
		// Reading all of it would take an hour.
		"more than the 3 bytes": func(p string) error { return os.Truncate(CheckpointPath(p), 1<<42) },
		"check snapshot":        func(p string) error { return os.Remove(CheckpointPath(p)) },
		"read snapshot":         func(p string) error { return os.Truncate(filepath.Join(p, manifestFile), 20) },
		"no such file":          func(p string) error { return os.Remove(filepath.Join(p, manifestFile)) },
		"format 7": func(p string) error {
			return os.WriteFile(filepath.Join(p, manifestFile), []byte(`{"format": 7}`), 0o600)
		},
		"negative": func(p string) error {
			return os.WriteFile(filepath.Join(p, manifestFile), []byte(`{"format": 2, "step": -1}`), 0o600)
		},
		"unknown field": func(p string) error {
			return os.WriteFile(filepath.Join(p, manifestFile), []byte(`{"format": 2, "stpe": 1}`), 0o600)
		},
	} {
		dir := t.TempDir()
		one := write(t, dir, Manifest{Step: 1}, "one")
		two := write(t, dir, Manifest{Step: 2}, "two")
		if err := damage(two); err != nil {
			t.Fatal(err)
		}
		_, path, damaged, err := Latest(dir)
		if err != nil || path != one || len(damaged) != 1 ||
			!strings.Contains(damaged[0].Error(), want) || !strings.Contains(damaged[0].Error(), two) {
			t.Errorf("%s: took %q, damaged %v, error %v", want, path, damaged, err)
		}
		if err := os.RemoveAll(one); err != nil {
			t.Fatal(err)
		}
		var none *DamagedError
		if _, _, _, err := Latest(dir); !errors.As(err, &none) || errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: of the only one: error %v", want, err)
		}
		if again := write(t, dir, Manifest{Step: 2}, "new"); again != two {
			t.Errorf("%s: replaced by %q", want, again)
		}
		if _, err := Check(two); err != nil {
			t.Errorf("%s: after it was replaced: %v", want, err)
		}
	}
}

// TestEachByte changes each byte of a snapshot, and cuts each of its files after each byte.
// Each time, the error must name the snapshot.
func TestEachByte(t *testing.T) {
	p, err := Begin(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.WriteFile(p.CheckpointPath(), []byte("twelve steps"), 0o600),
		os.WriteFile(filepath.Join(p.tmp, statisticsFile), []byte("measured anew"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	path, err := p.Commit(Manifest{
		Step: 12, Epoch: 2, Partial: Partial{Steps: 3, Loss: 1.5, Correct: 9}, ValAccuracy: accuracy(0.75), ConfigHash: "c", DataHash: "d",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{checkpointFile, statisticsFile, manifestFile} {
		file := filepath.Join(path, name)
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		refused := func(what string, at int, data []byte) {
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Check(path); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %s byte %d: error %v", name, what, at, err)
			}
		}
		for i := range good {
			refused("cut at", i, good[:i])
			for _, bit := range []byte{1, 1 << 5, 1 << 7} {
				flipped := bytes.Clone(good)
				flipped[i] ^= bit
				refused("flipped", i, flipped)
			}
		}
		refused("more after", len(good), append(bytes.Clone(good), '\n'))
		if err := os.WriteFile(file, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Check(path); err != nil {
		t.Errorf("whole again: %v", err)
	}
}

// TestBeforeLossScale reads a snapshot from before manifests had a loss scale, and checks
// that one in float32 is still written like that.
func TestBeforeLossScale(t *testing.T) {
	const before = `{
  "format": 2,
  "step": 12,
  "epoch": 3,
  "partial": {
    "steps": 0,
    "loss": 0,
    "correct": 0,
    "seconds": 0,
    "wait": 0
  },
  "val_accuracy": 0.75,
  "config_hash": "c",
  "data_hash": "d",
  "checkpoint_bytes": 12,
  "checkpoint_sha256": "146e7989ff6864fe1eb06deebfcd22ea83d5a317bf3a9db8d43cac1e9b4963ff",
  "manifest_sha256": "1cfc3a900471c977c8ac4ef69bed20c40e643406434a22e3c9d0e1624d7bf42b"
}
`
	accuracy := 0.75
	path := write(t, t.TempDir(), Manifest{Step: 12, Epoch: 3, ValAccuracy: &accuracy, ConfigHash: "c", DataHash: "d"}, "twelve steps")
	file := filepath.Join(path, manifestFile)
	if now, err := os.ReadFile(file); err != nil || string(now) != before {
		t.Errorf("error %v, got %s", err, now)
	}
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if m, err := Check(path); err != nil || m.Step != 12 || m.LossScale != nil {
		t.Errorf("read as %+v, error %v", m, err)
	}
}

// TestAbort checks that Abort leaves no files.
func TestAbort(t *testing.T) {
	dir := t.TempDir()
	p, err := Begin(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Commit(Manifest{}); err == nil {
		t.Error("a snapshot without a checkpoint was accepted")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left %v, error %v", entries, err)
	}
}

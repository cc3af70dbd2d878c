package sweep

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/warmstart"
)

// source returns parameters drawn from the seed.
func source(t *testing.T, name string, seed uint64) *warmstart.Source {
	t.Helper()
	n, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: 8, Width: 8, Widths: []int{2}, Convolutions: 1, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	c := n.Initialize(seed)
	return &warmstart.Source{Path: name, Place: "epoch 1, step 2", Parameters: append(c.Trainable, c.Frozen...), Classes: []string{"a", "b"}}
}

// claim claims root for a sweep of one cell that begins with these parameters.
func claim(t *testing.T, root string, from *warmstart.Source) (*Plan, error) {
	t.Helper()
	p, err := New(grid([]string{"none"}, []int{64}, 1), root)
	if err != nil {
		t.Fatal(err)
	}
	p.From = from
	release, err := p.Claim(true)
	if err != nil {
		return p, err
	}
	return p, release()
}

// TestFrom checks that a sweep keeps a copy of its initial parameters, and is resumed with
// these and no others.
func TestFrom(t *testing.T) {
	root := filepath.Join(t.TempDir(), "warm")
	p, err := claim(t, root, source(t, "first", 1))
	if err != nil || p.FromFile() != filepath.Join(root, "from.checkpoint") {
		t.Fatalf("%q, %v", p.FromFile(), err)
	}
	for _, again := range []*warmstart.Source{nil, source(t, "elsewhere", 1)} {
		p, err := claim(t, root, again)
		if err != nil || p.FromFile() != filepath.Join(root, "from.checkpoint") {
			t.Fatalf("%v: %q, %v", again, p.FromFile(), err)
		}
		kept, err := warmstart.Read(p.FromFile())
		if err != nil || kept.SHA256() != source(t, "first", 1).SHA256() || kept.Place != `of "first" (epoch 1, step 2)` {
			t.Errorf("%v: the sweep keeps %v, %v", again, kept, err)
		}
	}
	cold := filepath.Join(t.TempDir(), "cold")
	if p, err := claim(t, cold, nil); err != nil || p.FromFile() != "" {
		t.Fatalf("%q, %v", p.FromFile(), err)
	}
	other := source(t, "other", 2)
	for dir, want := range map[string]string{
		root: fmt.Sprintf(`from.checkpoint" (of "first" (epoch 1, step 2)) with SHA-256 %.12s became "other" (epoch 1, step 2) with %.12s`, source(t, "", 1).SHA256(), other.SHA256()),
		cold: `--from: nothing became "other" (epoch 1, step 2)`,
	} {
		var mismatch *trainloop.Mismatch
		if _, err := claim(t, dir, other); !errors.As(err, &mismatch) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}

// TestFromLeftOver checks a copy left by a sweep that never began. A new sweep replaces it
// with its own parameters, and does not mistake it for its own if it begins with random
// ones.
func TestFromLeftOver(t *testing.T) {
	root := t.TempDir()
	path := rundir.Layout{Dir: root}.From()
	if err := source(t, "first", 1).Write(path); err != nil {
		t.Fatal(err)
	}
	if _, err := claim(t, root, nil); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("error %v", err)
	}
	if rundir.Keeps(path) {
		t.Error("Keeps is true although no sweep has begun")
	}
	if _, err := claim(t, root, source(t, "second", 2)); err != nil {
		t.Fatal(err)
	}
	kept, err := warmstart.Read(path)
	if err != nil || kept.SHA256() != source(t, "", 2).SHA256() || !rundir.Keeps(path) {
		t.Errorf("the sweep keeps %v, %v", kept, err)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	var damaged *rundir.DataError
	if _, err := claim(t, root, nil); !errors.As(err, &damaged) {
		t.Errorf("error %v", err)
	}
}

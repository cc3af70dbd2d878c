package rundir

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestFailureFile(t *testing.T) {
	dir := t.TempDir()
	for _, cell := range []*Key{nil, {"none", 64, 0}, {"strong", 8192, math.MaxUint64}} {
		want := Failure{Error: "out of memory", ExitStatus: 1, Cell: cell}
		if err := WriteFailure(dir, want); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadFailure(dir); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, %v", got, err)
		}
	}
	for range 2 {
		if err := ClearFailure(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadFailure(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after clearing: %v", err)
	}
}

// TestListFailure lists runs that failed before they wrote anything. Their seed, even 0,
// comes from failure.json, if that contains it.
func TestListFailure(t *testing.T) {
	for _, seed := range []uint64{0, 1, 7, math.MaxUint64} {
		root, cell := t.TempDir(), Key{"none", 64, seed}
		for _, several := range []bool{false, true} {
			dir := CellDir(root, cell, several)
			mark(t, dir, &cell)
			for _, from := range []string{root, dir} {
				if runs, err := List(from); err != nil || !reflect.DeepEqual(runs, []Run{{Dir: dir, Key: cell}}) {
					t.Errorf("%s: %v, %v", from, runs, err)
				}
			}
		}
	}
	root, cell := t.TempDir(), Key{"none", 64, 7}
	dir := CellDir(root, cell, false)
	mark(t, dir, nil)
	want := []Run{{Dir: dir, Key: Key{Condition: "none", BatchSize: 64}, SeedUnknown: true}}
	if runs, err := List(root); err != nil || !reflect.DeepEqual(runs, want) {
		t.Errorf("a mark that tells nothing: %v, %v", runs, err)
	}
	mark(t, dir, &Key{"../escaped", 64, 7})
	var damaged *DataError
	if _, err := List(dir); !errors.As(err, &damaged) || damaged.Path != (Layout{dir}).Failure() {
		t.Errorf("a condition that is a path: %v", err)
	}
}

// TestCellDirAfterFailure checks that a cell that failed before it began keeps its
// directory, and that another seed does not get that directory.
func TestCellDirAfterFailure(t *testing.T) {
	for _, c := range []struct {
		what    string
		marked  *Key
		seed    uint64
		several bool
		want    string
	}{
		{"again", &Key{"none", 64, 1}, 1, false, "none/64"},
		{"again, seed 0", &Key{"none", 64, 0}, 0, false, "none/64"},
		{"with further seeds", &Key{"none", 64, 1}, 1, true, "none/64"},
		{"a further seed", &Key{"none", 64, 1}, 2, true, "none/64/seed-2"},
		{"a further seed 0", &Key{"none", 64, 1}, 0, true, "none/64/seed-0"},
		{"another seed", &Key{"none", 64, 1}, 2, false, "none/64/seed-2"},
		{"unknown, alone", nil, 1, false, "none/64"},
		{"unknown, seed 0 among others", nil, 0, true, "none/64/seed-0"},
		{"unknown, among others", nil, 1, true, "none/64/seed-1"},
	} {
		root := t.TempDir()
		mark(t, filepath.Join(root, "none", "64"), c.marked)
		if got, want := CellDir(root, Key{"none", 64, c.seed}, c.several), filepath.Join(root, filepath.FromSlash(c.want)); got != want {
			t.Errorf("%s: %q, want %q", c.what, got, want)
		}
	}
	root := t.TempDir()
	touch(t, "{", root, "none", "64", "failure.json")
	if got, want := CellDir(root, Key{"none", 64, 1}, true), filepath.Join(root, "none", "64", "seed-1"); got != want {
		t.Errorf("a damaged mark: %q, want %q", got, want)
	}
}

// mark makes a run directory that contains only failure.json.
func mark(t *testing.T, dir string, c *Key) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(dir, 0o755), WriteFailure(dir, Failure{Error: "out of memory", ExitStatus: 1, Cell: c})); err != nil {
		t.Fatal(err)
	}
}

package report

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/trainloop/rundir"
)

// oneEpoch makes runs of a single epoch with these final accuracies.
func oneEpoch(t *testing.T, accuracies map[rundir.Key]float64) string {
	t.Helper()
	root := t.TempDir()
	for cell, accuracy := range accuracies {
		dir := rundir.CellDir(root, cell, true)
		must(t, os.MkdirAll(dir, 0o755))
		must(t, rundir.WriteHistory(rundir.Layout{Dir: dir}.History(), []rundir.Epoch{{Step: 1, ValAccuracy: accuracy}}))
	}
	return root
}

// TestSpread uses a textbook example: 2, 4, 4, 4, 5, 5, 7, 9 has the mean 5, and the
// squared deviations add up to 32.
func TestSpread(t *testing.T) {
	mean, sd := meanAndSD([]float64{2, 4, 4, 4, 5, 5, 7, 9})
	if *mean != 5 || math.Abs(*sd-math.Sqrt(32.0/7)) > 1e-15 {
		t.Errorf("got %v ± %v", *mean, *sd)
	}
	if mean, sd := meanAndSD([]float64{3}); *mean != 3 || sd != nil {
		t.Errorf("one value: %v ± %v", *mean, sd)
	}
	if mean, sd := meanAndSD(nil); mean != nil || sd != nil {
		t.Errorf("no value: %v ± %v", mean, sd)
	}
}

// TestHoldsTo checks the border: two points below the best still holds, a little more does
// not. A batch size that recovers counts.
func TestHoldsTo(t *testing.T) {
	root := oneEpoch(t, map[rundir.Key]float64{
		{Condition: "a", BatchSize: 1, Seed: 1}: 0.90, {Condition: "a", BatchSize: 2, Seed: 1}: 0.88, {Condition: "a", BatchSize: 4, Seed: 1}: 0.8799,
		{Condition: "b", BatchSize: 1, Seed: 1}: 0.90, {Condition: "b", BatchSize: 2, Seed: 1}: 0.70, {Condition: "b", BatchSize: 4, Seed: 1}: 0.89,
	})
	table := load(t, root).Table(2)
	for i, want := range []string{"2", "4 or more"} {
		if got := table.Conditions[i].HoldsText(); got != want {
			t.Errorf("%s holds to %q, not %q", table.Conditions[i].Name, got, want)
		}
	}
	if got := load(t, root).Table(0).Conditions[0].HoldsText(); got != "1" {
		t.Errorf("with 0 points a holds to %q", got)
	}
}

// TestPartOfSeeds has a cell with one of two seeds missing.
func TestPartOfSeeds(t *testing.T) {
	s := load(t, oneEpoch(t, map[rundir.Key]float64{
		{Condition: "a", BatchSize: 1, Seed: 1}: 0.5, {Condition: "a", BatchSize: 1, Seed: 2}: 0.7, {Condition: "a", BatchSize: 2, Seed: 2}: 0.25,
	}))
	cells := s.Table(2).Conditions[0].Cells
	if got := cells[0].Text(); got != "60.00 ± 14.14" {
		t.Errorf("both: %q", got)
	}
	if got := cells[1].Text(); got != "25.00 (1 of 2)" || cells[1].State != Missing {
		t.Errorf("one: %q, %s", got, cells[1].State)
	}
}

// TestHistoriesAlone checks directories that have only histories: the longest ones count as
// done.
func TestHistoriesAlone(t *testing.T) {
	root := t.TempDir()
	sample := study()
	for batch, epochs := range map[int]int{128: 30, 256: 29} {
		cell := rundir.Key{Condition: "mine", BatchSize: batch}
		dir := rundir.CellDir(root, cell, false)
		must(t, os.MkdirAll(dir, 0o755))
		must(t, rundir.WriteHistory(rundir.Layout{Dir: dir}.History(), sample.history(cell, 1)[:epochs]))
	}
	s := load(t, root)
	if s.Runs[0].State != Done || s.Runs[1].State != Running || s.Runs[1].Epochs != 30 || s.Name != filepath.Base(root) {
		t.Errorf("%q: %+v", s.Name, s.Runs)
	}
	must(t, s.Write(root, DefaultDrop))
}

func TestNothingFinished(t *testing.T) {
	sample := study()
	sample.batches = []int{128, 256}
	root := sample.write(t, t.TempDir())
	s := load(t, root)
	for i := range s.Runs {
		must(t, os.Remove(rundir.Layout{Dir: s.Runs[i].Dir}.Summary()))
		must(t, os.Remove(rundir.Layout{Dir: s.Runs[i].Dir}.History()))
	}
	s = load(t, root)
	must(t, s.Write(root, DefaultDrop))
	if got := string(text(t, s)); strings.Count(got, "unfinished") != 8 || !strings.Contains(got, "none, batch size 128: 0 of 30 epochs done") {
		t.Errorf("got\n%s", got)
	}
}

func TestSingleRun(t *testing.T) {
	sample := study()
	sample.batches = []int{256}
	root := sample.write(t, t.TempDir())
	dir := filepath.Join(root, "strong", "256")
	s := load(t, dir)
	if len(s.Runs) != 1 || s.Runs[0].Condition != "strong" || s.Runs[0].BatchSize != 256 || s.Runs[0].State != Done {
		t.Fatalf("got %+v", s.Runs)
	}
	must(t, s.Write(dir, DefaultDrop))
	for _, name := range []string{"accuracy.png", "report.html", "da_type_strong.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// TestBareHistory is a run directory that says neither condition nor batch.
func TestBareHistory(t *testing.T) {
	dir := t.TempDir()
	must(t, rundir.WriteHistory(rundir.Layout{Dir: dir}.History(), []rundir.Epoch{{Step: 1, ValAccuracy: 0.5}}))
	must(t, load(t, dir).Write(dir, DefaultDrop))
}

func TestLoadRefuses(t *testing.T) {
	var none *NoRunsError
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "absent"), file} {
		if _, err := Load(dir); !errors.As(err, &none) || none.Dir != dir {
			t.Errorf("%s: %v", dir, err)
		}
	}
	sample := study()
	sample.batches = []int{128}
	damaged := sample.write(t, t.TempDir())
	path := rundir.Layout{Dir: filepath.Join(damaged, "medium", "128")}.History()
	data, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, bytes.Replace(data, []byte("\n3,"), []byte("\n3x,"), 1), 0o600))
	if _, err := Load(damaged); err == nil || !strings.Contains(err.Error(), path+`:5:1: epoch: "3x"`) {
		t.Errorf("a damaged history: %v", err)
	}
	must(t, os.Remove(path))
	var incomplete *rundir.DataError
	if _, err := Load(damaged); !errors.As(err, &incomplete) || incomplete.Path != path {
		t.Errorf("a complete run without its history: %v", err)
	}
}

// TestFailedThenDone checks a run with a failure.json from before it was resumed.
func TestFailedThenDone(t *testing.T) {
	sample := study()
	sample.batches = []int{128}
	root := sample.write(t, t.TempDir())
	must(t, rundir.WriteFailure(filepath.Join(root, "none", "128"), rundir.Failure{Error: "old"}))
	if r := load(t, root).Runs[0]; r.State != Done || r.Failure != "" {
		t.Errorf("got %s, %q", r.State, r.Failure)
	}
}

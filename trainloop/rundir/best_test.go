package rundir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"onnxlab/trainloop/snapshot"
)

// keptRun makes a run directory with a history of these validation accuracies, with four
// steps per epoch, and snapshots of the epochs in kept.
func keptRun(t *testing.T, accuracies []float64, kept ...int) Layout {
	t.Helper()
	l := Layout{Dir: t.TempDir()}
	var history []Epoch
	for i, a := range accuracies {
		history = append(history, Epoch{Epoch: i, Step: 4 * (i + 1), ValAccuracy: a})
	}
	if err := WriteHistory(l.History(), history); err != nil {
		t.Fatal(err)
	}
	for _, epoch := range kept {
		p, err := snapshot.Begin(l.Checkpoints())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p.CheckpointPath(), []byte("parameters"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Commit(snapshot.Manifest{Step: 4 * (epoch + 1), Epoch: epoch + 1, ValAccuracy: &accuracies[epoch]}); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// TestBestSnapshot checks that the result is the best epoch of the history, or an error
// that names it.
func TestBestSnapshot(t *testing.T) {
	for _, c := range []struct {
		name       string
		accuracies []float64
		kept       []int
		want       string // the snapshot, or what the error says
	}{
		{"best", []float64{0.5, 0.75, 0.7}, []int{1, 2}, "step-00000008"},
		{"last", []float64{0.5, 0.75, 0.8}, []int{1, 2}, "step-00000012"},
		{"earliest of equals", []float64{0.5, 0.75, 0.75}, []int{0, 1, 2}, "step-00000008"},
		{"another of equals", []float64{0.5, 0.75, 0.75}, []int{2}, "step-00000012"},
		{"a digit", []float64{0.1 + 0.2, 0.3}, []int{0, 1}, "step-00000004"},
		{
			"lost",
			[]float64{0.5, 0.75, 0.7},
			[]int{0, 2},
			": the checkpoint of epoch 2 (step 8), the best with a validation accuracy of 75.00 %, is gone; the best that is left is of epoch 3, with 70.00 %",
		},
		{
			"all lost",
			[]float64{0.5},
			nil,
			": the checkpoint of epoch 1 (step 4), the best with a validation accuracy of 50.00 %, is gone; so are those of all other epochs",
		},
	} {
		l := keptRun(t, c.accuracies, c.kept...)
		path, err := BestSnapshot(l.Dir)
		var damaged *DataError
		switch {
		case err == nil && path == filepath.Join(l.Checkpoints(), c.want):
		case errors.As(err, &damaged) && err.Error() == l.Checkpoints()+c.want:
		default:
			t.Errorf("%s: %q, %v, want %s", c.name, path, err, c.want)
		}
	}
}

// TestBestSnapshotUnfinished checks that only the snapshots decide if there is no history,
// and that a damaged one is not skipped.
func TestBestSnapshotUnfinished(t *testing.T) {
	l := keptRun(t, []float64{0.5, 0.25}, 0, 1)
	if err := os.Remove(l.History()); err != nil {
		t.Fatal(err)
	}
	path, err := BestSnapshot(l.Dir)
	if err != nil || filepath.Base(path) != "step-00000004" {
		t.Errorf("without a history: %q, %v", path, err)
	}
	if err := os.WriteFile(snapshot.CheckpointPath(path), []byte("others"), 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err := BestSnapshot(l.Dir); err == nil {
		t.Errorf("the damaged snapshot %q is the best", path)
	}
	if _, err := BestSnapshot(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
}

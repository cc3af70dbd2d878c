package trainloop

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// TestSaver checks that training does not wait for a save before the next one, and that the
// path or the error of a save is returned once.
func TestSaver(t *testing.T) {
	var s saver
	if path, err := s.wait(); path != "" || err != nil {
		t.Errorf("before the first save: %q, %v", path, err)
	}
	gate, order := make(chan error), []string{}
	save := func(name string) func() (string, error) {
		return func() (string, error) {
			err := <-gate
			order = append(order, name)
			return name, err
		}
	}
	s.start(save("a"))
	if err := s.failed(); err != nil {
		t.Errorf("under way, failed says %v", err)
	}
	gate <- nil
	if path, err := s.wait(); path != "a" || err != nil {
		t.Errorf("saved %q, %v", path, err)
	}
	full := errors.New("the disk is full")
	s.start(save("b"))
	gate <- full
	if _, err := s.wait(); err != full {
		t.Errorf("error %v, want %v", err, full)
	}
	s.start(save("c"))
	gate <- full
	for s.underway != nil {
		if err := s.failed(); s.underway == nil && err != full {
			t.Errorf("error %v, want %v", err, full)
		}
	}
	if path, err := s.wait(); path != "" || err != nil {
		t.Errorf("after all saves: %q, %v", path, err)
	}
	if got := strings.Join(order, " "); got != "a b c" {
		t.Errorf("saved %s", got)
	}
}

// TestSavedStateIsThatOfItsStep checks that steps that are done while a snapshot is being
// saved do not change it.
func TestSavedStateIsThatOfItsStep(t *testing.T) {
	want := func() []byte {
		r, err := start(t.Context(), small(t))
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		path := filepath.Join(t.TempDir(), "checkpoint")
		if err := errors.Join(r.step(t.Context()), r.trainer.Save(path)); err != nil {
			t.Fatal(err)
		}
		return mustRead(t, path)
	}()
	r, err := start(t.Context(), small(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if err := r.step(t.Context()); err != nil {
		t.Fatal(err)
	}
	pending, err := r.checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	r.commit(pending, nil, nil)
	save, gate := r.saver, make(chan struct{})
	r.saver.start(func() (string, error) {
		<-gate
		return save.wait()
	})
	for range 2 {
		if err := errors.Join(r.saver.failed(), r.step(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if r.saver.underway == nil {
		t.Error("the save is not under way")
	}
	close(gate)
	path, err := r.saver.wait()
	if err != nil {
		t.Fatal(err)
	}
	if string(mustRead(t, snapshot.CheckpointPath(path))) != string(want) {
		t.Error("the checkpoint has another state than the trainer had")
	}
	m, err := snapshot.Check(path)
	if err != nil || m.Step != 1 || m.Partial.Steps != 1 || r.at.Step != 3 {
		t.Errorf("snapshot %+v, error %v, at step %d of the run", m, err, r.at.Step)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// obstacle takes the place of the history file after some steps, until it is removed. By
// then, the save before the last one, which may write that file, has ended.
type obstacle struct {
	silent
	t       *testing.T
	history string
	left    int
}

func (o *obstacle) aside() string { return o.history + ".aside" }

func (o *obstacle) Stepped(Position, float64, float64, float64) {
	if o.left--; o.left != 0 {
		return
	}
	// There is no history before the end of the first epoch.
	if err := os.Rename(o.history, o.aside()); err != nil && !errors.Is(err, os.ErrNotExist) {
		o.t.Error(err)
	}
	if err := os.Mkdir(o.history, 0o755); err != nil {
		o.t.Error(err)
	}
}

func (o *obstacle) remove() {
	if err := os.Remove(o.history); err != nil {
		o.t.Error(err)
	}
	if err := os.Rename(o.aside(), o.history); err != nil && !errors.Is(err, os.ErrNotExist) {
		o.t.Error(err)
	}
}

// TestFailedSave checks that a save that fails in the background ends the run with its
// error, in the first epoch as in the last. The earlier snapshots stay intact, and once the
// obstacle is gone, the run ends like one that never failed.
func TestFailedSave(t *testing.T) {
	o := small(t, "train.checkpoint_steps=3")
	mustRun(t, o)
	for steps, latest := range map[int]int{2: 3, 7: 6, 11: 9} {
		failing := o
		failing.Dir, failing.Resume = filepath.Join(t.TempDir(), "run"), true
		layout := rundir.Layout{Dir: failing.Dir}
		block := &obstacle{t: t, history: layout.History(), left: steps}
		failing.Observer = block
		_, err := Run(t.Context(), failing)
		if err == nil || strings.Count(err.Error(), fmt.Sprintf("write %q", layout.History())) != 1 {
			t.Fatalf("after %d steps: error %v, want one failure to write %s", steps, err, layout.History())
		}
		if rundir.Complete(failing.Dir) {
			t.Errorf("after %d steps: the run is complete", steps)
		}
		m, _, damaged, err := snapshot.Latest(layout.Checkpoints())
		if m.Step != latest || len(damaged) > 0 || err != nil {
			t.Errorf("after %d steps: the latest snapshot is of step %d, want %d; damaged %v, error %v", steps, m.Step, latest, damaged, err)
		}
		block.remove()
		failing.Observer = nil
		mustRun(t, failing)
		sameOutcome(t, o.Dir, failing.Dir)
	}
}

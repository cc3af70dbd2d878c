package trainloop

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
	"onnxlab/trainloop/warmstart"
)

func mustSource(t *testing.T, path string) *warmstart.Source {
	t.Helper()
	s, err := warmstart.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// firstState returns the parameters of the snapshot with which a run begins.
func firstState(t *testing.T, dir string) *checkpoint.Checkpoint {
	t.Helper()
	c, err := checkpoint.Read(snapshot.CheckpointPath(snapshot.Path(rundir.Layout{Dir: dir}.Checkpoints(), 0)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFrom checks that a run begins with the parameters of another one, including running
// statistics but without the optimizer's state. It must end the same for every kind of
// source, and if it is interrupted after the other run has been deleted.
func TestFrom(t *testing.T) {
	o := small(t, "train.keep_checkpoints=9")
	mustRun(t, o)
	last := snapshot.Path(rundir.Layout{Dir: o.Dir}.Checkpoints(), 12)
	warm := with(beside(o, "warm"), func(e *configs.Experiment) { e.Seed = 7 })
	warm.From = mustSource(t, o.Dir)
	var notes []string
	warm.Note = func(text string) { notes = append(notes, text) }
	mustRun(t, warm)
	if want := fmt.Sprintf("begins with all 14 parameters of %q (epoch 3, step 12)", o.Dir); !slices.Equal(notes, []string{want}) {
		t.Errorf("notes %q, want %q", notes, want)
	}
	was, err := snapshot.Parameters(last)
	if err != nil {
		t.Fatal(err)
	}
	is := firstState(t, warm.Dir)
	for _, p := range slices.Concat(was.Trainable, was.Frozen) {
		if p.Name == onnxmodels.StepCounter {
			p.Data = []float32{0} // it counts its own steps
		}
		if got := is.Parameter(p.Name); got == nil || !slices.Equal(got.Data, p.Data) {
			t.Errorf("%s is different", p.Name)
		}
	}
	if is.Optimizer != nil || len(is.Trainable) != len(was.Trainable) {
		t.Errorf("it begins with the optimizer's state, or with %d of %d trainable parameters", len(is.Trainable), len(was.Trainable))
	}
	e, err := rundir.ReadEnvironment(warm.Dir)
	if want := (&rundir.From{Path: o.Dir, Place: "epoch 3, step 12", SHA256: warm.From.SHA256()}); err != nil || e.From.String() != want.String() {
		t.Errorf("environment.json says %v, want %v, %v", e.From, want, err)
	}

	warm.Note = nil
	for name, path := range map[string]string{"snapshot": last, "checkpoint": snapshot.CheckpointPath(last)} {
		same := beside(warm, name)
		same.From = mustSource(t, path)
		mustRun(t, same)
		sameOutcome(t, warm.Dir, same.Dir)
	}
	cold := beside(warm, "cold")
	cold.From = nil
	mustRun(t, cold)
	if a, _ := outcome(t, warm.Dir); bytes.Equal(a, first(outcome(t, cold.Dir))) {
		t.Error("the parameters make no difference")
	}

	if err := os.RemoveAll(o.Dir); err != nil {
		t.Fatal(err)
	}
	for _, k := range []int{1, 5, 9} {
		cut := beside(warm, fmt.Sprintf("cut-%d", k))
		cutAfter(t, cut, k)
		cut.Resume, cut.From = true, nil
		mustRun(t, cut)
		sameOutcome(t, warm.Dir, cut.Dir)
	}
}

// TestFromKilledAtOnce checks that a run that was killed before its first step has kept its
// initial parameters. If it was killed before it had its configuration, it begins again.
func TestFromKilledAtOnce(t *testing.T) {
	o := small(t)
	mustRun(t, o)
	warm := beside(o, "warm")
	warm.From = mustSource(t, o.Dir)
	mustRun(t, warm)
	for _, begun := range []bool{true, false} {
		cut := beside(warm, fmt.Sprintf("killed-%v", begun))
		cut.Experiment.Train.KeepCheckpoints = 99
		cutAfter(t, cut, 2)
		l := rundir.Layout{Dir: cut.Dir}
		remove := []string{snapshot.Path(l.Checkpoints(), 2)}
		if !begun {
			remove = append(remove, l.Config())
		}
		for _, path := range remove {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
		cut.Resume = begun
		if begun {
			cut.From = nil
		}
		mustRun(t, cut)
		sameOutcome(t, warm.Dir, cut.Dir)
	}
}

// TestFromOtherClasses checks that a classifier with other classes is initialised from the
// seed, and nothing else is.
func TestFromOtherClasses(t *testing.T) {
	o := small(t, "train.epochs=1")
	mustRun(t, o)
	few := func(names ...string) Options {
		set := &dataset.Set{Name: "own", Classes: names, Height: 32, Width: 32}
		for i := range 64 {
			set.Pixels = append(set.Pixels, bytes.Repeat([]uint8{uint8(i % 3 * 100)}, 32*32*3)...)
			set.Labels = append(set.Labels, int32(i%len(names)))
		}
		other := beside(o, fmt.Sprint(len(names), names[0]))
		other.Train, other.Validation, other.Experiment.Model.Classes = set, set, len(names)
		other.From = mustSource(t, o.Dir)
		return other
	}
	for _, c := range []struct {
		names  []string
		reason string
	}{
		{[]string{"dark", "light", "both"}, "it has 10 classes, and the network has 3"},
		{strings.Split("abcdefghij", ""), "its classes have other names"},
		{o.Train.Classes, ""},
	} {
		other := few(c.names...)
		var notes []string
		other.Note = func(text string) { notes = append(notes, text) }
		mustRun(t, other)
		network, err := Network(other.Experiment, 32, 32)
		if err != nil {
			t.Fatal(err)
		}
		random, is := network.Initialize(other.Experiment.Seed), firstState(t, other.Dir)
		for _, p := range other.From.Parameters {
			want, anew := p.Data, c.reason != "" && strings.HasPrefix(p.Name, "dense.")
			if anew {
				want = random.Parameter(p.Name).Data
			}
			if !slices.Equal(is.Parameter(p.Name).Data, want) {
				t.Errorf("%v: %s is different", c.names, p.Name)
			}
		}
		want := fmt.Sprintf("begins with all 14 parameters of %s", other.From)
		if c.reason != "" {
			want = fmt.Sprintf("begins with 12 parameters of %s; dense.weight and dense.bias are initialised at random, since %s", other.From, c.reason)
		}
		if !slices.Equal(notes, []string{want}) {
			t.Errorf("notes %q, want %q", notes, want)
		}
	}
}

// TestFromRefused checks the errors for parameters of another network, and for a run that
// began with other parameters.
func TestFromRefused(t *testing.T) {
	o := small(t, "train.epochs=2")
	mustRun(t, o)
	warm := beside(o, "warm")
	warm.From = mustSource(t, o.Dir)
	wide := with(beside(warm, "wide"), func(e *configs.Experiment) { e.Model.Widths = []int{8, 16, 32} })
	var misfit *warmstart.Misfit
	if _, err := Run(t.Context(), wide); !errors.As(err, &misfit) {
		t.Errorf("error %v, want a Misfit", err)
	}
	if _, err := os.Stat(wide.Dir); err == nil {
		t.Error("a directory was made")
	}

	mustRun(t, warm)
	early, err := warmstart.ReadBest(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	early.Parameters[0].Data[0]++
	cold := o
	cold.Resume, cold.From = true, warm.From
	other := warm
	other.Resume, other.From = true, early
	for want, o := range map[string]Options{
		fmt.Sprintf("--from: nothing became %s with SHA-256 %.12s", warm.From, warm.From.SHA256()): cold,
		fmt.Sprintf(" with SHA-256 %.12s became %s with SHA-256 ", warm.From.SHA256(), early):      other,
	} {
		var mismatch *Mismatch
		if _, err := Run(t.Context(), o); !errors.As(err, &mismatch) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
	warm.Resume = true
	mustRun(t, warm)
	if err := os.RemoveAll(rundir.Layout{Dir: warm.Dir}.Checkpoints()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(rundir.Layout{Dir: warm.Dir}.Summary()); err != nil {
		t.Fatal(err)
	}
	model, _ := outcome(t, warm.Dir)
	bare := warm
	bare.From = nil
	if _, err := Run(t.Context(), bare); err == nil || !strings.HasSuffix(err.Error(), "give them again with --from") {
		t.Errorf("error %v", err)
	}
	mustRun(t, warm)
	if again, _ := outcome(t, warm.Dir); !bytes.Equal(again, model) {
		t.Error("it began differently the second time")
	}
}

// TestFromAndLonger combines initial parameters with a later increase of the epochs.
func TestFromAndLonger(t *testing.T) {
	o := small(t, "schedule.kind=constant", "train.epochs=4")
	mustRun(t, o)
	warm := beside(o, "warm")
	warm.From = mustSource(t, filepath.Clean(o.Dir))
	mustRun(t, warm)
	short := beside(warm, "short")
	short.Experiment.Train.Epochs = 2
	mustRun(t, short)
	short = longer(short, 4)
	short.From = nil
	mustRun(t, short)
	sameOutcome(t, warm.Dir, short.Dir)
}

package trainloop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
)

// cutAfter runs o and interrupts it after this many steps; with 0, it runs to its end.
func cutAfter(t *testing.T, o Options, steps int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	o.Observer = &stopAt{left: steps, stop: stop}
	_, err := Run(ctx, o)
	var interrupted *Interrupted
	if steps == 0 && err != nil || steps > 0 && !errors.As(err, &interrupted) {
		t.Fatalf("after %d steps: error %v", steps, err)
	}
}

// longer returns the options that resume the run with another number of epochs.
func longer(o Options, epochs int) Options {
	o.Resume, o.Experiment.Train.Epochs = true, epochs
	return o
}

// TestLonger checks that a run that gets another number of epochs, after its end or before,
// ends like one that had this number from the start.
func TestLonger(t *testing.T) {
	for name, sets := range map[string][]string{
		"step":        {"schedule.decay_epochs=[2,4]"},
		"constant":    {"schedule.kind=constant", "schedule.warmup_epochs=0"},
		"corrected":   {"schedule.decay_epochs=[2,4]", "optimizer.momentum_correction=true"},
		"exponential": {"schedule.kind=exponential", "schedule.decay_factor=0.8"},
		"plateau":     {"schedule.kind=plateau", "schedule.patience=1", "schedule.min_delta=100", "schedule.warmup_epochs=0"},
		"restoring":   {"train.stop_patience=9", "train.stop_restore_best=true", "train.keep_checkpoints=1"},
	} {
		t.Run(name, func(t *testing.T) {
			o := small(t, append(sets, "train.epochs=6")...)
			mustRun(t, o)
			for _, c := range []struct{ epochs, steps int }{{2, 0}, {3, 10}, {9, 10}} {
				short := beside(o, fmt.Sprintf("%d-%d", c.epochs, c.steps))
				short.Experiment.Train.Epochs = c.epochs
				cutAfter(t, short, c.steps)
				var notes []string
				again := longer(short, 6)
				again.Note = func(text string) { notes = append(notes, text) }
				mustRun(t, again)
				sameOutcome(t, o.Dir, short.Dir)
				if want := fmt.Sprintf("train.epochs: %d became 6", c.epochs); !slices.Equal(notes, []string{want}) {
					t.Errorf("notes %q, want %q", notes, want)
				}
				if e, err := rundir.ReadConfig(short.Dir); err != nil || e.Hash() != o.Experiment.Hash() {
					t.Errorf("config.yaml has %d epochs, %v", e.Train.Epochs, err)
				}
				mustRun(t, longer(short, 6)) // complete
			}
		})
	}
}

// TestLongerStoppedEarly checks that more epochs do not continue a run that has stopped
// early.
func TestLongerStoppedEarly(t *testing.T) {
	o := small(t, "train.epochs=4", "train.stop_patience=2", "train.stop_min_delta=100")
	mustRun(t, o)
	model, _ := outcome(t, o.Dir)
	s := mustRun(t, longer(o, 9))
	if again, history := outcome(t, o.Dir); string(again) != string(model) || len(history) != 3 || *s.StoppedEpoch != 2 {
		t.Errorf("%d epochs, summary %+v", len(history), s)
	}
	// With three epochs, it ran to the end.
	if s := mustRun(t, longer(o, 3)); s.StoppedEpoch != nil || s.Epochs != 3 {
		t.Errorf("summary %+v", s)
	}
}

// TestLongerThanTheSchedule checks that a number of epochs is an error if finished epochs
// would have had other rates, or if it is less than the run already has. The error says
// what to do, and no file changes.
func TestLongerThanTheSchedule(t *testing.T) {
	for _, c := range []struct {
		sets          []string
		steps, epochs int
		want          string // empty if the run goes on
	}{
		{[]string{"schedule.kind=cosine", "schedule.warmup_epochs=0"}, 0, 6, "it trained epoch 1 at the rate 0.0245741, but schedule.kind cosine with 6 epochs has 0.0248931 there: resume it as it began, or begin another run with its parameters, with --from "},
		{[]string{"schedule.kind=polynomial", "schedule.warmup_epochs=0"}, 5, 6, "schedule.kind polynomial with 6 epochs has "},
		{[]string{"schedule.kind=one-cycle", "schedule.warmup_epochs=0"}, 0, 4, "schedule.kind one-cycle with 4 epochs has "},
		{[]string{"schedule.kind=cosine", "schedule.warmup_epochs=2", "optimizer.reference_batch=16"}, 8, 6, ""}, // still within the warmup
		{nil, 0, 2, "it is already in epoch 3: set train.epochs to 3 or more"},
		{nil, 9, 2, "it is already in epoch 3: set train.epochs to 3 or more"},
		{nil, 8, 2, ""},
		{[]string{"seed=2"}, 0, 4, ""},
	} {
		o := small(t, c.sets...)
		cutAfter(t, o, c.steps)
		before := filesOf(t, o.Dir)
		again := longer(o, c.epochs)
		_, err := Run(t.Context(), again)
		if c.want == "" {
			if err != nil {
				t.Errorf("%v: %v", c, err)
			}
			straight := beside(o, "straight")
			straight.Experiment.Train.Epochs = c.epochs
			mustRun(t, straight)
			sameOutcome(t, o.Dir, straight.Dir)
			continue
		}
		var mismatch *Mismatch
		if !errors.As(err, &mismatch) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), fmt.Sprintf("\n  train.epochs: 3 became %d\n", c.epochs)) {
			t.Errorf("%v: error %v", c, err)
		}
		if after := filesOf(t, o.Dir); after != before {
			t.Errorf("%v: before\n%s\nafter\n%s", c, before, after)
		}
	}
	o := small(t)
	mustRun(t, o)
	o = longer(o, 6)
	o.Experiment.Seed++
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "seed: 1 became 2\n  train.epochs: 3 became 6\nresume it as it began") {
		t.Errorf("error %v", err)
	}
}

// filesOf returns the names, sizes and times of all files below dir.
func filesOf(t *testing.T, dir string) string {
	t.Helper()
	var text strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !d.IsDir() && path != ".lock" {
			fmt.Fprintln(&text, path, info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestKilledWhileItBecameLonger leaves the directory in each state in which a process
// leaves it that is killed between two of the writes of changeLength. The run must go on
// from each of them.
func TestKilledWhileItBecameLonger(t *testing.T) {
	o := small(t, "train.epochs=4")
	mustRun(t, o)
	for writes := 1; writes <= 3; writes++ {
		short := beside(o, fmt.Sprintf("killed-%d", writes))
		short.Experiment.Train.Epochs = 2
		cutAfter(t, short, 0)
		e, err := rundir.ReadEnvironment(short.Dir)
		if err != nil {
			t.Fatal(err)
		}
		e.EarlierEpochs = []int{2}
		if err := rundir.WriteEnvironment(short.Dir, e); err != nil {
			t.Fatal(err)
		}
		if writes > 1 {
			if err := rundir.RemoveSummary(short.Dir); err != nil {
				t.Fatal(err)
			}
		}
		if writes > 2 {
			text, err := configs.Marshal(o.Experiment)
			if err != nil {
				t.Fatal(err)
			}
			if err := durable.WriteBytes((rundir.Layout{Dir: short.Dir}).Config(), text); err != nil {
				t.Fatal(err)
			}
		} else if s := mustRun(t, longer(short, 2)); s.Epochs != 2 {
			t.Errorf("after %d writes: summary %+v", writes, s)
		}
		mustRun(t, longer(short, 4))
		sameOutcome(t, o.Dir, short.Dir)
		if e, err := rundir.ReadEnvironment(short.Dir); err != nil || !slices.Equal(e.EarlierEpochs, []int{2}) {
			t.Errorf("earlier epochs %v, %v", e.EarlierEpochs, err)
		}
	}
}

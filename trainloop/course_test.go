package trainloop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/trainloop/monitor"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// beside returns the options of another run in the same folder.
func beside(o Options, name string) Options {
	o.Dir = filepath.Join(filepath.Dir(o.Dir), name)
	return o
}

// with returns the options with a changed experiment.
func with(o Options, change func(e *configs.Experiment)) Options {
	change(&o.Experiment)
	return o
}

// endsTheSame interrupts runs with the options o after each of these numbers of steps, and
// checks that, resumed, they end like the run of o, which is complete.
func endsTheSame(t *testing.T, o Options, steps ...int) {
	t.Helper()
	for _, k := range steps {
		cut := beside(o, fmt.Sprintf("cut-%d", k))
		cut.Resume = true
		ctx, stop := context.WithCancel(t.Context())
		cut.Observer = &stopAt{left: k, stop: stop}
		_, err := Run(ctx, cut)
		stop()
		var interrupted *Interrupted
		if err != nil && !errors.As(err, &interrupted) {
			t.Fatalf("step %d: error %v", k, err)
		}
		cut.Observer = nil
		mustRun(t, cut)
		sameOutcome(t, o.Dir, cut.Dir)
		if err := os.RemoveAll(cut.Dir); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlateau checks a run in which no epoch improves by as much as 100, so that each epoch
// after the first lowers the rate of the next one. It also interrupts the run.
func TestPlateau(t *testing.T) {
	o := small(t, "train.epochs=5", "schedule.kind=plateau", "schedule.warmup_epochs=0", "schedule.patience=1", "schedule.min_delta=100",
		"schedule.decay_factor=0.5", "schedule.min_rate=0.01", "optimizer.learning_rate=0.03", "optimizer.reference_batch=32")
	mustRun(t, o)
	_, history := outcome(t, o.Dir)
	for epoch, want := range []float64{0.03, 0.03, 0.015, 0.01, 0.01} {
		if got := history[epoch].LearningRate; math.Abs(got-want) > 1e-15 {
			t.Errorf("epoch %d has the rate %v, want %v", epoch, got, want)
		}
	}
	endsTheSame(t, o, 4, 7, 8, 9, 13, 17)
	constant := with(beside(o, "constant"), func(e *configs.Experiment) { e.Schedule.Kind = "constant" })
	mustRun(t, constant)
	if a, _ := outcome(t, o.Dir); bytes.Equal(a, first(outcome(t, constant.Dir))) {
		t.Error("training did not use the lower rates")
	}
}

// stopsBetween finds a patience with which a run of this history stops before its end, and
// after a best epoch that is not the first.
func stopsBetween(t *testing.T, o Options, history []rundir.Epoch, quantity string) (Options, monitor.Stop) {
	t.Helper()
	o.Experiment.Train.StopMonitor = quantity
	for patience := range 4 {
		o.Experiment.Train.StopPatience = patience
		if stop := stopOf(o.Experiment.Train, history); stop.Stopped && stop.Epoch+1 < len(history) && stop.Best > 0 {
			return o, stop
		}
	}
	t.Fatalf("no patience stops within\n%v", history)
	return o, monitor.Stop{}
}

// TestStopsEarly checks that a run that stops early has the same epochs as one without a
// patience, up to the epoch at which its history says to stop, and the model of the last or
// of the best of these epochs.
func TestStopsEarly(t *testing.T) {
	o := small(t, "train.epochs=12", "train.keep_checkpoints=1", "schedule.kind=constant", "optimizer.learning_rate=0.02", "seed=7", "schedule.warmup_epochs=0")
	mustRun(t, o)
	_, whole := outcome(t, o.Dir)
	for _, quantity := range []string{configs.ValLoss, configs.ValAccuracy} {
		for _, restore := range []bool{false, true} {
			name := fmt.Sprintf("%s-%v", quantity, restore)
			early, want := stopsBetween(t, beside(o, name), whole, quantity)
			early.Experiment.Train.StopRestoreBest = restore
			s := mustRun(t, early)
			model, history := outcome(t, early.Dir)
			if fmt.Sprint(history) != fmt.Sprint(whole[:want.Epoch+1]) {
				t.Errorf("%s: history\n%v\nwant the first %d epochs of\n%v", name, history, want.Epoch+1, whole)
			}
			if s.StoppedEpoch == nil || *s.StoppedEpoch != want.Epoch || s.StopReason != stopReason(early.Experiment.Train) || s.Epochs != want.Epoch+1 || s.Status != rundir.StatusDone {
				t.Errorf("%s: summary %+v", name, s)
			}
			epochs := want.Epoch + 1
			if restore {
				epochs = want.Best + 1
			}
			if (s.RestoredEpoch != nil) != restore || restore && (*s.RestoredEpoch != want.Best || *s.RestoredValAccuracy != whole[want.Best].ValAccuracy) {
				t.Errorf("%s: summary %+v, want epoch %d", name, s, want.Best)
			}
			short := with(beside(o, name+"-short"), func(e *configs.Experiment) { e.Train.Epochs = epochs })
			mustRun(t, short)
			if !bytes.Equal(model, first(outcome(t, short.Dir))) {
				t.Errorf("%s: the model is not that of %d epochs", name, epochs)
			}
			if path, err := TrainedSnapshot(early.Dir); err != nil || path != snapshot.Path(rundir.Layout{Dir: early.Dir}.Checkpoints(), 4*epochs) {
				t.Errorf("%s: the model is of the snapshot %q, %v", name, path, err)
			}
			endsTheSame(t, early, 1, 4*want.Best+2, 4*want.Epoch, 4*want.Epoch+3, 4*want.Epoch+4)
		}
	}
}

// TestRestoresAtTheEnd checks that a run that does not stop early restores the best epoch
// too, and does not say that it stopped.
func TestRestoresAtTheEnd(t *testing.T) {
	o := small(t, "train.epochs=4", "train.stop_patience=3", "train.stop_min_delta=100", "train.stop_restore_best=true", "train.keep_checkpoints=1")
	s := mustRun(t, o)
	if s.StoppedEpoch != nil || s.StopReason != "" || s.RestoredEpoch == nil || *s.RestoredEpoch != 0 || s.Epochs != 4 {
		t.Errorf("summary %+v", s)
	}
}

func TestStopReason(t *testing.T) {
	for want, settings := range map[string]configs.Train{
		"val_loss did not improve by more than 0.01 for 3 epochs": {StopMonitor: configs.ValLoss, StopMinDelta: 0.01, StopPatience: 3},
		"val_accuracy did not improve for 1 epoch":                {StopMonitor: configs.ValAccuracy, StopPatience: 1},
	} {
		if got := stopReason(settings); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestBestIsGone checks the error if the snapshot of the best epoch is damaged.
func TestBestIsGone(t *testing.T) {
	o := small(t, "train.epochs=4", "train.stop_patience=9", "train.stop_min_delta=100", "train.stop_restore_best=true")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cut := o
	cut.Observer = &stopAt{left: 14, stop: stop}
	if _, err := Run(ctx, cut); err == nil {
		t.Fatal("the run was not interrupted")
	}
	best := snapshot.Path(rundir.Layout{Dir: o.Dir}.Checkpoints(), 4)
	flip(t, snapshot.CheckpointPath(best))
	o.Resume = true
	var damaged *rundir.DataError
	if _, err := Run(t.Context(), o); !errors.As(err, &damaged) || damaged.Path != best || !strings.Contains(err.Error(), "the best epoch, 1, cannot be restored: ") {
		t.Errorf("error %v", err)
	}
}

// ending records where a run began.
type ending struct {
	silent
	begun Position
}

func (e *ending) Started(p Position) { e.begun = p }

// TestKilledAfterStopping checks that a run that had stopped early, and was killed before
// it wrote its model, ends without training another epoch.
func TestKilledAfterStopping(t *testing.T) {
	o := small(t, "train.epochs=9", "train.stop_patience=2", "train.stop_min_delta=100")
	mustRun(t, o)
	model, _ := outcome(t, o.Dir)
	l := rundir.Layout{Dir: o.Dir}
	for _, path := range []string{l.Summary(), l.Model()} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	seen := &ending{}
	o.Resume, o.Observer = true, seen
	mustRun(t, o)
	if again, _ := outcome(t, o.Dir); !bytes.Equal(again, model) {
		t.Error("the model is different")
	}
	if want := (Position{Epoch: 3, Epochs: 3, StepsPerEpoch: 4}); seen.begun != want {
		t.Errorf("it began at %+v, want %+v", seen.begun, want)
	}
}

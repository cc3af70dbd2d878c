package trainloop

import (
	"context"
	"errors"
	"testing"

	"onnxlab/trainloop/rundir"
)

// TestEpochStepper compares the steps that are timed with those of a run: the
// same batches, rates and losses.
func TestEpochStepper(t *testing.T) {
	o := small(t)
	mustRun(t, o)
	history, err := rundir.ReadHistory(rundir.Layout{Dir: o.Dir}.History())
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewEpochStepper(t.Context(), o.Experiment, o.Train)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	steps := s.steps.feed.StepsPerEpoch()
	for _, epoch := range history {
		loss := 0.0
		for range steps {
			result, _, err := s.steps.optimize(t.Context(), s.done)
			if err != nil {
				t.Fatal(err)
			}
			loss += result.Loss
			s.done++
		}
		if loss /= float64(steps); loss != epoch.Loss {
			t.Errorf("epoch %d: loss %v, want %v as in the run", epoch.Epoch, loss, epoch.Loss)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Step(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestEpochStepperInterrupted wants the drawing of the images to end with ctx.
func TestEpochStepperInterrupted(t *testing.T) {
	o := small(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewEpochStepper(ctx, o.Experiment, o.Train); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// TestMeasureEpoch measures a whole epoch and a part of one.
func TestMeasureEpoch(t *testing.T) {
	o := small(t) // 4 batches of 32, in micro-batches of 16
	for images, want := range map[int]int{0: 128, 128: 128, 70: 64, 1: 32} {
		m, err := MeasureEpoch(t.Context(), o.Experiment, o.Train, images)
		if err != nil {
			t.Fatal(err)
		}
		if m.Images != want || m.BatchSize != 32 || m.MicroBatch != 16 || m.Recipe != "strong" {
			t.Errorf("%d images: %+v, want %d in batches of 32 as two of 16", images, m, want)
		}
		if !(m.Seconds > 0 && m.DataWait >= 0 && m.DataWait < 1 && m.PeakBytes > 0) {
			t.Errorf("%d images: %+v, want seconds, a share and memory", images, m)
		}
		if got := m.ImagesPerSecond * m.Seconds; got < 0.999*float64(want) || got > 1.001*float64(want) {
			t.Errorf("%d images: %v images/s in %v s are %v images", images, m.ImagesPerSecond, m.Seconds, got)
		}
	}
}

// TestEpochStepperDiverges has a rate at which the loss becomes infinite.
func TestEpochStepperDiverges(t *testing.T) {
	o := small(t)
	o.Experiment.Optimizer.LearningRate = 1e30
	_, err := MeasureEpoch(t.Context(), o.Experiment, o.Train, 0)
	var diverged *Diverged
	if !errors.As(err, &diverged) || diverged.Step == 0 || diverged.Snapshot != "" {
		t.Errorf("%v, want *Diverged after the first step", err)
	}
}

// TestEpochStepperSettings refuses what does not go with the images.
func TestEpochStepperSettings(t *testing.T) {
	classes, batch := small(t), small(t)
	classes.Experiment.Model.Classes = 7
	batch.Experiment.Train.BatchSize = 256
	for key, o := range map[string]Options{"model.classes": classes, "train.batch_size": batch} {
		var setting *SettingError
		if _, err := NewEpochStepper(t.Context(), o.Experiment, o.Train); !errors.As(err, &setting) || setting.Key != key {
			t.Errorf("%v, want a *SettingError of %s", err, key)
		}
	}
	open := small(t)
	open.Experiment.Model.Classes = 0
	if m, err := MeasureEpoch(t.Context(), open.Experiment, open.Train, 32); err != nil || m.Images != 32 {
		t.Errorf("the number of classes is left to the data: %+v, %v", m, err)
	}
	var setting *SettingError
	if _, err := Network(open.Experiment, 32, 32); !errors.As(err, &setting) || setting.Key != "model.classes" {
		t.Errorf("without data: %v, want a *SettingError", err)
	}
}

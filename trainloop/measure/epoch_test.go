package measure

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/source"
	"onnxlab/ort/library/librarytest"
	"onnxlab/trainloop"
)

// small returns a small experiment with 128 training images.
func small(t *testing.T) (configs.Experiment, *dataset.Set) {
	t.Helper()
	librarytest.Open(t)
	e, err := configs.Load(filepath.Join("..", "..", "configs", "smoke.yaml"),
		[]string{"train.epochs=3", "data.train=128", "data.validation=40", "train.batch_size=32"})
	if err != nil {
		t.Fatal(err)
	}
	data, err := source.Load(t.Context(), e.Data)
	if err != nil {
		t.Fatal(err)
	}
	return *e, data.Train
}

// TestEpochStepperInterrupted checks that drawing the images ends when ctx is cancelled.
func TestEpochStepperInterrupted(t *testing.T) {
	e, train := small(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewEpochStepper(ctx, e, train); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// TestMeasureEpoch measures a whole epoch and a part of one.
func TestEpoch(t *testing.T) {
	e, train := small(t) // 4 batches of 32, in micro-batches of 16
	for images, want := range map[int]int{0: 128, 128: 128, 70: 64, 1: 32} {
		m, err := Epoch(t.Context(), e, train, images)
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

// TestEpochStepperDiverges uses a rate at which the loss becomes infinite.
func TestEpochStepperDiverges(t *testing.T) {
	e, train := small(t)
	e.Optimizer.LearningRate = 1e30
	_, err := Epoch(t.Context(), e, train, 0)
	var diverged *trainloop.Diverged
	if !errors.As(err, &diverged) || diverged.Step == 0 || diverged.Snapshot != "" {
		t.Errorf("%v, want *Diverged after the first step", err)
	}
}

// TestEpochStepperSettings checks the errors for settings that do not fit the images.
func TestEpochStepperSettings(t *testing.T) {
	classes, train := small(t)
	batch, open := classes, classes
	classes.Model.Classes = 7
	batch.Train.BatchSize = 256
	for key, e := range map[string]configs.Experiment{"model.classes": classes, "train.batch_size": batch} {
		var setting *trainloop.SettingError
		if _, err := NewEpochStepper(t.Context(), e, train); !errors.As(err, &setting) || setting.Key != key {
			t.Errorf("%v, want a *SettingError of %s", err, key)
		}
	}
	open.Model.Classes = 0
	if m, err := Epoch(t.Context(), open, train, 32); err != nil || m.Images != 32 {
		t.Errorf("the number of classes is left to the data: %+v, %v", m, err)
	}
}

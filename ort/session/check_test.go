//go:build cgo

package session

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/library/librarytest"
)

// tiny is a network of 4x4 images and three classes, and its training.
func tiny(t *testing.T) (*onnxmodels.Network, Training) {
	t.Helper()
	librarytest.Open(t)
	n, err := onnxmodels.NewNetwork(4, 4, onnxmodels.Flatten("flat"), onnxmodels.Dropout("drop", 0.5), onnxmodels.Dense("dense", 3))
	if err != nil {
		t.Fatal(err)
	}
	a, err := n.Artifacts(onnxmodels.TrainingOptions{Batch: 2})
	if err != nil {
		t.Fatal(err)
	}
	return n, Training{
		TrainingModel: marshal(t, a.Training), OptimizerModel: marshal(t, a.Optimizer),
		Checkpoint: checkpoint.Encode(n.Initialize(1)), HasDropout: true, Height: 4, Width: 4, BatchSize: 2,
	}
}

func marshal(t *testing.T, m *modelfile.Model) []byte {
	t.Helper()
	data, err := modelfile.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestTrainingsThatDoNotGoTogether checks that NewTrainer refuses trainings whose parts do not
// fit together, with errors that name what is wrong.
func TestTrainingsThatDoNotGoTogether(t *testing.T) {
	n, good := tiny(t)
	a, err := n.Artifacts(onnxmodels.TrainingOptions{Batch: 2, Momentum: 0.9, Nesterov: true})
	if err != nil {
		t.Fatal(err)
	}
	nesterov := marshal(t, a.Training)
	for _, c := range []struct {
		change func(t *Training, c *checkpoint.Checkpoint)
		want   string
	}{
		{func(t *Training, _ *checkpoint.Checkpoint) { t.Height = -4 }, "images of -4x4 pixels in 3 channels, but the training model takes [2 4 4 3]"},
		{func(t *Training, _ *checkpoint.Checkpoint) { t.Height = 1 << 40 }, "images of 1099511627776x4 pixels"},
		{func(t *Training, _ *checkpoint.Checkpoint) { t.BatchSize = 4 }, "micro-batches of 4 images, but the training model takes 2 at once"},
		{func(t *Training, _ *checkpoint.Checkpoint) { t.HasDropout = false }, "dropout_seed"},
		{func(t *Training, _ *checkpoint.Checkpoint) { t.TrainingModel = nil }, "training model: not an ONNX model"},
		{func(t *Training, _ *checkpoint.Checkpoint) { t.TrainingModel = t.OptimizerModel }, "the checkpoint has no parameter"},
		{func(_ *Training, c *checkpoint.Checkpoint) { c.Trainable = nil }, `the checkpoint has no parameter "dense.weight": it is of another network`},
		{func(_ *Training, c *checkpoint.Checkpoint) { c.Parameter("dense.weight").Shape = []int{3, 48} }, `parameter "dense.weight": the checkpoint's shape [3 48] is not the training model's [48 3]`},
		{func(_ *Training, c *checkpoint.Checkpoint) { c.Parameter("dense.weight").Data = nil }, `checkpoint: tensor "dense.weight": shape [48 3] needs 576 bytes, the file has 0`},
		{func(t *Training, _ *checkpoint.Checkpoint) { t.Mixes = true }, `the training model has no input "second_label", but Mixes is true`},
		{func(t *Training, _ *checkpoint.Checkpoint) { t.TrainingModel = nesterov }, `the checkpoint has no "optimizer.velocity", which is part of the optimizer's state (Artifacts.Complete adds it)`},
	} {
		training, state := good, n.Initialize(1)
		c.change(&training, state)
		training.Checkpoint = checkpoint.Encode(state)
		if tr, err := NewTrainer(training, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("trainer %v, error %v, want one that has %q", tr, err, c.want)
		}
	}
	if _, err := NewTrainer(good, Options{Device: "tpu"}); err == nil || Check(Options{Device: "tpu"}) == nil {
		t.Error("an unknown device is accepted")
	}
}

// TestSteps checks that steps that would spoil the parameters are refused, and so is every
// call after Close.
func TestSteps(t *testing.T) {
	_, training := tiny(t)
	tr, err := NewTrainer(training, Options{})
	if err != nil {
		t.Fatal(err)
	}
	images, labels := tr.Batch()
	for _, c := range []struct {
		label int64
		rate  float64
		want  string
	}{
		{0, math.NaN(), "learning rate NaN"},
		{0, -1, "learning rate -1"},
		{-1, 0.1, "image 1: label -1 is below 0"},
		{3, 0.1, "label value 3"},
	} {
		labels[1] = c.label
		if _, err := tr.Step(images, labels, c.rate, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one that has %q", err, c.want)
		}
	}
	labels[1] = 2
	if _, err := tr.Step(images, labels, 0.1, 0); err != nil {
		t.Error(err)
	}
	images, labels = make([]uint8, 2*4*4*3), make([]int64, 2)
	if err := errors.Join(tr.Close(), tr.Close()); err != nil {
		t.Error(err)
	}
	if _, err := tr.Step(images, labels, 0.1, 0); !errors.Is(err, errClosed) {
		t.Errorf("step: error %v", err)
	}
	if err := tr.Save("checkpoint"); !errors.Is(err, errClosed) {
		t.Errorf("save: error %v", err)
	}
	if images, labels := tr.Batch(); images != nil || labels != nil {
		t.Error("a closed trainer has a batch")
	}
}

// TestCloseInUse: if the session is closed during a call, the call still succeeds, and later
// calls are errors.
func TestCloseInUse(t *testing.T) {
	n, _ := tiny(t)
	inference, err := n.Inference(n.Initialize(1), onnxmodels.InferenceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data := marshal(t, inference)
	decoded, err := interp.New(data)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		m, err := NewModel(data, Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewLayerProbe(data, decoded, Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		images := make([]uint8, 4*4*3)
		var calls sync.WaitGroup
		started := make(chan struct{}, 4)
		for range 2 {
			calls.Go(func() {
				var err error
				for started <- struct{}{}; err == nil; _, _, err = m.Predict(t.Context(), images) {
				}
				if !errors.Is(err, errClosed) {
					t.Error(err)
				}
			})
			calls.Go(func() {
				var err error
				for started <- struct{}{}; err == nil; _, err = p.Values(images) {
				}
				if !errors.Is(err, errClosed) {
					t.Error(err)
				}
			})
		}
		for range 4 {
			<-started
		}
		if err := errors.Join(m.Close(), m.Close(), p.Close(), p.Close()); err != nil {
			t.Error(err)
		}
		calls.Wait()
	}
}

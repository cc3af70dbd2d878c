//go:build cgo

package session

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"onnxlab/dataset"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/interp"
	"onnxlab/ort/library/librarytest"
)

// normed returns a network for 6x6 images and three classes with the layers that behave
// differently in training: BatchNorm and dropout.
func normed(t *testing.T) *onnxmodels.Network {
	t.Helper()
	librarytest.Open(t)
	n, err := onnxmodels.NewNetwork(6, 6,
		onnxmodels.Conv("conv", onnxmodels.ConvOptions{Filters: 4, Kernel: 3}),
		onnxmodels.BatchNorm("norm", onnxmodels.BatchNormOptions{}),
		onnxmodels.ReLU("relu"),
		onnxmodels.Dropout("drop", 0.5),
		onnxmodels.GlobalAveragePool("pool"),
		onnxmodels.Dense("dense", 3))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// noisy returns a set of n images of noise, of 6x6 pixels and three classes.
func noisy(t *testing.T, n int) *dataset.Set {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	pixels, labels := make([]uint8, n*6*6*3), make([]int, n)
	for i := range pixels {
		pixels[i] = uint8(rng.Uint32())
	}
	for i := range labels {
		labels[i] = i % 3
	}
	set, err := dataset.New(pixels, labels, []string{"a", "b", "c"})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func mustTrainer(t *testing.T, training Training) *Trainer {
	t.Helper()
	tr, err := NewTrainer(training, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

// TestEvaluate compares a trainer's evaluation with that of the saved network in pure Go,
// before the first step and after some steps, and checks that it changes no parameter.
func TestEvaluate(t *testing.T) {
	n, set := normed(t), noisy(t, 107) // more than a batch of evaluation
	a, err := n.Artifacts(onnxmodels.TrainingOptions{Momentum: 0.9, Batch: 4, MicroBatches: 3})
	if err != nil {
		t.Fatal(err)
	}
	looking := mustTrainer(t, Training{Network: n, Artifacts: a})
	blind := mustTrainer(t, Training{Network: n, Artifacts: a})
	for step := range 3 {
		got, err := looking.Evaluate(t.Context(), set)
		if err != nil {
			t.Fatal(err)
		}
		want := inPureGo(t, n, saved(t, looking), set)
		if got.Accuracy != want.Accuracy || math.Abs(got.Loss-want.Loss) > 1e-5 || got.Images != 107 || got.Classes[2].Name != "c" {
			t.Errorf("step %d: accuracy %v and loss %v, in pure Go %v and %v", step, got.Accuracy, got.Loss, want.Accuracy, want.Loss)
		}
		for _, tr := range []*Trainer{looking, blind} {
			images, labels := tr.Batch()
			copy(images, set.Images(0, 12))
			for i := range labels {
				labels[i] = int64(set.Label(i))
			}
			if _, err := tr.Step(images, labels, 0.5, uint64(step)); err != nil {
				t.Fatal(err)
			}
		}
	}
	x, y := saved(t, looking), saved(t, blind)
	for _, p := range n.Parameters() {
		if !slices.Equal(x.Parameter(p.Name).Data, y.Parameter(p.Name).Data) {
			t.Errorf("evaluating changed %s", p.Name)
		}
	}
}

func inPureGo(t *testing.T, n *onnxmodels.Network, c *checkpoint.Checkpoint, set *dataset.Set) *evaluation.Report {
	t.Helper()
	m, err := n.Inference(c, onnxmodels.InferenceOptions{KeepBatchNorm: true})
	if err != nil {
		t.Fatal(err)
	}
	model, err := interp.New(marshal(t, m))
	if err != nil {
		t.Fatal(err)
	}
	report, err := evaluation.Run(t.Context(), model, set)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestEvaluateRefuses tries sets that the network cannot classify and trainers that cannot
// evaluate.
func TestEvaluateRefuses(t *testing.T) {
	n, set := normed(t), noisy(t, 6)
	a, err := n.Artifacts(onnxmodels.TrainingOptions{Batch: 2})
	if err != nil {
		t.Fatal(err)
	}
	tr := mustTrainer(t, Training{Network: n, Artifacts: a})
	other := func(change func(s *dataset.Set)) *dataset.Set {
		s := *set
		change(&s)
		return &s
	}
	_, bytes := tiny(t)
	alone := mustTrainer(t, bytes)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx     context.Context
		trainer *Trainer
		set     *dataset.Set
		want    string
	}{
		{t.Context(), tr, other(func(s *dataset.Set) { s.Height, s.Width = 4, 9 }), "evaluate: images of 4x9 pixels, but the network takes 6x6"},
		{t.Context(), tr, other(func(s *dataset.Set) { s.Classes = s.Classes[:2] }), "evaluate: the set has 2 classes, the network 3"},
		{t.Context(), tr, other(func(s *dataset.Set) { s.Labels = []int32{0, 1, 2, 3, 0, 1} }), "evaluate: record 3: label 3 is outside 0..2"},
		{t.Context(), alone, set, "evaluate: the training was given as bytes alone: set Training.Network and Training.Artifacts"},
		{cancelled, tr, set, "evaluate: context canceled"},
	} {
		if _, err := c.trainer.Evaluate(c.ctx, c.set); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Evaluate(t.Context(), set); !errors.Is(err, errClosed) {
		t.Errorf("error %v, want that the session is closed", err)
	}
}

// TestTrainingOfNetwork checks that a training's fields are filled in from the network and its
// artifacts, and that fields that contradict them are refused.
func TestTrainingOfNetwork(t *testing.T) {
	n := normed(t)
	artifacts := func(o onnxmodels.TrainingOptions) *onnxmodels.Artifacts {
		a, err := n.Artifacts(o)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	fixed, open := artifacts(onnxmodels.TrainingOptions{Batch: 4, MicroBatches: 3}), artifacts(onnxmodels.TrainingOptions{MicroBatches: 2})
	for _, c := range []struct {
		training      Training
		images, count int // images in a micro-batch, micro-batches in a batch
	}{
		{Training{Artifacts: fixed}, 4, 3},
		{Training{Artifacts: fixed, BatchSize: 12}, 4, 3},
		{Training{Artifacts: open, BatchSize: 10}, 5, 2},
		{Training{Artifacts: open, MicroBatch: 5}, 5, 2},
	} {
		c.training.Network = n
		tr := mustTrainer(t, c.training)
		if tr.micro != c.images || tr.count != c.count || tr.seed == nil {
			t.Errorf("%d micro-batches of %d images, want %d of %d", tr.count, tr.micro, c.count, c.images)
		}
	}
	begun := saved(t, mustTrainer(t, Training{Network: n, Artifacts: open, BatchSize: 2}))
	if want := n.Initialize(1).Parameter("conv.weight").Data; !slices.Equal(begun.Parameter("conv.weight").Data, want) {
		t.Error("it does not begin with Initialize(1)")
	}
	second := Training{Network: n, Artifacts: open, BatchSize: 2, Checkpoint: checkpoint.Encode(n.Initialize(2))}
	if want := n.Initialize(2).Parameter("conv.weight").Data; !slices.Equal(saved(t, mustTrainer(t, second)).Parameter("conv.weight").Data, want) {
		t.Error("it does not begin with the checkpoint")
	}
	for want, training := range map[string]Training{
		"start training: only one of Network and Artifacts is set":                   {Network: n, BatchSize: 4},
		"only one of Network and Artifacts is set: set both or neither":              {Artifacts: open, BatchSize: 4},
		"BatchSize is 0, but the artifacts take any number of images":                {Network: n, Artifacts: open},
		"a batch of 4 images has 1 micro-batches of 4, but the artifacts are for 3":  {Network: n, Artifacts: fixed, BatchSize: 4},
		"a batch of 24 images has 6 micro-batches of 4, but the artifacts are for 3": {Network: n, Artifacts: fixed, BatchSize: 24},
		"micro-batches of 6 images, but the training model takes 4 at once":          {Network: n, Artifacts: fixed, BatchSize: 18, MicroBatch: 6},
		"micro-batches of 4 images do not divide a batch of 10":                      {Network: n, Artifacts: open, BatchSize: 10, MicroBatch: 4},
		"images of 7x6 pixels in 3 channels, but the training model takes [4 6 6 3]": {Network: n, Artifacts: fixed, Height: 7, Width: 6},
		"a batch of 1 images has 1 micro-batches of 1, but the artifacts are for 2":  {Network: n, Artifacts: open, BatchSize: 1},
	} {
		if _, err := NewTrainer(training, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

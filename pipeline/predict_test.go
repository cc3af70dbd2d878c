package main

import (
	"context"
	"errors"
	"io"
	"math"
	"path/filepath"
	"testing"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/pipeline/internal/cli"
)

// TestRuntimesPredictTheSame classifies 1,000 images with a trained network in both
// runtimes.
func TestRuntimesPredictTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	train := &trainOptions{out: dir, ExperimentFlags: cli.ExperimentFlags{
		Config: filepath.Join("..", "configs", "smoke.yaml"),
		Sets: []string{
			"augment.recipe=none", "data.train=1024", "train.epochs=12", "train.replicas=1", "train.batch_size=32",
			"optimizer.learning_rate=0.02", "model.convolutions=2", "schedule.decay_epochs=10",
		},
	}}
	if err := runTrain(t.Context(), train, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	set, err := cli.LoadSplit(t.Context(), configs.Data{Source: "synthetic", Validation: 1000}, io.Discard, dataset.Validation)
	if err != nil {
		t.Fatal(err)
	}
	inORT, pure := probabilitiesIn(t, cli.RuntimeORT, dir, set), probabilitiesIn(t, cli.RuntimeGo, dir, set)
	classes, largest, confident := len(set.Classes), 0.0, 0
	for i := range set.Len() {
		a, b := inORT[i*classes:(i+1)*classes], pure[i*classes:(i+1)*classes]
		for k := range a {
			largest = max(largest, math.Abs(float64(a[k])-float64(b[k])))
		}
		if x, y := ranks(a, set.Classes, 2), ranks(b, set.Classes, 2); x[0].Label != y[0].Label {
			t.Errorf("image %d: label %d in ONNX Runtime, %d in Go", i, x[0].Label, y[0].Label)
		} else if x[0].Probability > 2./float64(classes) {
			confident++
		}
	}
	t.Logf("largest difference of a probability: %.3g; %d of 1000 images at twice the chance or more", largest, confident)
	if !(largest <= 1e-5) {
		t.Errorf("probabilities differ by %v, more than 1e-5", largest)
	}
	if confident < 50 {
		t.Errorf("only %d of 1000 predictions are confident: this network proves nothing", confident)
	}
}

// TestPureGoInterrupted: a batch in pure Go, which takes seconds for larger networks, ends
// when the context is cancelled.
func TestPureGoInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	train := &trainOptions{out: dir, ExperimentFlags: cli.ExperimentFlags{
		Config: filepath.Join("..", "configs", "smoke.yaml"), Sets: []string{"train.epochs=1", "schedule.decay_epochs=[]"},
	}}
	if err := runTrain(t.Context(), train, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	flags := cli.ModelFlags{Run: dir, Runtime: cli.RuntimeGo}
	c, err := flags.OpenAlone(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	images := randomImages(32, 32).pixels[:2*32*32*3]
	ctx, cancel := context.WithCancel(t.Context())
	if logits, _, err := c.Predict(ctx, images); err != nil || len(logits) != 2*10 {
		t.Errorf("%d logits, %v", len(logits), err)
	}
	cancel()
	if _, _, err := c.Predict(ctx, images); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func probabilitiesIn(t *testing.T, runtime, dir string, set *dataset.Set) []float32 {
	t.Helper()
	flags := cli.ModelFlags{Run: dir, Runtime: runtime}
	experiment, err := configs.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := flags.Open(t.Context(), experiment.Runtime, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var all []float32
	for from := 0; from < set.Len(); from += 100 {
		_, probabilities, err := c.Predict(t.Context(), set.Images(from, from+100))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, probabilities...)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

package main

import (
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
)

var record = flag.Bool("record", false, "write configs/testdata/smoke-history.csv anew")

// How much a history may differ from the recorded one, because processors round
// differently. For comparison, a different number of threads changes the losses by 5e-8, a
// different momentum (0.88) by 1e-3, and the other geometry of augmentation by 2e-3.
const (
	lossTolerance     = 2e-5  // relative
	accuracyTolerance = 0.004 // of one in 256 validation images
)

// TestSmokeHistory trains configs/smoke.yaml and compares its history with the
// recorded one. After a change that is meant to alter the history,
//
//	go test ./pipeline -count=1 -run TestSmokeHistory -record
//
// records it again.
func TestSmokeHistory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "smoke")
	opts := &trainOptions{ExperimentFlags: cli.ExperimentFlags{Config: filepath.Join("..", "configs", "smoke.yaml")}, out: dir}
	if err := runTrain(t.Context(), opts, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	recorded := filepath.Join("..", "configs", "testdata", "smoke-history.csv")
	if *record {
		recordHistory(t, dir, recorded)
	}
	got, want := readHistory(t, rundir.Layout{Dir: dir}.History()), readHistory(t, recorded)
	if len(got) != len(want) {
		t.Fatalf("%d epochs, recorded are %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		t.Logf("epoch %d: loss %.6g (recorded %.6g), val_loss %.6g (%.6g)", i, g.Loss, w.Loss, g.ValLoss, w.ValLoss)
		if g.Epoch != w.Epoch || g.Step != w.Step || g.LearningRate != w.LearningRate {
			t.Errorf("epoch %d: epoch %d, step %d, rate %v; recorded are %d, %d, %v",
				i, g.Epoch, g.Step, g.LearningRate, w.Epoch, w.Step, w.LearningRate)
		}
		near(t, i, "loss", g.Loss, w.Loss, lossTolerance*w.Loss)
		near(t, i, "accuracy", g.Accuracy, w.Accuracy, accuracyTolerance)
		near(t, i, "val_loss", g.ValLoss, w.ValLoss, lossTolerance*w.ValLoss)
		near(t, i, "val_accuracy", g.ValAccuracy, w.ValAccuracy, accuracyTolerance)
	}
}

func near(t *testing.T, epoch int, name string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("epoch %d: %s %v, recorded is %v, tolerance %.3g", epoch, name, got, want, tolerance)
	}
}

func readHistory(t *testing.T, path string) []rundir.Epoch {
	t.Helper()
	history, err := rundir.ReadHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	return history
}

// recordHistory records the run's history without its timings.
func recordHistory(t *testing.T, dir, path string) {
	t.Helper()
	history := readHistory(t, rundir.Layout{Dir: dir}.History())
	for i := range history {
		history[i].ImagesPerSecond, history[i].DataWait, history[i].Seconds = 0, 0, 0
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := rundir.WriteHistory(path, history); err != nil {
		t.Fatal(err)
	}
}

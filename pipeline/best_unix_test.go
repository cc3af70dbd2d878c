//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// plantAccuracies changes the validation accuracies that a run of two epochs has recorded.
func plantAccuracies(t *testing.T, l rundir.Layout, accuracies [2]float64) {
	t.Helper()
	history, err := rundir.ReadHistory(l.History())
	if err != nil || len(history) != 2 {
		t.Fatalf("%d epochs, %v", len(history), err)
	}
	for i := range history {
		history[i].ValAccuracy = accuracies[i]
	}
	if err := rundir.WriteHistory(l.History(), history); err != nil {
		t.Fatal(err)
	}
	paths, err := snapshot.List(l.Checkpoints())
	if err != nil || len(paths) != 2 {
		t.Fatalf("snapshots %q, %v", paths, err)
	}
	for _, path := range paths {
		m, err := snapshot.Check(path)
		if err != nil {
			t.Fatal(err)
		}
		checkpoint := mustRead(t, snapshot.CheckpointPath(path))
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		m.ValAccuracy = &accuracies[m.Epoch-1]
		plantSnapshot(t, l.Checkpoints(), m, checkpoint)
	}
}

// TestBest has a run whose first epoch was the best. The model of --best is the same as the
// final model of a run of one epoch, to the last bit. If the best checkpoint is gone, each
// command says so.
func TestBest(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	smoke := filepath.Join("..", "configs", "smoke.yaml")
	const statistics = "model.batchnorm.statistics=keras" // planted snapshots have no measured statistics
	mustRun(t, "train", "--config", smoke, "--set", "train.epochs=1", "--set", statistics, "--out", one)
	mustRun(t, "train", "--config", smoke, "--set", "train.epochs=2", "--set", statistics, "--out", two)
	mustRun(t, "preview", "--config", smoke, "--count", "1", "--variants", "1", "--out", filepath.Join(dir, "p"))
	l, picture := rundir.Layout{Dir: two}, filepath.Join(dir, "p", "000-source.png")
	plantAccuracies(t, l, [2]float64{0.75, 0.5})
	exported, recording, step := filepath.Join(dir, "best.onnx"), filepath.Join(dir, "outputs.npz"), filepath.Join(l.Checkpoints(), "step-00000008")

	out := mustRun(t, "export", "model", "--run", two, "--best", "--out", exported)
	if want := mustRead(t, rundir.Layout{Dir: one}.Model()); mustRead(t, exported) != want || !strings.Contains(out, "from "+step) {
		t.Errorf("export model --best differs from the run of one epoch: %s", out)
	}
	inGo := func(args ...string) string { return mustRun(t, append(args, "--runtime", cli.RuntimeGo)...) }
	best, want := inGo("predict", "--run", two, "--best", picture), inGo("predict", "--run", one, picture)
	if best != "from "+step+"\n"+want || strings.HasSuffix(best, inGo("predict", "--run", two, picture)) {
		t.Errorf("predict --best prints %swant %s", best, want)
	}
	best, want = inGo("evaluate", "--run", two, "--best"), inGo("evaluate", "--run", one)
	if best != "from "+step+"\n"+strings.Replace(want, rundir.Layout{Dir: one}.Model(), step, 1) {
		t.Errorf("evaluate --best prints %swant %s", best, want)
	}
	mustRun(t, "verify", "--run", two, "--best", "--count", "4", "--record", recording)
	mustRun(t, "verify", "--run", one, "--against", recording) // fails unless it is the same model

	if err := os.RemoveAll(step); err != nil {
		t.Fatal(err)
	}
	refused(t, l.Checkpoints(), "the checkpoint of epoch 1 (step 8), the best with a validation accuracy of 75.00 %, is gone; the best that is left is of epoch 2, with 50.00 %", [][]string{
		{"export", "model", "--run", two, "--best", "--out", filepath.Join(dir, "m.onnx")},
		{"predict", "--run", two, "--best", picture},
		{"evaluate", "--run", two, "--best"},
		{"verify", "--run", two, "--best"},
		{"train", "--config", smoke, "--from", two, "--best", "--out", filepath.Join(dir, "three")},
	})
}

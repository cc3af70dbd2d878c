//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"onnxlab/ort/library"
	"onnxlab/ort/library/librarytest"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
)

// command returns the pipeline command, in a process of its own.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("pipeline", args...)
	cmd.Env = append(os.Environ(), library.EnvLibrary+"="+librarytest.Path(t))
	return cmd
}

// timeless returns a run's history without its timings.
func timeless(t *testing.T, dir string) string {
	t.Helper()
	history, err := rundir.ReadHistory(rundir.Layout{Dir: dir}.History())
	if err != nil {
		t.Fatal(err)
	}
	for i := range history {
		history[i].ImagesPerSecond, history[i].DataWait, history[i].Seconds = 0, 0, 0
	}
	path := filepath.Join(t.TempDir(), "history.csv")
	if err := rundir.WriteHistory(path, history); err != nil {
		t.Fatal(err)
	}
	return mustRead(t, path)
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// trainArgs returns the arguments of a run that takes a second or two: 36 steps, each with
// a snapshot.
func trainArgs(out string) []string {
	return []string{
		"train", "--config", filepath.Join("..", "configs", "smoke.yaml"), "--out", out, "--resume",
		"--set", "train.epochs=6", "--set", "data.train=384", "--set", "train.checkpoint_steps=1",
	}
}

// TestKilledRunsEndTheSame stops a run with SIGINT, SIGTERM and SIGKILL at random times, in
// steps and while it saves, and resumes it until it is complete. It must end like a run that
// was never stopped.
func TestKilledRunsEndTheSame(t *testing.T) {
	straight := filepath.Join(t.TempDir(), "straight")
	begun := time.Now()
	if out, err := command(t, trainArgs(straight)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	length := time.Since(begun)
	model, history := mustRead(t, rundir.Layout{Dir: straight}.Model()), timeless(t, straight)
	rng := rand.New(rand.NewPCG(11, 12))
	stops := map[syscall.Signal]int{}
	for total := 0; total < 24; {
		dir := filepath.Join(t.TempDir(), "stopped")
		for !rundir.Complete(dir) {
			signal := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL}[total%3]
			if stopAfter(t, dir, time.Duration(rng.Float64()*float64(length)), signal) {
				stops[signal]++
				total++
			}
		}
		if mustRead(t, rundir.Layout{Dir: dir}.Model()) != model {
			t.Errorf("after %v the model is different", stops)
		}
		if got := timeless(t, dir); got != history {
			t.Errorf("after %v the history is\n%swant\n%s", stops, got, history)
		}
	}
	t.Logf("stopped by %v", stops)
}

// stopAfter resumes the run and sends the signal after a while. It returns whether the
// signal stopped the run.
func stopAfter(t *testing.T, dir string, after time.Duration, signal syscall.Signal) bool {
	t.Helper()
	cmd := command(t, trainArgs(dir)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Signal(signal) })
	defer timer.Stop()
	err := cmd.Wait()
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	// A signal that comes before the handler is installed ends the process as usual.
	bySignal := exit.Sys().(syscall.WaitStatus).Signaled()
	if exit.ExitCode() != cli.ExitInterrupted && !bySignal {
		t.Fatalf("%v: exit status %d\n%s", signal, exit.ExitCode(), stderr.String())
	}
	if exit.ExitCode() == cli.ExitInterrupted && strings.Contains(stderr.String(), "state saved") && !strings.Contains(stderr.String(), "--resume") {
		t.Errorf("it does not say how to resume:\n%s", stderr.String())
	}
	return true
}

// TestSweepInterrupted interrupts a sweep during a cell: the cell saves its state, and the
// resumed sweep ends with the same models.
func TestSweepInterrupted(t *testing.T) {
	root := t.TempDir()
	args := func(out string) []string {
		return []string{
			"sweep", "--config", filepath.Join("..", "configs", "smoke.yaml"), "--out", filepath.Join(root, out), "--resume",
			"--set", "train.epochs=12", "--set", "sweep.batch_sizes=[32]",
		}
	}
	begun := time.Now()
	if out, err := command(t, args("straight")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	length := time.Since(begun)
	interrupted := false
	for try := 0; !interrupted && try < 5; try++ {
		cmd := command(t, args("stopped")...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(length/3, func() { _ = cmd.Process.Signal(os.Interrupt) })
		err := cmd.Wait()
		timer.Stop()
		if interrupted = err != nil; interrupted {
			if code := cmd.ProcessState.ExitCode(); code != cli.ExitInterrupted || !strings.Contains(stderr.String(), "--resume") {
				t.Fatalf("exit status %d\n%s", code, stderr.String())
			}
		}
	}
	if !interrupted {
		t.Fatal("the sweep was not interrupted")
	}
	if out, err := command(t, args("stopped")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, condition := range []string{"none", "warmup"} {
		a, b := filepath.Join(root, "straight", condition, "32"), filepath.Join(root, "stopped", condition, "32")
		if mustRead(t, filepath.Join(a, "model.onnx")) != mustRead(t, filepath.Join(b, "model.onnx")) || timeless(t, a) != timeless(t, b) {
			t.Errorf("%s: the interrupted sweep ends with a different model", condition)
		}
	}
}

// TestDryRunInterrupted interrupts a dry run in its second measurement, after the first has
// been printed.
func TestDryRunInterrupted(t *testing.T) {
	cmd := command(t, "sweep", "--dry-run", "--out", t.TempDir(), "--set", "sweep.conditions=[none]",
		"--set", "sweep.batch_sizes=[8,2048]", "--set", "train.replicas=8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "none ") {
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		t.Errorf("it still prints %q", lines.Text())
	}
	_ = cmd.Wait() // its status is checked below
	said := regexp.MustCompile(`\Anote: .*: 848 at 2048\npipeline: measure none, batch 2048, seed 1: interrupted\n\z`)
	if code := cmd.ProcessState.ExitCode(); code != cli.ExitInterrupted || !said.MatchString(stderr.String()) {
		t.Errorf("exit status %d, %q", code, stderr.String())
	}
}

// TestInterruptedSaysSo interrupts commands that have nothing to save.
func TestInterruptedSaysSo(t *testing.T) {
	for _, args := range [][]string{
		{"data", "synth", "--train", "1000000", "--out", filepath.Join(t.TempDir(), "set")},
		{"bench", "load", "--seconds", "60"},
		{"bench", "augment", "--seconds", "60"},
	} {
		cmd := command(t, args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // until signals are handled
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != cli.ExitInterrupted || stderr.String() != "pipeline: interrupted\n" {
			t.Errorf("%v: %v, %q", args, err, stderr.String())
		}
	}
}

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"onnxlab/internal/durable"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
)

// longSweep writes the configuration of a sweep with one cell that takes a while, and
// returns its directory.
func longSweep(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	config := `
data: {source: synthetic, train: 512, validation: 64}
model: {widths: [4], convolutions: 1}
train: {epochs: 150, batch_size: 16, checkpoint_steps: 8}
optimizer: {learning_rate: 0.05, reference_batch: 16}
schedule: {decay_epochs: []}
runtime: {threads: 1}
sweep: {conditions: [none], batch_sizes: [16], seeds: [1]}
`
	if err := os.WriteFile(rundir.Layout{Dir: root}.Config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

// cellCommandOf returns the command that trains the sweep's cell in a scheduler's job.
func cellCommandOf(t *testing.T, root, dir string, more ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	args := append([]string{"train", "--sweep", root, "--cell", "none:16:1", "--out", dir, "--resume", "--json", "--take-over"}, more...)
	cmd := command(t, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	return cmd, &stderr
}

func status(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// begun waits until the run has saved a snapshot.
func begun(t *testing.T, dir string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(rundir.Layout{Dir: dir}.Checkpoints(), "step-*", "manifest.json")); len(found) > 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("it has saved nothing in a minute")
		}
	}
}

// TestCellIsHandedOver: a scheduler that has lost sight of a node starts a second process for
// the same cell. It asks the first process to save and exit, and ends with the bytes of a run
// that was never stopped. A second process without --take-over is refused.
func TestCellIsHandedOver(t *testing.T) {
	root := longSweep(t)
	straight, dir := filepath.Join(root, "straight"), filepath.Join(root, "none", "16")
	alone, text := cellCommandOf(t, root, straight)
	if err := alone.Run(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	first, text1 := cellCommandOf(t, root, dir)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	begun(t, dir)
	if err := first.Process.Signal(unix.SIGSTOP); err != nil { // so that it is certainly still there
		t.Fatal(err)
	}
	other := command(t, "train", "--out", dir, "--resume")
	if err := other.Run(); status(err) != cli.ExitLocked {
		t.Errorf("another run ends with %v, want status %d", err, cli.ExitLocked)
	}
	second, text2 := cellCommandOf(t, root, dir)
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	for !durable.Asked(dir) {
		time.Sleep(20 * time.Millisecond)
	}
	if err := first.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); status(err) != cli.ExitInterrupted {
		t.Errorf("the first ends with %v, want status %d\n%s", err, cli.ExitInterrupted, text1)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("the second: %v\n%s", err, text2)
	}
	if !strings.Contains(text2.String(), "resuming at epoch") {
		t.Errorf("the second has not gone on:\n%s", text2)
	}
	if mustRead(t, rundir.Layout{Dir: dir}.Model()) != mustRead(t, rundir.Layout{Dir: straight}.Model()) {
		t.Error("the run that was handed over ends with a different model")
	}
	if _, err := rundir.ReadFailure(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is marked as failed, or error %v", err)
	}
}

// TestCellsSecondSignal: a second SIGTERM, from the job's script after the scheduler's own,
// does not end a cell before it has saved.
func TestCellsSecondSignal(t *testing.T) {
	root := longSweep(t)
	dir := filepath.Join(root, "none", "16")
	cmd, stderr := cellCommandOf(t, root, dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begun(t, dir)
	for range 5 {
		_ = cmd.Process.Signal(unix.SIGTERM) // it may have ended by then
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Wait(); status(err) != cli.ExitInterrupted || !strings.Contains(stderr.String(), "state saved in") {
		t.Errorf("it ends with %v\n%s", err, stderr)
	}
}

// TestCellGivesUp: a cell fails if it is started again and again without saving anything.
func TestCellGivesUp(t *testing.T) {
	root := longSweep(t)
	dir := filepath.Join(root, "none", "16")
	for range mostStarts {
		if _, err := rundir.CountStart(dir); err != nil {
			t.Fatal(err)
		}
	}
	cmd, stderr := cellCommandOf(t, root, dir)
	if err := cmd.Run(); status(err) != cli.ExitFailed || !strings.Contains(stderr.String(), "has saved nothing new") {
		t.Errorf("it ends with %v\n%s", err, stderr)
	}
	f, err := rundir.ReadFailure(dir)
	if err != nil || f.ExitStatus != cli.ExitFailed || f.Cell == nil || f.Cell.BatchSize != 16 || !strings.Contains(f.Error, "has saved nothing new") {
		t.Errorf("failure %+v, error %v", f, err)
	}
}

// TestCellsFailure: a cell's own process marks it as failed, with its exit status.
func TestCellsFailure(t *testing.T) {
	root := longSweep(t)
	dir := filepath.Join(root, "none", "1024")
	cmd := command(t, "train", "--sweep", root, "--cell", "none:1024:1", "--out", dir)
	if err := cmd.Run(); status(err) != cli.ExitUsage {
		t.Errorf("it ends with %v, want status %d", err, cli.ExitUsage)
	}
	f, err := rundir.ReadFailure(dir)
	if err != nil || f.ExitStatus != cli.ExitUsage || !strings.Contains(f.Error, "train.batch_size: 1024 is more than the 512 training images") {
		t.Errorf("failure %+v, error %v", f, err)
	}
}

// TestThreadsOfAffinity: a run that may use only one of several processors uses one thread, and
// ONNX Runtime prints no warnings about the others.
func TestThreadsOfAffinity(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("there is one processor")
	}
	var mine, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mine); err != nil {
		t.Fatal(err)
	}
	for cpu := range 1024 {
		if mine.IsSet(cpu) {
			one.Zero()
			one.Set(cpu) // the last one
		}
	}
	runtime.LockOSThread() // never unlocked, so that the thread ends with the test
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	out, err := command(t, "train", "--config", filepath.Join("..", "configs", "smoke.yaml"), "--set", "runtime.threads=0", "--set", "train.epochs=1", "--out", dir).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("pthread_setaffinity_np")) {
		t.Errorf("%v\n%s", err, out)
	}
	if e, err := rundir.ReadEnvironment(dir); err != nil || e.Threads != 1 || e.CPU.Cores != 1 {
		t.Errorf("%d threads on %d cores, error %v, want 1 on 1", e.Threads, e.CPU.Cores, err)
	}
}

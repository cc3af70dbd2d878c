//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
)

// waitFor waits until there is a file at path.
func waitFor(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			return
		}
	}
	t.Fatalf("%s did not appear", path)
}

// started starts a command and kills it when the test ends.
func started(t *testing.T, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	cmd, stderr = command(t, args...), &bytes.Buffer{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails if it has ended
		_ = cmd.Wait()
	})
	return cmd, stderr
}

// TestClosedTerminalSaves: SIGHUP saves the state as Ctrl-C does.
func TestClosedTerminalSaves(t *testing.T) {
	// Under nohup, child processes ignore the signal too, unless it is caught here.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	dir := filepath.Join(t.TempDir(), "run")
	cmd, stderr := started(t, "train", "--config", filepath.Join("..", "configs", "smoke.yaml"), "--out", dir,
		"--set", "train.epochs=1000", "--set", "schedule.decay_epochs=[]")
	waitFor(t, rundir.Layout{Dir: dir}.Config())
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != cli.ExitInterrupted || !strings.Contains(stderr.String(), "state saved in") {
		t.Errorf("%v\n%s", err, stderr)
	}
}

// TestTwoRunsInOneDirectory: the error of the second run names the process of the first, and
// a lock whose process was killed does not count.
func TestTwoRunsInOneDirectory(t *testing.T) {
	for _, name := range []string{"train", "sweep"} {
		dir := filepath.Join(t.TempDir(), "run")
		args := []string{
			name, "--config", filepath.Join("..", "configs", "smoke.yaml"), "--out", dir, "--resume",
			"--set", "train.epochs=1000", "--set", "schedule.decay_epochs=[]", "--set", "sweep.batch_sizes=[32]",
		}
		first, _ := started(t, args...)
		waitFor(t, filepath.Join(dir, ".lock"))
		second := command(t, args...)
		output, err := second.CombinedOutput()
		want := fmt.Sprintf("process %d on ", first.Process.Pid)
		if err == nil || second.ProcessState.ExitCode() != cli.ExitLocked || !strings.Contains(string(output), want) || !strings.Contains(string(output), dir) {
			t.Errorf("%s: %v, want %q\n%s", name, err, want, output)
		}
		_ = first.Process.Kill() // it is still running, or the test above has failed
		_ = first.Wait()
		third, stderr := started(t, args...)
		time.Sleep(time.Second)
		if err := third.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := third.Wait(); third.ProcessState.ExitCode() != cli.ExitInterrupted {
			t.Errorf("%s: after the first was killed: %v\n%s", name, err, stderr)
		}
	}
}

// TestKilledReportIsWhole kills the report at different moments: each file is complete, and
// the report can be made again.
func TestKilledReportIsWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run := func(args ...string) {
		t.Helper()
		if out, err := command(t, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	run("train", "--config", filepath.Join("..", "configs", "smoke.yaml"), "--out", dir, "--set", "train.epochs=1")
	begun := time.Now()
	run("report", dir)
	length := time.Since(begun)
	files := []string{"report.html", "summary.csv", "accuracy.png", "da_type_smoke.json"}
	want := map[string]string{}
	for _, name := range files {
		want[name] = mustRead(t, filepath.Join(dir, name))
	}
	for i := range 20 {
		cmd, _ := started(t, "report", dir)
		time.Sleep(length * time.Duration(i) / 20)
		_ = cmd.Process.Kill() // fails if it has ended
		_ = cmd.Wait()
		for _, name := range files {
			if mustRead(t, filepath.Join(dir, name)) != want[name] {
				t.Errorf("killed after %d/20 of its time, %s has changed", i, name)
			}
		}
	}
	run("report", dir)
}

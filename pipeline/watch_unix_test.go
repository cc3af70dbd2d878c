//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
)

// begin starts a command, stops it when the test ends, and waits until dir has a run.
func begin(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := command(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // its success shows in the report
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	for range 600 {
		if runs, err := rundir.List(dir); err == nil && len(runs) > 0 {
			return cmd
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no run begins in %s", dir)
	return nil
}

// TestReportWatchesSweep watches a sweep from beginning to end.
func TestReportWatchesSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sweep")
	begin(t, dir, "sweep", "--config", filepath.Join("..", "configs", "smoke.yaml"), "--out", dir,
		"--set", "train.epochs=20", "--set", "sweep.batch_sizes=[64]", "--set", "sweep.conditions=[none]", "--set", "sweep.seeds=[1,2]")
	watch := command(t, "report", dir, "--watch", "--every", "1s")
	var stdout, stderr bytes.Buffer
	watch.Stdout, watch.Stderr = &stdout, &stderr
	if err := watch.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if !regexp.MustCompile(`(?m)^ +64 +\d+\.\d\d ± \d+\.\d\d$`).Match(stdout.Bytes()) {
		t.Errorf("the table is\n%s", stdout.String())
	}
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	if first, last := lines[0], lines[len(lines)-1]; !strings.HasSuffix(first, "(Ctrl-C ends this earlier)") || last != "all runs have ended: the page is "+filepath.Join(dir, "report.html") {
		t.Errorf("it begins with %q and ends with %q", first, last)
	}
	renewed := regexp.MustCompile(`^\d\d:\d\d:\d\d  [01] of 2 runs done(; under way: none, batch size 64, seed [12] \(\d+ of 20 epochs\).*)?$`)
	for _, line := range lines[1 : len(lines)-1] {
		if !renewed.MatchString(line) {
			t.Errorf("%q does not match %s", line, renewed)
		}
	}
	if len(lines) < 3 || strings.Contains(mustRead(t, filepath.Join(dir, "report.html")), "refresh") {
		t.Errorf("%d lines, or the page still reloads itself", len(lines))
	}
}

// TestReportWatchInterrupted: Ctrl-C ends the watching, not the training.
func TestReportWatchInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	train := begin(t, dir, "train", "--config", filepath.Join("..", "configs", "smoke.yaml"), "--out", dir, "--set", "train.epochs=100000")
	watch := command(t, "report", dir, "--watch")
	stderr, err := watch.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "of 100000 epochs done") {
	}
	page := filepath.Join(dir, "report.html")
	if !strings.Contains(mustRead(t, page), `content="5"`) {
		t.Error("the page does not reload itself")
	}
	if err := watch.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	last := ""
	for lines.Scan() {
		last = lines.Text()
	}
	_ = watch.Wait() // its status is checked below
	if code := watch.ProcessState.ExitCode(); code != cli.ExitInterrupted || last != "pipeline: interrupted" {
		t.Errorf("exit status %d, %q", code, last)
	}
	if strings.Contains(mustRead(t, page), "refresh") {
		t.Error("the page still reloads itself")
	}
	if train.ProcessState != nil {
		t.Error("the training has ended")
	}
}

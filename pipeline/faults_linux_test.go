package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"onnxlab/trainloop/rundir"
)

// TestSecondSignalEndsAtOnce: after the first signal the command finishes the step, which
// here takes many seconds on any machine; the second signal ends it at once.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	cmd, stderr := started(t, "train", "--out", dir, "--set", "data.source=synthetic", "--set", "data.train=1024",
		"--set", "data.validation=10", "--set", "train.batch_size=1024", "--set", "augment.recipe=none", "--set", "runtime.threads=1")
	waitFor(t, rundir.Layout{Dir: dir}.Config()) // from here on, the step runs to its end
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its state is checked below
		close(done)
	}()
	interrupt := func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	interrupt()
	// Let it compute for a second, so that it has handled the first signal. Otherwise it
	// could not tell the second one from it.
	for until := processorTime(cmd.Process) + time.Second; processorTime(cmd.Process) < until; {
		select {
		case <-done:
			t.Fatalf("after one signal: %v\n%s", cmd.ProcessState, stderr)
		case <-time.After(10 * time.Millisecond):
		}
	}
	interrupt()
	<-done
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("after two signals: %v, want it ended by the second\n%s", cmd.ProcessState, stderr)
	}
}

// processorTime returns how long a process has computed, on all processors together; 0 if
// it has ended. Unlike the time of day, it stands still while other processes use the
// processors.
func processorTime(p *os.Process) time.Duration {
	// The clock's number is made as in clock_getcpuclockid(3).
	const scheduled = 2
	var now unix.Timespec
	if unix.ClockGettime(int32(^p.Pid<<3|scheduled), &now) != nil {
		return 0
	}
	return time.Duration(now.Nano())
}

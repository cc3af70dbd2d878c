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

// TestSecondSignalEndsAtOnce: the first waits for the step, here one of many
// seconds on one thread of any machine, and the second does not.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	cmd, stderr := started(t, "train", "--out", dir, "--set", "data.source=synthetic", "--set", "data.train=1024",
		"--set", "data.validation=10", "--set", "train.batch_size=1024", "--set", "augment.recipe=none", "--set", "runtime.threads=1")
	waitFor(t, rundir.Layout{Dir: dir}.Config()) // the step is done whatever comes now
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its state tells
		close(done)
	}()
	interrupt := func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	interrupt()
	// A second of computing in which it heeds the signal: of one that comes before, it
	// would not know that it is the second.
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

// processorTime is how long a process has computed, on all processors together; 0 of
// one that is no more. It stands still while other processes have the processors, as
// the time of day does not.
func processorTime(p *os.Process) time.Duration {
	// The clock is that of clock_getcpuclockid(3).
	const scheduled = 2
	var now unix.Timespec
	if unix.ClockGettime(int32(^p.Pid<<3|scheduled), &now) != nil {
		return 0
	}
	return time.Duration(now.Nano())
}

//go:build cgo

package session

import (
	"runtime"
	"sync"
)

// thread is a thread of the operating system on which a session does all its work,
// one call after another. ONNX Runtime's CUDA provider has a stream, handles of
// cuBLAS and cuDNN and memory on the GPU for each thread that runs a session, and
// Go runs a goroutine now on one thread, now on another: without a thread of its
// own a session would take all of these again whenever that changes.
//
// A nil thread makes calls where they are asked for.
type thread struct {
	calls   chan func()
	running sync.WaitGroup
}

// newThread returns a thread for a session of the options, until close. It is nil
// for a device that keeps nothing for a thread.
func (o Options) newThread() *thread {
	if !o.Device.Traits().ThreadBound {
		return nil
	}
	t := &thread{calls: make(chan func())}
	t.running.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for call := range t.calls {
			call()
		}
	})
	return t
}

// do makes the call on the thread and returns its error.
func (t *thread) do(call func() error) error {
	if t == nil {
		return call()
	}
	done := make(chan error)
	t.calls <- func() { done <- call() }
	return <-done
}

// close ends the thread. No call is under way, and none comes later.
func (t *thread) close() {
	if t != nil {
		close(t.calls)
		t.running.Wait()
	}
}

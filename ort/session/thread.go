//go:build cgo

package session

import (
	"runtime"
	"sync"
)

// thread is a thread of the operating system on which a session does all its work,
// one call after another. ONNX Runtime's CUDA provider allocates a stream, handles of
// cuBLAS and cuDNN and memory on the GPU for each thread that runs a session, and
// Go moves goroutines from thread to thread. Without a thread of its own, a session
// would allocate all of these again on each new thread.
//
// A nil thread makes calls on the caller's own thread.
type thread struct {
	calls   chan func()
	running sync.WaitGroup
}

// newThread returns a thread for a session with these options, which runs until close. It
// is nil for devices that allocate nothing for each thread.
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

// close ends the thread. No call may be under way then or follow later.
func (t *thread) close() {
	if t != nil {
		close(t.calls)
		t.running.Wait()
	}
}

//go:build cgo

package session

import (
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// inference is a session that any number of goroutines may run, even while another closes
// it: close waits for them, since ONNX Runtime would read freed memory. On a GPU it runs one
// call at a time.
type inference struct {
	thread  *thread
	mu      sync.RWMutex
	session *ort.DynamicAdvancedSession // nil when closed
}

func newInference(data []byte, inputs, outputs []string, o Options) (*inference, error) {
	i := &inference{thread: o.newThread()}
	err := i.thread.do(func() error {
		return o.start(heuristic, func(options *ort.SessionOptions) (err error) {
			i.session, err = ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, options)
			return err
		})
	})
	if err != nil {
		i.thread.close()
	}
	return i, err
}

func (i *inference) run(inputs, outputs []ort.Value) error {
	i.mu.RLock()
	defer i.mu.RUnlock()
	if i.session == nil {
		return errClosed
	}
	return i.thread.do(func() error { return i.session.Run(inputs, outputs) })
}

// close frees the session, after the calls under way. It may be called again.
func (i *inference) close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.session == nil {
		return nil
	}
	err := i.thread.do(i.session.Destroy)
	i.thread.close()
	i.session = nil
	return err
}

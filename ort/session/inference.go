//go:build cgo

package session

import (
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// inference is a session that any number of goroutines run while one may close
// it: ONNX Runtime itself would read what is freed. On a GPU it runs one call at a
// time.
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

// close is what Close of those who have one does.
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

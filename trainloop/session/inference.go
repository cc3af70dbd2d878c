//go:build cgo

package session

import (
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// inference is a session that any number of goroutines run while one may close
// it: ONNX Runtime itself would read what is freed.
type inference struct {
	mu      sync.RWMutex
	session *ort.DynamicAdvancedSession // nil when closed
}

func newInference(data []byte, inputs, outputs []string, o Options) (*inference, error) {
	i := &inference{}
	err := o.start(heuristic, func(options *ort.SessionOptions) (err error) {
		i.session, err = ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, options)
		return err
	})
	return i, err
}

func (i *inference) run(inputs, outputs []ort.Value) error {
	i.mu.RLock()
	defer i.mu.RUnlock()
	if i.session == nil {
		return errClosed
	}
	return i.session.Run(inputs, outputs)
}

// close is what Close of those who have one does.
func (i *inference) close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.session == nil {
		return nil
	}
	err := i.session.Destroy()
	i.session = nil
	return err
}

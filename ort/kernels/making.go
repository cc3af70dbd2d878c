package kernels

import (
	"sync"
	"sync/atomic"
)

var (
	making sync.Mutex
	known  atomic.Bool // ONNX Runtime has the domain
)

// Making calls create, which makes a session whose options Add has changed. ONNX Runtime notes
// the domain of such operators once in a process, when the first session is made. If two
// sessions are the first ones at the same time, both note it, and one of them fails. So until
// a session has been made, the calls go one after the other.
func Making(create func() error) error {
	if known.Load() {
		return create()
	}
	making.Lock()
	defer making.Unlock()
	err := create()
	if err == nil {
		known.Store(true)
	}
	return err
}

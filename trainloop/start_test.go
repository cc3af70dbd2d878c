package trainloop

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"onnxlab/trainloop/session"
)

// TestStartWithoutSession: where no session can be made, as on a GPU by a library
// for the CPU, the error says what to do, and a directory is neither made nor
// written into.
func TestStartWithoutSession(t *testing.T) {
	const want = "use runtime.device cuda: CUDA execution provider is not enabled in this build.; " +
		"'pipeline runtime info --device cuda' tells what there is, or set runtime.device to cpu"
	o := small(t, "runtime.device=cuda")
	there := t.TempDir()
	for _, c := range []struct{ run, clean string }{
		{filepath.Join(there, "new", "run"), there},
		{there, there},
	} {
		o.Dir = c.run
		_, err := Run(t.Context(), o)
		var device *session.DeviceError
		if !errors.As(err, &device) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if left, err := os.ReadDir(c.clean); err != nil || len(left) != 0 {
			t.Errorf("it leaves %v, error %v", left, err)
		}
	}
}

//go:build unix

package local

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"testing"

	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

// TestInterrupted checks that the running cell can save its state, does not count as
// failed, even if it had failed before, and that the next cell does not begin. A cell that
// completes at that moment is done.
func TestInterrupted(t *testing.T) {
	for _, c := range []struct {
		what, log string
		want      Outcome
	}{
		{"stops", "state saved\n", Outcome{}},
		{"ends", "state saved\nepoch 2/2\n", Outcome{Done: 1}},
	} {
		p := mustPlan(t, grid([]string{"none", "strong"}, []int{64}, 1), t.TempDir())
		if err := errors.Join(os.MkdirAll(p.Cells[0].Dir, 0o755), mark(p.Cells[0], errors.New("before"))); err != nil {
			t.Fatal(err)
		}
		runs, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			if connection, err := runs.Accept(); err == nil {
				connection.Close()
			}
			stop()
		}()
		begun := 0
		outcome, err := Run(ctx, p, Options{Command: func(under sweep.Cell) *exec.Cmd {
			begun++
			return cell(under, c.what, runs.Addr().String())
		}})
		runs.Close()
		if !errors.Is(err, context.Canceled) || outcome != c.want || begun != 1 {
			t.Errorf("%s: %d cells began, outcome %+v, error %v", c.what, begun, outcome, err)
		}
		if _, err := rundir.ReadFailure(p.Cells[0].Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: it is marked as failed, or not and error %v", c.what, err)
		}
		if log, err := os.ReadFile(p.Cells[0].Log()); err != nil || string(log) != c.log {
			t.Errorf("%s: log %q, error %v, want %q", c.what, log, err, c.log)
		}
	}
}

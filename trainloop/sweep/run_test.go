package sweep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
)

// occupied is a plan of one cell whose directory another process is in.
func occupied(t *testing.T) (p *Plan, leave func()) {
	t.Helper()
	p = mustPlan(t, grid([]string{"none"}, []int{64}, 1), t.TempDir())
	if err := os.MkdirAll(p.Cells[0].Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	unlock, err := durable.Lock(p.Cells[0].Dir)
	if err != nil {
		t.Fatal(err)
	}
	return p, func() {
		if err := unlock(); err != nil {
			t.Error(err)
		}
	}
}

// TestOccupiedCell: a cell waits for the process in its directory, for ten
// seconds at most.
func TestOccupiedCell(t *testing.T) {
	for _, c := range []struct {
		leaves, waits time.Duration
		want          string
	}{
		{leaves: 5050 * time.Millisecond, waits: 5100 * time.Millisecond},
		{leaves: time.Minute, waits: 10 * time.Second, want: fmt.Sprintf(": process %d on ", os.Getpid())},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, leave := occupied(t)
			time.AfterFunc(c.leaves, leave)
			var results []Result
			_, err := p.Run(t.Context(), Options{
				Command:  func(c Cell) *exec.Cmd { return cell(c, "trains") },
				Finished: func(r Result) { results = append(results, r) },
			})
			if err != nil || len(results) != 1 {
				t.Fatalf("results %+v, error %v", results, err)
			}
			r := results[0]
			if waited := time.Duration(r.Seconds * float64(time.Second)).Round(time.Millisecond); waited != c.waits {
				t.Errorf("left after %v: it waits %v, want %v", c.leaves, waited, c.waits)
			}
			if c.want == "" && r.Err != nil || c.want != "" && (r.Err == nil || !strings.Contains(r.Err.Error(), c.want)) {
				t.Errorf("left after %v: error %v, want %q", c.leaves, r.Err, c.want)
			}
			if rundir.Complete(r.Dir) != (c.want == "") {
				t.Errorf("left after %v: the run is complete, or is not", c.leaves)
			}
			time.Sleep(time.Minute) // it has left
		})
	}
}

// TestOccupiedCellInterrupted: the wait ends with the sweep, and nothing failed.
func TestOccupiedCellInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, leave := occupied(t)
		defer leave()
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		outcome, err := p.Run(ctx, Options{
			Command:  func(c Cell) *exec.Cmd { return cell(c, "trains") },
			Finished: func(r Result) { t.Errorf("it ended: %+v", r) },
		})
		if !errors.Is(err, context.Canceled) || outcome != (Outcome{}) {
			t.Errorf("outcome %+v, error %v", outcome, err)
		}
		if _, err := rundir.ReadFailure(p.Cells[0].Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is marked as failed, or not and error %v", err)
		}
	})
}

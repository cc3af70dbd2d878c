package sweep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
)

// ended is what a test compares of a Result.
type ended struct {
	name, err string
	passed    bool
}

// ran runs the plan, one cell after the other: what says what each does. It
// returns the names of those that were started, and how all ended.
func ran(t *testing.T, p *Plan, what func(c Cell) string) (begun []string, all []ended, outcome Outcome) {
	t.Helper()
	outcome, err := p.Run(t.Context(), Options{
		Command: func(c Cell) *exec.Cmd {
			begun = append(begun, Name(c.Cell))
			return cell(c, what(c))
		},
		Finished: func(r Result) {
			e := ended{name: Name(r.Cell.Cell), passed: r.Passed}
			if r.Err != nil {
				e.err = r.Err.Error()
			}
			all = append(all, e)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return begun, all, outcome
}

// TestRun: the cells run in the plan's order, one that fails is marked and does
// not stop the others, and going on runs what is not complete.
func TestRun(t *testing.T) {
	p := mustPlan(t, grid([]string{"none", "strong"}, []int{64, 128}, 1), t.TempDir())
	const a, b, c, d = "none, batch 64, seed 1", "strong, batch 64, seed 1", "none, batch 128, seed 1", "strong, batch 128, seed 1"
	bad := p.Cells[1]
	check := func(when string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}

	begun, all, outcome := ran(t, p, func(c Cell) string {
		if c.Dir == bad.Dir {
			return "fails"
		}
		return "trains"
	})
	check("started", begun, []string{a, b, c, d})
	check("ended", all, []ended{{name: a}, {name: b, err: "loss is NaN (exit status 3)"}, {name: c}, {name: d}})
	check("outcome", outcome, Outcome{Done: 3, Failed: 1})
	failure, err := rundir.ReadFailure(bad.Dir)
	if err != nil {
		t.Fatal(err)
	}
	check("failure", failure, rundir.Failure{Error: "loss is NaN (exit status 3)", ExitStatus: 3})

	begun, all, outcome = ran(t, p, func(Cell) string { return "trains" })
	check("started again", begun, []string{b})
	check("ended again", all, []ended{{name: a, passed: true}, {name: b}, {name: c, passed: true}, {name: d, passed: true}})
	check("outcome again", outcome, Outcome{Done: 1, Passed: 3})
	log, err := os.ReadFile(bad.Log())
	if err != nil {
		t.Fatal(err)
	}
	check("log", string(log), "epoch 1/2\npipeline: loss is NaN\nepoch 2/2\n")
}

// TestNoProcess: a cell whose process cannot be started has failed.
func TestNoProcess(t *testing.T) {
	p := mustPlan(t, grid([]string{"none"}, []int{64}, 1), t.TempDir())
	program := filepath.Join(t.TempDir(), "missing")
	outcome, err := p.Run(t.Context(), Options{Command: func(Cell) *exec.Cmd { return exec.Command(program) }})
	if err != nil || outcome != (Outcome{Failed: 1}) {
		t.Errorf("outcome %+v, error %v", outcome, err)
	}
	failure, err := rundir.ReadFailure(p.Cells[0].Dir)
	if err != nil || failure.ExitStatus != -1 || !strings.Contains(failure.Error, program) {
		t.Errorf("failure %+v, error %v", failure, err)
	}
}

// TestJobs: as many cells run at once as are to, and no more.
func TestJobs(t *testing.T) {
	p := mustPlan(t, grid([]string{"none"}, []int{1, 2, 4, 8, 16, 32}, 1), t.TempDir())
	var mu sync.Mutex
	running, most, begun := 0, 0, 0
	var both sync.WaitGroup // the first two wait for each other
	both.Add(2)
	outcome, err := p.Run(t.Context(), Options{
		Jobs: 2,
		Command: func(c Cell) *exec.Cmd {
			mu.Lock()
			begun++
			running++
			most = max(most, running)
			early := begun <= 2
			mu.Unlock()
			if early {
				both.Done()
				both.Wait()
			}
			return cell(c, "trains")
		},
		Finished: func(Result) {
			mu.Lock()
			defer mu.Unlock()
			running--
		},
	})
	if err != nil || outcome != (Outcome{Done: 6}) || most != 2 {
		t.Errorf("%d at once, outcome %+v, error %v", most, outcome, err)
	}
}

// TestOccupiedSweep: a second sweep in the directory runs nothing.
func TestOccupiedSweep(t *testing.T) {
	p := mustPlan(t, grid([]string{"none"}, []int{64}, 1), t.TempDir())
	unlock, err := durable.Lock(p.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	_, err = p.Run(t.Context(), Options{Command: func(c Cell) *exec.Cmd {
		t.Error("a cell runs")
		return cell(c, "trains")
	}})
	var locked *durable.LockedError
	if !errors.As(err, &locked) || locked.Dir != p.Root {
		t.Errorf("error %v, want a LockedError", err)
	}
}

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

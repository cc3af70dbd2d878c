package sweep

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

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
	check("failure", failure, rundir.Failure{Error: "loss is NaN (exit status 3)", ExitStatus: 3, Cell: &bad.Cell})

	begun, all, outcome = ran(t, p, func(Cell) string { return "trains" })
	check("started again", begun, []string{b})
	check("ended again", all, []ended{{name: a, passed: true}, {name: b}, {name: c, passed: true}, {name: d, passed: true}})
	check("outcome again", outcome, Outcome{Done: 1, Passed: 3})
	log, err := os.ReadFile(bad.Log())
	if err != nil {
		t.Fatal(err)
	}
	check("log", string(log), "epoch 1/2\npipeline: loss is NaN\nepoch 2/2\n")
	if _, err := rundir.ReadFailure(bad.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still marked as failed, or error %v", err)
	}
}

// TestFailedAgain: a sweep that is planned anew, with further seeds too, tries a
// cell that failed before it began where it was, and marks each under its seed.
func TestFailedAgain(t *testing.T) {
	for _, c := range []struct{ first, later []uint64 }{
		{[]uint64{1}, []uint64{1}},
		{[]uint64{0}, []uint64{0}},
		{[]uint64{1}, []uint64{1, 2}},
		{[]uint64{7}, []uint64{0, 7}},
		{[]uint64{0}, []uint64{3, 0}},
		{[]uint64{1}, []uint64{2}},
		{[]uint64{1, 2}, []uint64{2}},
	} {
		root := t.TempDir()
		dirs := map[rundir.Cell]string{}
		for _, seeds := range [][]uint64{c.first, c.later} {
			p, err := New(grid([]string{"none"}, []int{64}, seeds...), root)
			if err != nil {
				t.Fatal(err)
			}
			_, _, outcome := ran(t, p, func(Cell) string { return "fails" })
			if outcome != (Outcome{Failed: len(seeds)}) {
				t.Errorf("%v: outcome %+v", c, outcome)
			}
			for _, cell := range p.Cells {
				if before, again := dirs[cell.Cell]; again && before != cell.Dir {
					t.Errorf("%v: %s was in %s and is in %s", c, Name(cell.Cell), before, cell.Dir)
				}
				dirs[cell.Cell] = cell.Dir
			}
		}
		for cell, dir := range dirs {
			if f, err := rundir.ReadFailure(dir); err != nil || f.Cell == nil || *f.Cell != cell {
				t.Errorf("%v: the mark of %s tells %+v, error %v", c, Name(cell), f.Cell, err)
			}
		}
		if found, err := rundir.List(root); err != nil || len(found) != len(dirs) {
			t.Errorf("%v: runs %v, error %v, want %v", c, found, err, dirs)
		}
	}
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

// TestNoCommand: options that say not how a cell is trained start none.
func TestNoCommand(t *testing.T) {
	p := mustPlan(t, grid([]string{"none"}, []int{64}, 1), t.TempDir())
	if outcome, err := p.Run(t.Context(), Options{}); err == nil || outcome != (Outcome{}) {
		t.Errorf("outcome %+v, error %v", outcome, err)
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

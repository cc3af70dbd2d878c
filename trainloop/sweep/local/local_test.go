package local

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

// ended has the parts of a Result that tests compare.
type ended struct {
	name, err string
	passed    bool
}

// ran runs the plan, one cell after the other. what says what each cell does. It returns
// the names of the cells that were started, and how all of them ended.
func ran(t *testing.T, p *sweep.Plan, what func(c sweep.Cell) string) (begun []string, all []ended, outcome Outcome) {
	t.Helper()
	outcome, err := Run(t.Context(), p, Options{
		Command: func(c sweep.Cell) *exec.Cmd {
			begun = append(begun, sweep.Name(c.Key))
			return cell(c, what(c))
		},
		Finished: func(r Result) {
			e := ended{name: sweep.Name(r.Key), passed: r.Skipped}
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

// TestRun checks that the cells run in the plan's order, that one that fails is marked and
// does not stop the others, and that resuming runs those that are not complete.
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

	begun, all, outcome := ran(t, p, func(c sweep.Cell) string {
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
	check("failure", failure, rundir.Failure{Error: "loss is NaN (exit status 3)", ExitStatus: 3, Cell: &bad.Key})

	begun, all, outcome = ran(t, p, func(sweep.Cell) string { return "trains" })
	check("started again", begun, []string{b})
	check("ended again", all, []ended{{name: a, passed: true}, {name: b}, {name: c, passed: true}, {name: d, passed: true}})
	check("outcome again", outcome, Outcome{Done: 1, Skipped: 3})
	log, err := os.ReadFile(bad.Log())
	if err != nil {
		t.Fatal(err)
	}
	check("log", string(log), "epoch 1/2\npipeline: loss is NaN\nepoch 2/2\n")
	if _, err := rundir.ReadFailure(bad.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still marked as failed, or error %v", err)
	}
}

// TestFailedAgain checks that a sweep that is planned again, perhaps with further seeds,
// retries a cell that failed before it began in the same directory, and that each mark
// names its seed.
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
		dirs := map[rundir.Key]string{}
		for _, seeds := range [][]uint64{c.first, c.later} {
			p, err := sweep.New(grid([]string{"none"}, []int{64}, seeds...), root)
			if err != nil {
				t.Fatal(err)
			}
			_, _, outcome := ran(t, p, func(sweep.Cell) string { return "fails" })
			if outcome != (Outcome{Failed: len(seeds)}) {
				t.Errorf("%v: outcome %+v", c, outcome)
			}
			for _, cell := range p.Cells {
				if before, again := dirs[cell.Key]; again && before != cell.Dir {
					t.Errorf("%v: %s was in %s and is in %s", c, sweep.Name(cell.Key), before, cell.Dir)
				}
				dirs[cell.Key] = cell.Dir
			}
		}
		for cell, dir := range dirs {
			if f, err := rundir.ReadFailure(dir); err != nil || f.Cell == nil || *f.Cell != cell {
				t.Errorf("%v: the mark of %s tells %+v, error %v", c, sweep.Name(cell), f.Cell, err)
			}
		}
		if found, err := rundir.List(root); err != nil || len(found) != len(dirs) {
			t.Errorf("%v: runs %v, error %v, want %v", c, found, err, dirs)
		}
	}
}

// TestNoProcess checks that a cell whose process cannot be started counts as failed.
func TestNoProcess(t *testing.T) {
	p := mustPlan(t, grid([]string{"none"}, []int{64}, 1), t.TempDir())
	program := filepath.Join(t.TempDir(), "missing")
	outcome, err := Run(t.Context(), p, Options{Command: func(sweep.Cell) *exec.Cmd { return exec.Command(program) }})
	if err != nil || outcome != (Outcome{Failed: 1}) {
		t.Errorf("outcome %+v, error %v", outcome, err)
	}
	failure, err := rundir.ReadFailure(p.Cells[0].Dir)
	if err != nil || failure.ExitStatus != -1 || !strings.Contains(failure.Error, program) {
		t.Errorf("failure %+v, error %v", failure, err)
	}
}

// TestNoCommand checks that options without a command start nothing.
func TestNoCommand(t *testing.T) {
	p := mustPlan(t, grid([]string{"none"}, []int{64}, 1), t.TempDir())
	if outcome, err := Run(t.Context(), p, Options{}); err == nil || outcome != (Outcome{}) {
		t.Errorf("outcome %+v, error %v", outcome, err)
	}
}

// TestJobs checks that exactly as many cells as allowed run at once.
func TestJobs(t *testing.T) {
	p := mustPlan(t, grid([]string{"none"}, []int{1, 2, 4, 8, 16, 32}, 1), t.TempDir())
	var mu sync.Mutex
	running, most, begun := 0, 0, 0
	var both sync.WaitGroup // the first two wait for each other
	both.Add(2)
	outcome, err := Run(t.Context(), p, Options{
		Jobs: 2,
		Command: func(c sweep.Cell) *exec.Cmd {
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

// TestBusy checks that a cell that another process trains does not count as failed.
func TestBusy(t *testing.T) {
	p := mustPlan(t, grid([]string{"none"}, []int{64, 128}, 1), t.TempDir())
	if err := os.MkdirAll(p.Cells[0].Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	unlock, err := durable.Lock(p.Cells[0].Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	_, all, outcome := ran(t, p, func(sweep.Cell) string { return "trains" })
	if outcome != (Outcome{Done: 1, Busy: 1}) || !strings.Contains(all[0].err, "has been using it since") {
		t.Errorf("outcome %+v, ended %v", outcome, all)
	}
	if _, err := rundir.ReadFailure(p.Cells[0].Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mark of its failure: error %v", err)
	}
}

// TestAlive checks that the cells of a running sweep are alive, except for those that have
// ended.
func TestAlive(t *testing.T) {
	p := mustPlan(t, grid([]string{"none"}, []int{16, 32, 64, 128}, 1), t.TempDir())
	for _, c := range p.Cells[:3] {
		if err := os.MkdirAll(c.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	unlock, err := durable.Lock(p.Cells[2].Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	err = errors.Join(rundir.WriteSummary(p.Cells[0].Dir, rundir.Summary{Condition: "none", BatchSize: 16, Seed: 1}), rundir.WriteFailure(p.Cells[1].Dir, rundir.Failure{Error: "loss is NaN"}))
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	l := &Launcher{}
	alive, err := l.Alive(t.Context(), p.Root)
	want := []sweep.Alive{{Key: p.Cells[2].Key, Running: true, Node: host}, {Key: p.Cells[3].Key, Reason: "waits for its turn"}}
	if err != nil || !reflect.DeepEqual(alive, want) {
		t.Errorf("alive %+v, error %v, want %+v", alive, err, want)
	}
	list, err := sweep.Statuses(t.Context(), p.Root, l)
	if err != nil {
		t.Fatal(err)
	}
	var states []sweep.State
	for _, s := range list {
		states = append(states, s.State)
	}
	if want := []sweep.State{sweep.Complete, sweep.Failed, sweep.Running, sweep.Pending}; !reflect.DeepEqual(states, want) {
		t.Errorf("states %v, want %v", states, want)
	}
	if err := sweep.Elsewhere(t.Context(), p.Root, l); err == nil || !strings.Contains(err.Error(), "2 of its cells are pending or running with --on local, for example none, batch 64, seed 1, which runs") {
		t.Errorf("error %v", err)
	}
	if alive, err := l.Alive(t.Context(), t.TempDir()); err != nil || len(alive) != 0 {
		t.Errorf("without a sweep, alive %v, error %v", alive, err)
	}
}

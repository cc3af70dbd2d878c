package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// The places where a run can fail.
const (
	failsBefore   = "before it wrote anything"
	failsUnmarked = "before it wrote anything, with a failure.json that does not name the cell"
	failsFirst    = "in its first epoch"
	failsLater    = "after an epoch"
)

// failing describes a sweep of condition "none" in which cells failed.
type failing struct {
	seeds   []uint64
	batches []int
	failed  []rundir.Key
	where   string
	plan    bool // keep the sweep's configuration
}

// write makes the run directories, of two epochs each, in root.
func (f failing) write(t *testing.T, root string) string {
	t.Helper()
	e := configs.Default()
	e.Train.Epochs = 2
	e.Sweep.Conditions, e.Sweep.BatchSizes, e.Sweep.Seeds = []string{"none"}, f.batches, f.seeds
	if f.plan {
		keepConfig(t, root, e)
	}
	for _, seed := range f.seeds {
		for _, batch := range f.batches {
			c := rundir.Key{Condition: "none", BatchSize: batch, Seed: seed}
			dir := rundir.CellDir(root, c, len(f.seeds) > 1)
			if slices.Contains(f.failed, c) {
				fail(t, dir, c, f.where, e)
				continue
			}
			keepCell(t, dir, c, e)
			sample{epochs: 2}.writeRun(t, dir, c, 0)
		}
	}
	return root
}

func keepCell(t *testing.T, dir string, c rundir.Key, e configs.Experiment) {
	t.Helper()
	cell, err := e.Cell(c.Condition, c.BatchSize, c.Seed)
	must(t, err)
	keepConfig(t, dir, cell)
}

// fail writes the files that a run leaves if it fails there.
func fail(t *testing.T, dir string, c rundir.Key, where string, e configs.Experiment) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	failure := rundir.Failure{Error: "out of memory", ExitStatus: 1, Cell: &c}
	switch where {
	case failsUnmarked:
		failure.Cell = nil
	case failsFirst, failsLater:
		keepCell(t, dir, c, e)
	}
	if where == failsLater {
		must(t, rundir.WriteHistory(rundir.Layout{Dir: dir}.History(), sample{epochs: 2}.history(c, 0)[:1]))
	}
	must(t, rundir.WriteFailure(dir, failure))
}

// eachFailing calls check for sweeps in which the first, the last or all cells failed, with
// one seed and with several, at each place.
func eachFailing(t *testing.T, check func(t *testing.T, f failing)) {
	batches := []int{16, 64}
	for _, seeds := range [][]uint64{{1}, {0}, {7}, {0, 3}} {
		var cells []rundir.Key
		for _, seed := range seeds {
			for _, batch := range batches {
				cells = append(cells, rundir.Key{Condition: "none", BatchSize: batch, Seed: seed})
			}
		}
		last := len(cells) - 1
		for which, failed := range map[string][]rundir.Key{"first": cells[:1], "last": cells[last:], "all": cells} {
			for _, where := range []string{failsBefore, failsUnmarked, failsFirst, failsLater} {
				for _, plan := range []bool{true, false} {
					if where == failsUnmarked && len(failed) == len(cells) && len(seeds) == 1 && !plan {
						continue // no file contains the seed
					}
					t.Run(fmt.Sprintf("%v %s %s plan=%v", seeds, which, where, plan), func(t *testing.T) {
						check(t, failing{seeds, batches, failed, where, plan})
					})
				}
			}
		}
	}
}

// checkTable looks at the caption, the cells and the list of what is not done.
func (f failing) checkTable(t *testing.T, s *Sweep) {
	t.Helper()
	table := s.Table(DefaultDrop)
	caption := "one run each."
	if len(f.seeds) > 1 {
		caption = fmt.Sprintf("n = %d seeds.", len(f.seeds))
	}
	if !strings.HasSuffix(table.Caption(), caption) {
		t.Errorf("the caption is %q", table.Caption())
	}
	for _, c := range table.Conditions[0].Cells {
		failed := f.failedAt(c.BatchSize)
		if c.Runs != len(f.seeds) || c.N != len(f.seeds)-failed || (c.State == Failed) != (failed > 0) || (c.Accuracy == nil) != (c.N == 0) {
			t.Errorf("%d failed at batch size %d: %+v", failed, c.BatchSize, c)
		}
		if text := c.Text(); c.N == 0 && !strings.HasPrefix(text, "failed") {
			t.Errorf("batch size %d is %q", c.BatchSize, text)
		}
	}
	var want []string
	for i := range s.Runs {
		if r := &s.Runs[i]; slices.Contains(f.failed, r.Key) {
			want = append(want, f.describe(r.Key))
		}
	}
	if !slices.Equal(table.Open, want) {
		t.Errorf("not done are\n%q, want\n%q", table.Open, want)
	}
}

func (f failing) failedAt(batch int) (n int) {
	for _, c := range f.failed {
		if c.BatchSize == batch {
			n++
		}
	}
	return n
}

func (f failing) describe(c rundir.Key) string {
	text := fmt.Sprintf("none, batch size %d", c.BatchSize)
	if len(f.seeds) > 1 {
		text += fmt.Sprintf(", seed %d", c.Seed)
	}
	if f.where == failsLater {
		return text + ": failed after 1 of 2 epochs: out of memory"
	}
	return text + ": failed: out of memory"
}

func (f failing) checkCSV(t *testing.T, s *Sweep) {
	t.Helper()
	var b bytes.Buffer
	must(t, s.writeCSV(&b, s.Table(DefaultDrop)))
	rows, err := csv.NewReader(&b).ReadAll()
	must(t, err)
	if len(rows) != 1+len(f.batches) {
		t.Fatalf("%d rows", len(rows))
	}
	for i, batch := range f.batches {
		failed, state := f.failedAt(batch), "done"
		if failed > 0 {
			state = "failed"
		}
		want := []string{"none", strconv.Itoa(batch), strconv.Itoa(len(f.seeds) - failed), strconv.Itoa(len(f.seeds)), state}
		if got := rows[1+i]; !slices.Equal(got[:5], want) || (got[5] == "") != (failed == len(f.seeds)) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

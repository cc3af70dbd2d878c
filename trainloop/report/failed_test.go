package report

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// TestFailedCells checks that each failed cell has its own seed, and that there are no
// other seeds.
func TestFailedCells(t *testing.T) {
	eachFailing(t, func(t *testing.T, f failing) {
		s := load(t, f.write(t, t.TempDir()))
		if !slices.Equal(s.Seeds, f.seeds) || len(s.Runs) != len(f.seeds)*len(f.batches) {
			t.Fatalf("seeds %v, %d runs", s.Seeds, len(s.Runs))
		}
		for i := range s.Runs {
			r, want := &s.Runs[i], Done
			if slices.Contains(f.failed, r.Key) {
				want = Failed
			}
			if r.State != want {
				t.Errorf("%v is %s, want %s", r.Key, r.State, want)
			}
		}
		f.checkTable(t, s)
		f.checkCSV(t, s)
	})
}

// TestFailedFiles checks that files are written only for runs that have epochs, and that
// the page names the same runs.
func TestFailedFiles(t *testing.T) {
	for _, f := range []failing{
		{[]uint64{7}, []int{16, 64}, []rundir.Key{{Condition: "none", BatchSize: 64, Seed: 7}}, failsBefore, true},
		{[]uint64{7}, []int{16, 64}, []rundir.Key{{Condition: "none", BatchSize: 16, Seed: 7}}, failsLater, false},
		{[]uint64{0}, []int{64}, []rundir.Key{{Condition: "none", BatchSize: 64}}, failsBefore, false},
		{[]uint64{0}, []int{64}, []rundir.Key{{Condition: "none", BatchSize: 64}}, failsFirst, true},
		{[]uint64{0, 3}, []int{16, 64}, []rundir.Key{{Condition: "none", BatchSize: 16}, {Condition: "none", BatchSize: 64, Seed: 3}}, failsLater, true},
	} {
		root := f.write(t, t.TempDir())
		s := load(t, root)
		must(t, s.Write(root, DefaultDrop))
		written := files(t, root)
		events := map[string]bool{}
		checkPage(t, s, written["report.html"])
		for i := range s.Runs {
			if r := &s.Runs[i]; len(r.History) > 0 {
				events[fmt.Sprintf("tensorboard/none-%d-%d", r.BatchSize, r.Seed)] = true
			}
		}
		for name := range written {
			if dir := filepath.ToSlash(filepath.Dir(name)); strings.HasPrefix(dir, "tensorboard") && !events[dir] {
				t.Errorf("%+v: %s is of no epoch", f, name)
			} else {
				delete(events, dir)
			}
		}
		if len(events) > 0 {
			t.Errorf("%+v: no events in %v", f, slices.Collect(maps.Keys(events)))
		}
		if _, there := written["da_type_none.json"]; there != (len(s.courses("none")) > 0) {
			t.Errorf("%+v: da_type_none.json is there: %v", f, there)
		}
	}
}

// checkPage checks that each run is on the page once: in its own row, or in the heading if
// it is the only one.
func checkPage(t *testing.T, s *Sweep, page string) {
	t.Helper()
	for i := range s.Runs {
		r := &s.Runs[i]
		row := fmt.Sprintf(`<tr><th scope="row">none</th><td>%d</td><td>%d</td><td class="state `, r.BatchSize, r.Seed)
		if len(s.Runs) == 1 {
			row = fmt.Sprintf(`<p class="muted">Condition none, batch size %d, seed %d; %s.</p>`, r.BatchSize, r.Seed, r.describe())
		}
		if n := strings.Count(page, row); n != 1 {
			t.Errorf("%v is on the page %d times", r.Key, n)
		}
	}
	rows := len(s.Runs)
	if rows == 1 {
		rows = 0
	}
	if n := strings.Count(page, `<tr><th scope="row">none</th>`); n != rows {
		t.Errorf("%d runs are on the page, not %d", n, rows)
	}
}

// TestCoursesOfFailed checks which run of a batch size is in the study's files: the one
// with the lowest seed that is done, and a failed one only if none is.
func TestCoursesOfFailed(t *testing.T) {
	cell := func(batch int, seed uint64) rundir.Key {
		return rundir.Key{Condition: "none", BatchSize: batch, Seed: seed}
	}
	f := failing{[]uint64{1, 2}, []int{16, 32, 64}, []rundir.Key{cell(16, 1), cell(32, 1), cell(32, 2)}, failsLater, true}
	courses := load(t, f.write(t, t.TempDir())).courses("none")
	history := sample{epochs: 2}.history
	want := []course{
		newCourse(16, history(cell(16, 2), 0)), newCourse(32, history(cell(32, 1), 0)[:1]), newCourse(64, history(cell(64, 1), 0)),
	}
	if !slices.EqualFunc(courses, want, func(a, b course) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("got  %v\nwant %v", courses, want)
	}
}

// TestFailedProgress checks that a cell whose furthest run has failed does not count as
// running.
func TestFailedProgress(t *testing.T) {
	c := rundir.Key{Condition: "none", BatchSize: 16, Seed: 1}
	f := failing{[]uint64{1}, []int{16}, []rundir.Key{c}, failsLater, true}
	root := f.write(t, t.TempDir())
	accuracy := fmt.Sprintf("%.2f", 100*sample{epochs: 2}.history(c, 0)[0].ValAccuracy)
	text := func() string { return load(t, root).Table(DefaultDrop).Conditions[0].Cells[0].Text() }
	if got := text(); got != "failed, "+accuracy+" at 1/2" {
		t.Errorf("failed: %q", got)
	}
	must(t, rundir.ClearFailure(rundir.CellDir(root, c, false)))
	if got := text(); got != accuracy+" at 1/2" {
		t.Errorf("under way: %q", got)
	}
}

// TestFailedFigure checks that a line connects neighbouring batch sizes only, and does not
// cross one whose runs failed. The legend shows no line for a condition that has none.
func TestFailedFigure(t *testing.T) {
	accuracy := 0.5
	cells := func(done ...bool) (list []Average) {
		for i, there := range done {
			c := Average{BatchSize: 16 << i, State: Failed}
			if there {
				c.Accuracy = &accuracy
			}
			list = append(list, c)
		}
		return list
	}
	for _, c := range []struct {
		done         []bool
		points       int
		lines        string
		legend, lack string
	}{
		{[]bool{true, true, true, true}, 4, "[4]", ">none<", "no run done"},
		{[]bool{true, true, false, true}, 3, "[2 1]", ">none<", "no run done"},
		{[]bool{false, true, true, false}, 2, "[0 2 0]", ">none<", "no run done"},
		{[]bool{true, false, true, false}, 2, "[1 1 0]", ">none<", "no run done"},
		{[]bool{false, false, false, false}, 0, "[0 0 0 0 0]", ">none (no run done)<", ">none<"},
	} {
		table := Table{Name: "failed", BatchSizes: []int{16, 32, 64, 128}, Conditions: []Condition{{Name: "none", Cells: cells(c.done...)}}}
		s := table.accuracySeries(printed())[0]
		var lengths []int
		for _, line := range s.lines {
			lengths = append(lengths, len(line))
		}
		if len(s.points) != c.points || fmt.Sprint(lengths) != c.lines {
			t.Errorf("%v: %d points in lines of %v", c.done, len(s.points), lengths)
		}
		var b bytes.Buffer
		must(t, table.accuracySVG(&b))
		if !strings.Contains(b.String(), c.legend) || strings.Contains(b.String(), c.lack) {
			t.Errorf("%v: the legend lacks %q or has %q", c.done, c.legend, c.lack)
		}
	}
}

// TestSeedsAdded checks a sweep that began with one seed and now has others, so that its
// cells are in both kinds of directories.
func TestSeedsAdded(t *testing.T) {
	e := configs.Default()
	e.Train.Epochs = 2
	cell := func(batch int, seed uint64) rundir.Key {
		return rundir.Key{Condition: "none", BatchSize: batch, Seed: seed}
	}
	for _, first := range []uint64{0, 1, 7} {
		for _, where := range []string{failsBefore, failsUnmarked, failsFirst, failsLater} {
			for _, plan := range []bool{true, false} {
				began := failing{[]uint64{first}, []int{16, 64}, []rundir.Key{cell(64, first)}, where, false}
				root := began.write(t, t.TempDir())
				grown := failing{[]uint64{0, 1, 7}, []int{16, 64}, []rundir.Key{cell(64, first)}, where, plan}
				for _, seed := range grown.seeds {
					for _, batch := range grown.batches {
						if seed == first {
							continue
						}
						dir := rundir.CellDir(root, cell(batch, seed), true)
						if name := filepath.Base(dir); name != fmt.Sprintf("seed-%d", seed) {
							t.Fatalf("seed %d is in %s", seed, dir)
						}
						keepCell(t, dir, cell(batch, seed), e)
						sample{epochs: 2}.writeRun(t, dir, cell(batch, seed), 0)
					}
				}
				if e.Sweep.Conditions, e.Sweep.BatchSizes, e.Sweep.Seeds = []string{"none"}, grown.batches, grown.seeds; plan {
					keepConfig(t, root, e)
				}
				s := load(t, root)
				if !slices.Equal(s.Seeds, grown.seeds) {
					t.Fatalf("began with %d, failed %s, plan %v: seeds %v", first, where, plan, s.Seeds)
				}
				grown.checkTable(t, s)
				grown.checkCSV(t, s)
			}
		}
	}
}

// TestMarksLeftBehind checks that a failure.json without a seed is ignored once its cell
// has run again elsewhere, but that a history is kept.
func TestMarksLeftBehind(t *testing.T) {
	e := configs.Default()
	c := rundir.Key{Condition: "none", BatchSize: 64, Seed: 1}
	root := failing{[]uint64{1}, []int{16, 64}, []rundir.Key{c}, failsUnmarked, true}.write(t, t.TempDir())
	alone := filepath.Join(root, "none", "64")
	again := filepath.Join(alone, "seed-1")
	keepCell(t, again, c, e)
	sample{epochs: 2}.writeRun(t, again, c, 0)
	s := load(t, root)
	if !slices.Equal(s.Seeds, []uint64{1}) || len(s.Table(DefaultDrop).Open) != 0 {
		t.Errorf("seeds %v, not done %q", s.Seeds, s.Table(DefaultDrop).Open)
	}
	must(t, errors.Join(os.Remove(rundir.Layout{Dir: alone}.Failure()),
		rundir.WriteHistory(rundir.Layout{Dir: alone}.History(), sample{epochs: 2}.history(c, 0))))
	if s := load(t, root); !slices.Equal(s.Seeds, []uint64{0, 1}) {
		t.Errorf("with a history that does not tell its seed: seeds %v", s.Seeds)
	}
}

// TestWithSeeds checks which seed a run at batch size 64 gets if none of its files contains
// one.
func TestWithSeeds(t *testing.T) {
	known := func(dir string, batch int, seed uint64) Run {
		return Run{Key: rundir.Key{Condition: "none", BatchSize: batch, Seed: seed}, Dir: filepath.FromSlash(dir)}
	}
	mark := Run{Key: rundir.Key{Condition: "none", BatchSize: 64}, seedUnknown: true, Dir: filepath.FromSlash("none/64")}
	history := mark
	history.History = sample{epochs: 1}.history(mark.Key, 0)
	for _, c := range []struct {
		what    string
		others  []Run
		unknown Run
		planned []uint64
		want    []uint64 // nil if the run is dropped
	}{
		{"nothing tells", nil, mark, nil, []uint64{0}},
		{"nothing tells of a history", nil, history, nil, []uint64{0}},
		{"the plan does", nil, mark, []uint64{5}, []uint64{5}},
		{"another of the time of one seed does", []Run{known("none/16", 16, 7)}, mark, []uint64{0, 1, 7}, []uint64{7}},
		{"the same, without a plan", []Run{known("none/16", 16, 7), known("none/16/seed-1", 16, 1)}, mark, nil, []uint64{7}},
		{"another seed has run there", []Run{known("none/64/seed-3", 64, 3)}, mark, []uint64{3, 5}, []uint64{5}},
		{"another cell has that seed", []Run{known("none/16/seed-3", 16, 3)}, mark, []uint64{3, 5}, []uint64{3}},
		{"other cells alone tell", []Run{known("none/16/seed-3", 16, 3)}, mark, nil, []uint64{3}},
		{"all have run", []Run{known("none/64/seed-3", 64, 3), known("none/64/seed-5", 64, 5)}, mark, []uint64{3, 5}, nil},
		{"a history, and all have run", []Run{known("none/64/seed-0", 64, 0), known("none/64/seed-1", 64, 1)}, history, []uint64{0, 1}, []uint64{2}},
	} {
		var got []uint64
		for _, r := range withSeeds(append(c.others, c.unknown), c.planned) {
			if r.Dir == c.unknown.Dir {
				got = append(got, r.Seed)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: seeds %v, want %v", c.what, got, c.want)
		}
	}
}

// TestMarksAlone checks the report of a directory that has only failure.json files without
// any details.
func TestMarksAlone(t *testing.T) {
	f := failing{[]uint64{0}, []int{16, 64}, []rundir.Key{{Condition: "none", BatchSize: 16}, {Condition: "none", BatchSize: 64}}, failsUnmarked, false}
	root := f.write(t, t.TempDir())
	s := load(t, root)
	must(t, s.Write(root, DefaultDrop))
	f.checkTable(t, s)
	f.checkCSV(t, s)
	if page := files(t, root)["report.html"]; !strings.Contains(page, "2 runs, 0 of them done.") {
		t.Error("the page mentions epochs")
	}
}

package rundir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"

	"onnxlab/configs"
)

// touch writes a file and the directories that it needs.
func touch(t *testing.T, text string, path ...string) {
	t.Helper()
	p := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSummarize(t *testing.T) {
	if none := Summarize(nil); none.Status != "" || none.Epochs != 0 {
		t.Errorf("no epochs are %+v", none)
	}
	got := Summarize([]Epoch{
		{Epoch: 0, Step: 10, ValAccuracy: 0.5, Loss: 2, ImagesPerSecond: 100, DataWait: 0.5, Seconds: 3},
		{Epoch: 1, Step: 20, ValAccuracy: 0.75, Loss: 1, ImagesPerSecond: 300, Seconds: 2},
		{Epoch: 2, Step: 30, ValAccuracy: 0.75, ValLoss: 0.5, Accuracy: 0.25, Loss: 0.75, ImagesPerSecond: 300, Seconds: 2},
	})
	want := Summary{
		ValAccuracy: 0.75, BestValAccuracy: 0.75, BestEpoch: 1, ValLoss: 0.5, Accuracy: 0.25, Loss: 0.75,
		Epochs: 3, Steps: 30, Seconds: 7, ImagesPerSecond: 180, DataWait: 0.3, Status: StatusDone,
	}
	if diff := got.DataWait - want.DataWait; diff > 1e-12 || diff < -1e-12 {
		t.Errorf("data wait is %v, not %v", got.DataWait, want.DataWait)
	}
	if diff := got.ImagesPerSecond - want.ImagesPerSecond; diff > 1e-9 || diff < -1e-9 {
		t.Errorf("%v images per second, not %v", got.ImagesPerSecond, want.ImagesPerSecond)
	}
	got.DataWait, got.ImagesPerSecond = want.DataWait, want.ImagesPerSecond
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestKeeps(t *testing.T) {
	root := t.TempDir()
	touch(t, "", root, "run", "environment.json")
	touch(t, "", root, "run", "config.yaml")
	touch(t, "", root, "sweep", "config.yaml")
	for path, want := range map[string]bool{
		"run/model.onnx":                        true,
		"run/summary.json":                      true, // not there yet
		"run/../run/history.csv":                true,
		"run/checkpoints/step-00000008/graph":   true,
		"run/evaluation/model.onnx":             false,
		"run/model.svg":                         false,
		"sweep/config.yaml":                     true,
		"sweep/model.onnx":                      false, // config.yaml may be any experiment
		"sweep/checkpoints/of mine/config.yaml": false,
	} {
		if got := Keeps(filepath.Join(root, filepath.FromSlash(path))); got != want {
			t.Errorf("%s is kept: %v", path, got)
		}
	}
}

func TestSummaryFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadSummary(dir); !errors.Is(err, fs.ErrNotExist) || Complete(dir) {
		t.Errorf("without a file: %v, complete %v", err, Complete(dir))
	}
	s := Summary{Name: "<a>", Seed: 1 << 63, Verification: &Verification{Samples: 4, LargestDifference: 3e-7, Tolerance: 1e-5}, Status: StatusDone}
	if err := WriteSummary(dir, s); err != nil {
		t.Fatal(err)
	}
	got, err := ReadSummary(dir)
	if err != nil || got.Name != s.Name || got.Seed != s.Seed || *got.Verification != *s.Verification {
		t.Errorf("got %+v, %v", got, err)
	}
	if !Complete(dir) {
		t.Error("not complete with a summary")
	}
	touch(t, "{\n  \"seed\": 1.5\n}", dir, "summary.json")
	if _, err := ReadSummary(dir); err == nil || !strings.Contains(err.Error(), "summary.json:2:13: seed: number 1.5 instead of a value of type uint64") {
		t.Errorf("a fractional seed: %v", err)
	}
	touch(t, "{\n  \"seed\": 1,", dir, "summary.json")
	if _, err := ReadSummary(dir); err == nil || !strings.Contains(err.Error(), "summary.json:2") {
		t.Errorf("cut off: %v", err)
	}
}

func TestEnvironmentFile(t *testing.T) {
	dir, want := t.TempDir(), Collect()
	want.Threads, want.Data = 2, Data{Source: "synthetic", Train: 100}
	if err := WriteEnvironment(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadEnvironment(dir)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if want.Toolkit == "" || want.CPU.Cores < 1 || !strings.Contains(want.Platform, "/") {
		t.Errorf("collected %+v", want)
	}
	host, _ := os.Hostname()
	data, _ := os.ReadFile(Layout{dir}.Environment())
	if len(host) > 3 && strings.Contains(string(data), host) {
		t.Errorf("the machine's name is in %s", data)
	}
}

func TestToolkitOfOtherProgram(t *testing.T) {
	other := debug.Module{Path: "example.org/program", Version: "v7.0.0"}
	info := &debug.BuildInfo{Main: other, Deps: []*debug.Module{{Path: "example.org/a", Version: "v2.0.0"}, {Path: "onnxlab", Version: "v0.1.0"}}}
	if got := toolkitOf(info); got != "v0.1.0" {
		t.Errorf("got %q, want that of the dependency", got)
	}
	info.Main, info.Deps = debug.Module{Path: "onnxlab", Version: "v0.2.0"}, info.Deps[:1]
	if got := toolkitOf(info); got != "v0.2.0" {
		t.Errorf("got %q, want that of the program", got)
	}
}

func TestList(t *testing.T) {
	root := t.TempDir()
	cells := []Key{
		{"medium", 128, 1}, {"medium", 128, 10}, {"medium", 1024, 2}, {"none", 64, 7},
	}
	for _, c := range cells {
		touch(t, firstLine, CellDir(root, c, true), "history.csv")
	}
	touch(t, "{}", root, "none", "notes", "summary.json")         // no batch size
	touch(t, "{}", root, "none", "128", "seed-x", "summary.json") // no seed
	touch(t, "{}", root, "tensorboard", "none-64-7", "events")    // no run
	touch(t, "{}", root, ".tmp-1", "128", "summary.json")         // left behind
	if err := os.MkdirAll(filepath.Join(root, "none", "256"), 0o755); err != nil {
		t.Fatal(err) // not begun
	}
	touch(t, "sweep: {conditions: [none, medium]}", root, "config.yaml")
	runs, err := List(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []Key
	for _, r := range runs {
		if r.Dir != CellDir(root, r.Key, true) {
			t.Errorf("%v is in %q", r.Key, r.Dir)
		}
		got = append(got, r.Key)
	}
	if !reflect.DeepEqual(got, cells) {
		t.Errorf("got %v, want %v", got, cells)
	}
}

// TestListOneSeed checks that the seed is read from the configuration, since the path lacks
// it.
func TestListOneSeed(t *testing.T) {
	root := t.TempDir()
	want := Key{"strong", 256, 5}
	dir := CellDir(root, want, false)
	e, err := configs.Default().Cell("strong", 256, 5)
	if err != nil {
		t.Fatal(err)
	}
	text, err := configs.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	touch(t, string(text), dir, "config.yaml")
	for _, from := range []string{root, dir} {
		runs, err := List(from)
		if err != nil || len(runs) != 1 || runs[0] != (Run{Dir: dir, Key: want}) {
			t.Errorf("%v, %v", runs, err)
		}
	}
}

// TestSeedsAddedAndLeftOut checks that runs stay in their directories when seeds are added
// or removed, and that all are listed.
func TestSeedsAddedAndLeftOut(t *testing.T) {
	root := t.TempDir()
	cell := func(batch int, seed uint64) Key { return Key{"none", batch, seed} }
	begin := func(c Key, path ...string) {
		t.Helper()
		e, err := configs.Default().Cell(c.Condition, c.BatchSize, c.Seed)
		if err != nil {
			t.Fatal(err)
		}
		text, err := configs.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		touch(t, string(text), append(append([]string{root, "none"}, path...), "config.yaml")...)
	}
	begin(cell(128, 1), "128")           // first the only seed, then one of several
	begin(cell(128, 2), "128", "seed-2") //
	begin(cell(256, 2), "256", "seed-2") // first one of several seeds, then the only one
	for _, c := range []struct {
		cell    Key
		several bool
		want    string
	}{
		{cell(128, 1), false, "none/128"},
		{cell(128, 1), true, "none/128"},
		{cell(128, 2), false, "none/128/seed-2"},
		{cell(128, 2), true, "none/128/seed-2"},
		{cell(128, 3), false, "none/128/seed-3"},
		{cell(128, 3), true, "none/128/seed-3"},
		{cell(256, 2), false, "none/256/seed-2"},
		{cell(256, 2), true, "none/256/seed-2"},
		{cell(256, 1), false, "none/256"},
		{cell(256, 1), true, "none/256/seed-1"},
	} {
		if got, want := CellDir(root, c.cell, c.several), filepath.Join(root, filepath.FromSlash(c.want)); got != want {
			t.Errorf("%v, several seeds %v: %q, want %q", c.cell, c.several, got, want)
		}
	}
	runs, err := List(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []Run{
		{Dir: filepath.Join(root, "none", "128"), Key: cell(128, 1)},
		{Dir: filepath.Join(root, "none", "128", "seed-2"), Key: cell(128, 2)},
		{Dir: filepath.Join(root, "none", "256", "seed-2"), Key: cell(256, 2)},
	}
	if !reflect.DeepEqual(runs, want) {
		t.Errorf("got %v, want %v", runs, want)
	}
}

func TestListSummaryAlone(t *testing.T) {
	dir := t.TempDir()
	if err := WriteSummary(dir, Summary{Condition: "none", BatchSize: 32, Seed: 3}); err != nil {
		t.Fatal(err)
	}
	runs, err := List(dir)
	if want := []Run{{Dir: dir, Key: Key{"none", 32, 3}}}; err != nil || !reflect.DeepEqual(runs, want) {
		t.Errorf("%v, %v", runs, err)
	}
}

// TestListHistoryAlone checks runs that have only a history, so that only the path says
// which cell they are.
func TestListHistoryAlone(t *testing.T) {
	root := t.TempDir()
	for path, want := range map[string]Run{
		"none/128":        {Key: Key{"none", 128, 0}, SeedUnknown: true},
		"none/256/seed-3": {Key: Key{"none", 256, 3}},
		"none/256/seed-0": {Key: Key{"none", 256, 0}},
		"none/seed-x":     {SeedUnknown: true},
		"first":           {SeedUnknown: true},
	} {
		dir := filepath.Join(root, filepath.FromSlash(path))
		touch(t, firstLine, dir, "history.csv")
		want.Dir = dir
		runs, err := List(dir)
		if err != nil || len(runs) != 1 || runs[0] != want {
			t.Errorf("%s: %v, %v", path, runs, err)
		}
	}
}

func TestListNothing(t *testing.T) {
	if runs, err := List(t.TempDir()); err != nil || len(runs) != 0 {
		t.Errorf("%v, %v", runs, err)
	}
	if _, err := List(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	dir := t.TempDir()
	touch(t, "seed: [", dir, "config.yaml")
	var damaged *DataError
	if _, err := List(dir); !errors.As(err, &damaged) {
		t.Errorf("a damaged configuration: %v", err)
	}
}

func TestKindOf(t *testing.T) {
	dir := t.TempDir()
	check := func(want Kind) {
		t.Helper()
		if got := KindOf(dir); got != want {
			t.Errorf("it holds %q, want %q", got, want)
		}
	}
	check(Neither)
	touch(t, "", dir, "config.yaml")
	check(OfSweep)
	touch(t, "", dir, "environment.json")
	check(OfRun)
}

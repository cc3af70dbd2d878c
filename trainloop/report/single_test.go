package report

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// alone makes a run that was trained without a sweep.
func alone(t *testing.T, dir, name string, epochs int) string {
	t.Helper()
	e := configs.Default()
	e.Name, e.Seed, e.Train.BatchSize, e.Train.Epochs = name, 4, 256, epochs
	keepConfig(t, dir, e)
	sample{epochs: epochs}.writeRun(t, dir, rundir.Key{BatchSize: 256, Seed: 4}, 1)
	return dir
}

func pageFor(t *testing.T, s *Sweep) string {
	t.Helper()
	var b bytes.Buffer
	must(t, s.writeHTML(&b, s.Table(DefaultDrop)))
	return b.String()
}

// TestNameOfRun checks the name of a single run. Files that are otherwise named after the
// condition are named after the experiment, whose name can be a path, or after the
// directory.
func TestNameOfRun(t *testing.T) {
	for name, want := range map[string]string{"flowers": "flowers", "sets/flowers": "flowers", "": "dir"} {
		dir := alone(t, filepath.Join(t.TempDir(), "dir"), name, 3)
		s := load(t, dir)
		must(t, s.Write(dir, DefaultDrop))
		written := files(t, dir)
		for _, file := range []string{"da_type_" + want + ".pkl", "da_type_" + want + ".json", "tensorboard/" + want + "-256-4/events.out.tfevents.1700000000.onnxlab"} {
			if written[filepath.FromSlash(file)] == "" {
				t.Errorf("%q: no %s", name, file)
			}
		}
		if title := "<title>" + s.Name + ": training curves</title>"; !strings.Contains(written["report.html"], title) {
			t.Errorf("%q: no %s", name, title)
		}
	}
}

// TestPageOfRun checks that the page of a single run begins with its curves, and has no
// figure or table of accuracy against batch size.
func TestPageOfRun(t *testing.T) {
	page := pageFor(t, load(t, alone(t, t.TempDir(), "flowers", 5)))
	headings := []string{}
	for _, part := range strings.Split(page, "<h2 ")[1:] {
		_, text, _ := strings.Cut(part, ">")
		text, _, _ = strings.Cut(text, "<")
		headings = append(headings, text)
	}
	if want := []string{"Training curves", "Result", "What it ran on", "How it was made"}; !slices.Equal(headings, want) {
		t.Errorf("the headings are %q", headings)
	}
	last := sample{epochs: 5}.history(rundir.Key{BatchSize: 256, Seed: 4}, 1)[4]
	for _, want := range []string{
		"<h1>flowers</h1>", "Validation accuracy " + percent(last.ValAccuracy) + " % after epoch 5; the best was ",
		"Batch size 256, seed 4; 5 epochs, all done; a network of 1,927,946 parameters.", "<dt>state</dt><dd>done</dd>",
		"<dt>training accuracy</dt><dd>" + percent(last.Accuracy) + " %</dd>", "<dt>time</dt><dd>2.9 min</dd>",
		"repeats the run: <code>pipeline train --config experiment.yaml --out DIR</code>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "batch sizes") || strings.Contains(page, "<table") {
		t.Error("the page compares batch sizes")
	}
}

// TestStoppedEarly checks that the page shows the planned epochs, and says why not all of
// them were trained.
func TestStoppedEarly(t *testing.T) {
	dir := alone(t, t.TempDir(), "flowers", 9)
	layout := rundir.Layout{Dir: dir}
	history, err := rundir.ReadHistory(layout.History())
	must(t, err)
	must(t, rundir.WriteHistory(layout.History(), history[:3]))
	summary := rundir.Summarize(history[:3])
	stopped, restored, accuracy := 2, 0, 0.25
	summary.StoppedEpoch, summary.StopReason = &stopped, "val_loss did not improve for 2 epochs"
	must(t, rundir.WriteSummary(dir, summary))
	s := load(t, dir)
	if r := s.Runs[0]; r.State != Done || r.Epochs != 9 {
		t.Errorf("%s, %d epochs", r.State, r.Epochs)
	}
	page := pageFor(t, s)
	for _, want := range []string{
		"<dt>state</dt><dd>done, stopped early</dd>", "<dt>epochs</dt><dd>3/9</dd>",
		"seed 4; stopped early after epoch 3 of 9, as val_loss did not improve for 2 epochs.</p>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "model of epoch") {
		t.Error("the page mentions a restored epoch, but there is none")
	}
	summary.RestoredEpoch, summary.RestoredValAccuracy = &restored, &accuracy
	must(t, rundir.WriteSummary(dir, summary))
	s = load(t, dir)
	if page := pageFor(t, s); !strings.Contains(page, "<dt>model of epoch</dt><dd>1</dd>") {
		t.Error("the page does not say from which epoch the model is")
	}
	const want = "\nStopped early:\n  flowers, batch size 256: after epoch 3 of 9, as val_loss did not improve for 2 epochs; its model is of epoch 1, validation accuracy 25.00 %\n"
	if got := string(text(t, s)); !strings.HasSuffix(got, want) || strings.Contains(got, "holds to") {
		t.Errorf("got\n%s", got)
	}
}

// TestColumnsOnlyIfThere checks that a table has only columns in which some run has a
// value.
func TestColumnsOnlyIfThere(t *testing.T) {
	one := study()
	one.batches = []int{128, 256}
	root := one.write(t, t.TempDir())
	has := func(column string) bool { return slices.Contains(load(t, root).runColumns(), column) }
	if has("skipped") || has("model of") || !has("accuracy") || !has("time") {
		t.Errorf("the columns are %q", load(t, root).runColumns())
	}
	dir := filepath.Join(root, "medium", "256")
	summary, err := rundir.ReadSummary(dir)
	must(t, err)
	summary.SkippedSteps = 17
	must(t, rundir.WriteSummary(dir, summary))
	page := pageFor(t, load(t, root))
	if !has("skipped") || strings.Count(page, "<td>17</td>") != 1 || strings.Count(page, "<td>–</td>") != 7 {
		t.Errorf("17 is there %d times, nothing %d times", strings.Count(page, "<td>17</td>"), strings.Count(page, "<td>–</td>"))
	}
}

// TestMultiLabelColumns checks that runs whose images may have several classes have columns
// for mean average precision and F1.
func TestMultiLabelColumns(t *testing.T) {
	run := Run{State: Running, History: []rundir.Epoch{{ValMAP: 0.5, ValF1: 0.25}}}
	texts := func() (texts [2]string) {
		for _, c := range columns() {
			if i := slices.Index([]string{"mAP", "F1"}, c.short); i >= 0 {
				texts[i] = c.text(&run)
			}
		}
		return texts
	}
	if got := texts(); got != [2]string{} {
		t.Errorf("with one class for each image: %q", got)
	}
	run.History[0].MultiLabel = true
	if got, want := texts(), [2]string{"50.00", "25.00"}; got != want {
		t.Errorf("with several classes: %q, want %q", got, want)
	}
}

func TestDuration(t *testing.T) {
	for seconds, want := range map[float64]string{0.04: "0.0 s", 1.46: "1.5 s", 99.9: "99.9 s", 100: "1.7 min", 5999: "100.0 min", 6000: "1.7 h", 86400: "24.0 h"} {
		if got := duration(seconds); got != want {
			t.Errorf("%v s: %s, want %s", seconds, got, want)
		}
	}
}

// TestMadeAgain checks that the command on the page begins with the parameters that the run
// began with.
func TestMadeAgain(t *testing.T) {
	one := study()
	one.batches = []int{128, 256}
	root := one.write(t, t.TempDir())
	dir := filepath.Join(root, "none", "256")
	environment, err := rundir.ReadEnvironment(dir)
	must(t, err)
	environment.From = &rundir.From{Path: "my run", Place: "epoch 3, step 24", SHA256: "0123456789abcdef", New: []string{"dense.bias"}}
	must(t, rundir.WriteEnvironment(dir, environment))
	for of, command := range map[string]string{
		root: "repeats the runs: <code>pipeline sweep --config experiment.yaml --out DIR --from &#39;my run&#39;</code></p>\n<p>They began ",
		dir:  "repeats the run: <code>pipeline train --config experiment.yaml --out DIR --from &#39;my run&#39;</code></p>\n<p>It began ",
	} {
		want := command + "with the parameters of &#34;my run&#34; (epoch 3, step 24) with SHA-256 0123456789ab but dense.bias.</p>"
		if page := pageFor(t, load(t, of)); !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
}

// TestOnlyPlanned checks a sweep that has a configuration but no cells yet.
func TestOnlyPlanned(t *testing.T) {
	e := configs.Default()
	e.Sweep.Conditions, e.Sweep.BatchSizes = []string{"none"}, []int{16, 32}
	dir := t.TempDir()
	must(t, os.WriteFile(rundir.Layout{Dir: dir}.Config(), mustMarshal(t, e), 0o600))
	s := load(t, dir)
	if len(s.Runs) != 2 || s.Runs[0].State != Missing || s.Progress() != "0 of 2 runs done" {
		t.Errorf("%s: %+v", s.Progress(), s.Runs)
	}
	must(t, rundir.WriteEnvironment(dir, rundir.Environment{}))
	if s := load(t, dir); len(s.Runs) != 1 || s.Runs[0].State != Running {
		t.Errorf("a run that begins: %+v", s.Runs)
	}
}

func mustMarshal(t *testing.T, e configs.Experiment) []byte {
	t.Helper()
	text, err := configs.MarshalSweep(e)
	must(t, err)
	return text
}

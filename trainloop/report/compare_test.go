package report

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

func TestCompare(t *testing.T) {
	a := oneEpoch(t, map[rundir.Key]float64{
		{Condition: "x", BatchSize: 1, Seed: 1}: 0.50, {Condition: "x", BatchSize: 1, Seed: 2}: 0.54, {Condition: "x", BatchSize: 2, Seed: 1}: 0.4,
	})
	b := oneEpoch(t, map[rundir.Key]float64{
		{Condition: "x", BatchSize: 1, Seed: 1}: 0.60, {Condition: "x", BatchSize: 1, Seed: 2}: 0.62, {Condition: "y", BatchSize: 2, Seed: 1}: 0.4,
	})
	comparison := Compare(load(t, a), load(t, b))
	c := comparison.Pairs[0]
	if len(c.Cells) != 1 || len(c.OnlyA) != 1 || c.OnlyA[0] != "x, batch size 2" || len(c.OnlyB) != 1 || c.OnlyB[0] != "y, batch size 2" {
		t.Fatalf("got %+v", c)
	}
	// Variances 8e-4 and 2e-4, two runs each: sqrt(4e-4 + 1e-4).
	d := c.Cells[0]
	if math.Abs(d.Accuracy-0.09) > 1e-12 || math.Abs(*d.Error-math.Sqrt(5e-4)) > 1e-12 {
		t.Errorf("got %v ± %v", d.Accuracy, *d.Error)
	}
	var out bytes.Buffer
	must(t, comparison.WriteText(&out))
	if !strings.Contains(out.String(), "+9.00 ± 2.24") || !strings.Contains(out.String(), "Only in B:\n  y, batch size 2\n") {
		t.Errorf("got\n%s", out.String())
	}
}

func TestCompareRuns(t *testing.T) {
	sample := study()
	sample.batches = []int{128, 256}
	root := sample.write(t, t.TempDir())
	c := Compare(load(t, filepath.Join(root, "none", "128")), load(t, filepath.Join(root, "strong", "256"))).Pairs[0]
	if len(c.Cells) != 1 || c.Cells[0].Accuracy < 0.03 || c.Cells[0].Error != nil || c.Cells[0].B.BatchSize != 256 || c.Cells[0].ConditionB != "strong" {
		t.Errorf("got %+v", c)
	}
}

// TestCompareThree has a cell that one of the others lacks.
func TestCompareThree(t *testing.T) {
	cell := func(condition string) rundir.Key { return rundir.Key{Condition: condition, BatchSize: 8, Seed: 1} }
	a := load(t, oneEpoch(t, map[rundir.Key]float64{cell("x"): 0.5, cell("y"): 0.25}))
	b := load(t, oneEpoch(t, map[rundir.Key]float64{cell("x"): 0.75}))
	c := load(t, oneEpoch(t, map[rundir.Key]float64{cell("y"): 0.125, cell("z"): 0.5}))
	a.Dir, b.Dir, c.Dir = "first", "second", "third"
	var out bytes.Buffer
	must(t, Compare(a, b, c).WriteText(&out))
	want := `A: first
B: second
C: third

A did not keep its settings.
B did not keep its settings.
C did not keep its settings.

Final validation accuracy in percent, and the difference to A in points
± its standard error, sqrt(sdA²/nA + sdB²/nB).

  condition  batch size      A  n      B  n   B - A      C  n   C - A
          x           8  50.00  1  75.00  1  +25.00      -  -       -
          y           8  25.00  1      -  -       -  12.50  1  -12.50

In A, not in B:
  y, batch size 8

In A, not in C:
  x, batch size 8

In C, not in A:
  z, batch size 8
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}

// TestSettings checks that the settings that differ are listed, and no others.
func TestSettings(t *testing.T) {
	one := study()
	one.batches = []int{128}
	a, b := one.write(t, t.TempDir()), one.write(t, t.TempDir())
	e, err := rundir.ReadConfig(b)
	must(t, err)
	e.Name, e.Optimizer.LearningRate, e.Model.Widths, e.Data.Path = "other", 0.05, []int{8}, "photos"
	e.Sweep.Definitions = map[string]configs.Overlay{"strong": {"train.epochs": 9}}
	keepConfig(t, b, e)
	environment, err := rundir.ReadEnvironment(filepath.Join(b, "none", "128"))
	must(t, err)
	environment.Data.Hash = "0123456789abcdef"
	environment.From = &rundir.From{Path: "first run", SHA256: "fedcba98765432100"}
	must(t, rundir.WriteEnvironment(filepath.Join(b, "none", "128"), environment))
	first, second := load(t, a), load(t, b)
	first.Dir, second.Dir = "first", "second"
	var out bytes.Buffer
	must(t, Compare(first, second, first).WriteText(&out))
	want := `
Settings that differ:

                                         A              B                                         C
  name                                   sample         other                                     sample
  model.widths                           [64, 128, 256] [8]                                       [64, 128, 256]
  data.path                              ""             photos                                    ""
  optimizer.learning_rate                0.1            0.05                                      0.1
  --from                                 nothing        "first run" with SHA-256 fedcba987654     nothing
  images                                 5d41           0123456789ab                              5d41
  sweep.definitions.strong.train.epochs  -              9                                         -

`
	if got := out.String(); !strings.Contains(spaceless(got), spaceless(want)) {
		t.Errorf("got\n%s", got)
	}
	c := Compare(first, second)
	if s := c.Settings[3]; s.Key != "optimizer.learning_rate" || s.Values[0] != 0.1 || s.Values[1] != 0.05 {
		t.Errorf("got %+v", s)
	}
	out.Reset()
	must(t, Compare(first, first).WriteText(&out))
	if !strings.Contains(out.String(), "\nNo setting differs.\n\nFinal") {
		t.Errorf("got\n%s", out.String())
	}
}

// spaceless replaces repeated spaces by one, and removes those at the ends of lines.
func spaceless(text string) string {
	return regexp.MustCompile(` *\n *`).ReplaceAllString(regexp.MustCompile(` +`).ReplaceAllString(text, " "), "\n")
}

// TestSettingsOfRuns checks that the comparison of single runs ignores the section "sweep":
// their other settings say the same.
func TestSettingsOfRuns(t *testing.T) {
	one := study()
	one.batches = []int{128, 256}
	root := one.write(t, t.TempDir())
	run := func(condition, batch string) *Sweep { return load(t, filepath.Join(root, condition, batch)) }
	var keys []string
	for _, s := range Compare(run("none", "128"), run("medium", "256")).Settings {
		keys = append(keys, s.Key)
	}
	if got := strings.Join(keys, " "); got != "augment.recipe train.batch_size" {
		t.Errorf("got %s", got)
	}
	must(t, os.Remove(rundir.Layout{Dir: filepath.Join(root, "none", "128")}.Config()))
	c := Compare(run("none", "128"), run("medium", "256"))
	if len(c.Settings) != 0 || len(c.Unkept) != 1 || c.Unkept[0] != filepath.Join(root, "none", "128") {
		t.Errorf("got %+v, of %q", c.Settings, c.Unkept)
	}
}

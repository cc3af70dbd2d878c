package report

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// diagnosedSweep makes a sweep with diagnoses at every fifth epoch. The noise scale of none
// rises from 100 to 400, that of strong is 4 times as high, and in one epoch the noise
// hides the gradient. The sharpness falls from twice the limit to half of it.
func diagnosedSweep(t testing.TB, root string, seeds ...uint64) *Sweep {
	t.Helper()
	s := study()
	s.batches, s.seeds = []int{128, 512, 2048}, seeds
	s.write(t, root)
	for k, condition := range configs.Default().Sweep.Conditions {
		for _, batch := range s.batches {
			for _, seed := range s.seeds {
				cell := rundir.Key{Condition: condition, BatchSize: batch, Seed: seed}
				history := s.history(cell, k)
				for i := range history {
					if i%5 == 0 {
						history[i].Diagnosis = sampleDiagnosis(i, history[i].LearningRate, math.Pow(2, float64(k)))
					}
				}
				must(t, rundir.WriteHistory(rundir.Layout{Dir: rundir.CellDir(root, cell, len(seeds) > 1)}.History(), history))
			}
		}
	}
	return load(t, root)
}

func sampleDiagnosis(epoch int, rate, factor float64) rundir.Diagnosis {
	done := float64(epoch) / 25
	limit := 2 * 1.9 / rate
	d := rundir.Diagnosis{
		GradientSquare: 0.25, GradientNorm: 0.5, GradientVariance: 25 * (1 + 3*done) * factor,
		Sharpness: limit * (2 - 1.5*done), StabilityLimit: limit, UpdateNorm: 0.1, UpdateRatio: 0.002 / (1 + done), Seconds: 2,
	}
	if d.NoiseScale = d.GradientVariance / d.GradientSquare; epoch == 15 {
		d.GradientSquare, d.GradientNorm, d.NoiseScale = -0.01, 0, 0
	}
	return d
}

// TestNoiseOfRuns checks that sums are divided instead of averaging ratios. In the epochs
// 0, 5, …, 25 of 30, the variances are 25·(1, 1.6, 2.2, 2.8, 3.4, 4), and the signal is
// 0.25 except for −0.01 in one of them.
func TestNoiseOfRuns(t *testing.T) {
	s := diagnosedSweep(t, t.TempDir(), 1)
	got := s.noise("none")
	want := noiseOf{all: 25 * 15 / (5*0.25 - 0.01), early: 25 * 2.6 / 0.5, late: 25 * 7.4 / 0.5}
	for _, c := range [][2]float64{{got.all, want.all}, {got.early, want.early}, {got.late, want.late}} {
		if math.Abs(c[0]-c[1]) > 1e-6*c[1] {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if n := s.noise("absent"); n != (noiseOf{}) {
		t.Errorf("of no runs: %+v", n)
	}
	if c := s.stability("none"); math.Abs(c.limit-3.8) > 1e-9 || c.measured != 18 || c.above != 12 || math.Abs(c.first-7.6) > 1e-9 || math.Abs(c.largest-7.6) > 1e-9 {
		t.Errorf("stability %+v", c)
	}
}

// TestMeaning checks that the page explains what the numbers are and what they mean for
// these runs.
func TestMeaning(t *testing.T) {
	s := diagnosedSweep(t, t.TempDir(), 1)
	table := s.Table(DefaultDrop)
	text := strings.Join(s.meaning(table), "\n")
	for _, want := range []string{
		"none: 300 images over the run (130 in its first third, 370 in its last), which would have chosen batch size 512; measured, ",
		"strong: 1200 images over the run (520 in its first third, 1500 in its last), which would have chosen batch size 2048; measured, ",
		"once rate × sharpness is above 3.8",
		"none: 7.6 at the first measurement (mean of the runs), 7.6 at most, above the limit in 12 of 18 measurements",
		"by 0.001 to 0.002 of their length",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	// Without a known limit, as for Adam, the page does not mention sharpness; without
	// diagnoses, it has no text.
	for i := range s.Runs {
		for k := range s.Runs[i].History {
			s.Runs[i].History[k].Diagnosis.StabilityLimit = 0
		}
	}
	if text := strings.Join(s.meaning(table), "\n"); strings.Contains(text, "harpness") || !strings.Contains(text, "noise scale") {
		t.Errorf("without a limit:\n%s", text)
	}
	for i := range s.Runs {
		for k := range s.Runs[i].History {
			s.Runs[i].History[k].Diagnosis = rundir.Diagnosis{}
		}
	}
	if text := s.meaning(table); text != nil {
		t.Errorf("without diagnoses: %q", text)
	}
}

// TestDiagnosisFiles checks that the figure and the page's section exist if runs have
// diagnoses, and otherwise do not.
func TestDiagnosisFiles(t *testing.T) {
	for _, seeds := range [][]uint64{{1}, {1, 2, 3}} {
		out := t.TempDir()
		must(t, diagnosedSweep(t, t.TempDir(), seeds...).Write(out, DefaultDrop))
		data, err := os.ReadFile(filepath.Join(out, "diagnosis.png"))
		must(t, err)
		if _, err := png.Decode(bytes.NewReader(data)); err != nil {
			t.Error(err)
		}
		page, err := os.ReadFile(filepath.Join(out, pageName))
		must(t, err)
		if n := strings.Count(string(page), `aria-label="Gradient noise scale against epochs`); n != 4 {
			t.Errorf("%d panels of the noise scale for 4 conditions", n)
		}
		if n := strings.Count(string(page), `aria-label="Rate times sharpness against epochs"`); n != 4 {
			t.Errorf("%d panels of rate × sharpness for 4 conditions", n)
		}
	}
	root, out := t.TempDir(), t.TempDir()
	study().write(t, root)
	must(t, load(t, root).Write(out, DefaultDrop))
	if _, err := os.Stat(filepath.Join(out, "diagnosis.png")); err == nil {
		t.Error("a figure without diagnoses")
	}
	if page, _ := os.ReadFile(filepath.Join(out, pageName)); strings.Contains(string(page), `id="why"`) {
		t.Error("a section without diagnoses")
	}
}

// TestDiagnosisOfOneRun checks that the text about a single run does not compare batch
// sizes.
func TestDiagnosisOfOneRun(t *testing.T) {
	root := t.TempDir()
	diagnosedSweep(t, root, 1)
	s := load(t, filepath.Join(root, "none", "512"))
	text := strings.Join(s.meaning(s.Table(DefaultDrop)), "\n")
	if !strings.Contains(text, "none: 300 images over the run") || !strings.Contains(text, ", where batches had 512.") || strings.Contains(text, "would have chosen") {
		t.Error(text)
	}
	must(t, s.Write(t.TempDir(), DefaultDrop))
}

package report

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"onnxlab/trainloop/rundir"
)

// TestSeedsDiffer checks that no two runs of a condition look alike, for one or several
// batch sizes and seeds, and that the key explains how they differ.
func TestSeedsDiffer(t *testing.T) {
	for _, c := range []struct {
		batches []int
		seeds   []uint64
		key     string
	}{
		{[]int{64}, []uint64{1}, "[validation training]"},
		{[]int{64, 128}, []uint64{1}, "[validation training] batch size[64 128]"},
		{[]int{64}, []uint64{1, 5}, "[validation training] seed[1 5]"},
		{[]int{64, 128}, []uint64{1, 5, 7}, "[validation training] batch size[64 128] seed[1 5 7]"},
	} {
		f := study()
		f.batches, f.seeds, f.epochs = c.batches, c.seeds, 6
		s := load(t, f.write(t, t.TempDir()))
		seen := map[string]bool{}
		for i := range c.batches {
			for k := range c.seeds {
				l := s.curveStyle(printed(), i, k)
				seen[fmt.Sprintf("%v %T", l.validation.Color, l.glyph.Shape)] = true
			}
		}
		if len(seen) != len(c.batches)*len(c.seeds) {
			t.Errorf("%v, %v: %d looks", c.batches, c.seeds, len(seen))
		}
		var key []string
		for _, group := range s.key(printed()) {
			var texts []string
			for _, e := range group.entries {
				texts = append(texts, e.text)
			}
			key = append(key, group.name+fmt.Sprint(texts))
		}
		if got := strings.Join(key, " "); got != c.key {
			t.Errorf("%v, %v: the key is %s", c.batches, c.seeds, got)
		}
	}
}

// TestMarkers checks that each seed has its markers at other epochs, even on the shortest
// curve.
func TestMarkers(t *testing.T) {
	s := load(t, threeSeeds().write(t, t.TempDir())) // of 30 epochs
	for seed, want := range []string{"[1 11 21]", "[4 14 24]", "[7 17 27]"} {
		for epochs, want := range map[int]string{30: want, 1: "[1]"} {
			points := make(plotter.XYs, epochs)
			for i := range points {
				points[i].X = float64(i + 1)
			}
			var at []float64
			for _, p := range s.curveStyle(printed(), 0, seed).marked(points) {
				at = append(at, p.X)
			}
			if got := fmt.Sprint(at); got != want {
				t.Errorf("seed %d: markers of %d epochs at %s, want %s", seed, epochs, got, want)
			}
		}
	}
}

// TestEpochAxis begins at the first epoch.
func TestEpochAxis(t *testing.T) {
	for longest, want := range map[int]string{1: "0.5 1.5 [1]", 3: "1 3 [1 2 3]", 12: "1 12 [5 10]", 60: "1 60 [20 40 60]"} {
		low, high := epochRange(longest)
		var labels []string
		for _, tick := range wholeTicks(low, high) {
			labels = append(labels, tick.Label)
		}
		if got := fmt.Sprint(low, high, labels); got != want {
			t.Errorf("%d epochs: %s, want %s", longest, got, want)
		}
	}
}

// TestKeyRows checks that the key breaks into rows where it does not fit, and that the
// picture becomes higher accordingly.
func TestKeyRows(t *testing.T) {
	f := study()
	for batch := 1; batch < 1<<14; batch *= 2 {
		f.batches = append(f.batches, batch*3)
	}
	f.epochs = 2
	s := load(t, f.write(t, t.TempDir()))
	style := keyText(printed())
	wide, narrow := newKeyRows(s.key(printed()), style, 10_000), newKeyRows(s.key(printed()), style, 400)
	if len(wide.rows) != 2 || len(narrow.rows) < 4 || len(wide.rows[1]) != 21 {
		t.Errorf("%d rows and %d", len(wide.rows), len(narrow.rows))
	}
	entries := 0
	for i, row := range narrow.rows {
		end := narrow.begin(narrow.names[i])
		for _, e := range row {
			end += narrow.width(e) + keyGap
			entries++
		}
		if end-keyGap > 400 {
			t.Errorf("row %d ends at %v", i, end)
		}
	}
	if entries != 23 {
		t.Errorf("%d entries in rows", entries)
	}
	s.Conditions = s.Conditions[:1]
	var b bytes.Buffer
	must(t, s.curvesPNG(&b))
	picture, err := png.DecodeConfig(&b)
	must(t, err)
	key := newKeyRows(s.key(printed()), style, 2*panelWidth)
	if want := int((2*panelHeight + key.height()) / vg.Inch * dpi); picture.Height < want-1 || picture.Height > want+1 {
		t.Errorf("the picture is %d high, not %d", picture.Height, want)
	}
}

// TestAxesFit checks that the panels show the range of the data and not 0 to 100 %.
func TestAxesFit(t *testing.T) {
	s := &Sweep{Runs: []Run{{History: []rundir.Epoch{{Accuracy: 0.12, ValAccuracy: 0.09, Loss: 2.2, ValLoss: 2.4}}}}}
	p := newPlot(printed(), "", "", "")
	s.setAxes(p, accuracyCurve())
	if p.Y.Min != 5 || p.Y.Max != 15 {
		t.Errorf("accuracies of 9 and 12 %% are on an axis of %v..%v", p.Y.Min, p.Y.Max)
	}
	s.setAxes(p, lossCurve())
	if math.Abs(p.Y.Min-logarithm(2.2)) > 1e-12 || math.Abs(p.Y.Max-logarithm(2.4)) > 1e-12 {
		t.Errorf("losses of 2.2 and 2.4 are on an axis of %v..%v", p.Y.Min, p.Y.Max)
	}
}

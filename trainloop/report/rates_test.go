package report

import (
	"bytes"
	"image/png"
	"testing"
)

// TestRateTest checks that a last loss far above the others does not stretch the axis.
func TestRateTest(t *testing.T) {
	r := RateTest{
		Title: "range test", Rates: []float64{0.001, 0.01, 0.1, 1}, Suggested: 0.05,
		Losses: []float64{2.3, 2, 1, 1e6}, Smoothed: []float64{2.3, 2.1, 1.5, 2.5},
	}
	p, err := r.plot(printed())
	must(t, err)
	if p.Y.Max > 3 || p.X.Min != -3 || p.X.Max != 0 {
		t.Errorf("axes to %v and from %v to %v", p.Y.Max, p.X.Min, p.X.Max)
	}
	var labels []string
	for _, tick := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if tick.Label != "" {
			labels = append(labels, tick.Label)
		}
	}
	if len(labels) != 4 || labels[0] != "0.001" || labels[3] != "1" {
		t.Errorf("labels %q", labels)
	}
	var b bytes.Buffer
	must(t, r.WritePNG(&b))
	if _, err := png.Decode(&b); err != nil {
		t.Error(err)
	}
}

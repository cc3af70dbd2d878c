package report

import (
	"html/template"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"onnxlab/trainloop/rundir"
)

// measure is one of the two quantities of the diagnosis that are drawn. Values of 0 or less are
// left out, since the axis is logarithmic.
type measure struct {
	label string
	value func(rundir.Epoch) float64
	// border returns the position of a condition's dashed line, 0 for none.
	border func(Condition) float64
	// warmup reports whether the end of a warmup is marked.
	warmup bool
}

func (s *Sweep) noiseMeasure() measure {
	return measure{
		label: "noise scale, images",
		value: func(e rundir.Epoch) float64 { return e.Diagnosis.NoiseScale },
		border: func(c Condition) float64 {
			if c.HoldsTo == nil || len(s.BatchSizes) < 2 {
				return 0
			}
			return float64(*c.HoldsTo)
		},
	}
}

// stabilityMeasure is rate × sharpness. Its border is the limit of stability, which all runs of
// a condition share.
func (s *Sweep) stabilityMeasure() measure {
	return measure{
		label:  "rate × sharpness",
		value:  product,
		border: func(c Condition) float64 { return s.stability(c.Name).limit },
		warmup: true,
	}
}

// spanOf returns the range of the measure over all runs, including its borders.
func (s *Sweep) spanOf(m measure, t Table) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	take := func(x float64) {
		if x > 0 {
			low, high = min(low, x), max(high, x)
		}
	}
	for i := range s.Runs {
		for _, e := range s.Runs[i].diagnoses() {
			take(m.value(e))
		}
	}
	for _, c := range t.Conditions {
		take(m.border(c))
	}
	return low, high
}

// measurePlot draws the measure of a condition's runs against epochs, one line for each run, in
// the colours of the curves. It is nil if no run has a value of the measure.
func (s *Sweep) measurePlot(th theme, title string, c Condition, m measure, t Table) (*plot.Plot, error) {
	low, high := s.spanOf(m, t)
	if low > high {
		return nil, nil
	}
	p := newPlot(th, title, "epoch", m.label)
	p.Add(grid(th))
	ticks := lossTicks(low, high)
	p.X.Min, p.X.Max = epochRange(s.longest())
	p.X.Tick.Marker = plot.TickerFunc(wholeTicks)
	p.Y.Tick.Marker, p.Y.Min, p.Y.Max = ticks, ticks[0].Value, ticks[len(ticks)-1].Value
	if y := m.border(c); y > 0 {
		p.Add(&plotter.Line{
			XYs:       plotter.XYs{{X: p.X.Min, Y: logarithm(y)}, {X: p.X.Max, Y: logarithm(y)}},
			LineStyle: draw.LineStyle{Color: th.ink, Width: vg.Points(1), Dashes: []vg.Length{5, 3}},
		})
	}
	if end := s.warmupEnd(c.Name); m.warmup && end > 0 {
		p.Add(&plotter.Line{
			XYs:       plotter.XYs{{X: end, Y: p.Y.Min}, {X: end, Y: p.Y.Max}},
			LineStyle: draw.LineStyle{Color: th.ink, Width: vg.Points(1), Dashes: []vg.Length{1, 2}},
		})
	}
	for i, batch := range s.BatchSizes {
		for k := range s.cell(c.Name, batch) {
			addMeasure(p, s.curveStyle(th, i, k), &s.cell(c.Name, batch)[k], m)
		}
	}
	return p, nil
}

// addMeasure draws a run: a point for each measurement, and lines between them.
func addMeasure(p *plot.Plot, l curveStyle, r *Run, m measure) {
	var points plotter.XYs
	for _, e := range r.diagnoses() {
		if y := m.value(e); y > 0 {
			points = append(points, plotter.XY{X: float64(e.Epoch + 1), Y: logarithm(y)})
		}
	}
	if len(points) == 0 {
		return
	}
	glyph := pointOf(l.validation.Color)
	if l.glyph.Shape != nil {
		glyph = l.glyph
	}
	p.Add(&plotter.Line{XYs: points, LineStyle: l.validation}, &plotter.Scatter{XYs: points, GlyphStyle: glyph})
}

// warmupEnd returns the last epoch, counted from 1, of the condition's warmup, or 0 if there is
// none.
func (s *Sweep) warmupEnd(condition string) float64 {
	for i := range s.Runs {
		if r := &s.Runs[i]; r.Condition == condition && r.Config != nil {
			return float64(r.Config.Schedule.WarmupEpochs)
		}
	}
	return 0
}

// diagnosisPanel has the figures of one condition.
type diagnosisPanel struct {
	Condition        string
	Noise, Stability template.HTML
}

// drawDiagnoses draws the panels of the page.
func (p *page) drawDiagnoses(s *Sweep) error {
	if !s.diagnosed() {
		return nil
	}
	width, height := s.panelSize()
	for _, c := range p.Table.Conditions {
		panel := diagnosisPanel{Condition: c.Name}
		for _, part := range []struct {
			to *template.HTML
			measure
		}{{&panel.Noise, s.noiseMeasure()}, {&panel.Stability, s.stabilityMeasure()}} {
			plot, err := s.measurePlot(inPage(), "", c, part.measure, p.Table)
			if err != nil {
				return err
			}
			if plot == nil {
				continue
			}
			if *part.to, err = inline(width, height, func(c draw.Canvas) { plot.Draw(draw.Crop(c, 2, -6, 2, -6)) }); err != nil {
				return err
			}
		}
		p.Diagnoses = append(p.Diagnoses, panel)
	}
	return nil
}

// diagnosisPNG draws one column for each condition, with the noise scale above rate × sharpness,
// and the key below them.
func (s *Sweep) diagnosisPNG(w io.Writer, t Table) error {
	th := printed()
	measures := []measure{s.noiseMeasure(), s.stabilityMeasure()}
	return s.panelsPNG(w, th, s.diagnosisKey(th), len(measures), func(row, column int) (*plot.Plot, error) {
		condition := t.Conditions[column]
		return s.measurePlot(th, condition.Name, condition, measures[row], t)
	})
}

// diagnosisKey explains the lines of the diagnosis.
func (s *Sweep) diagnosisKey(th theme) []keyGroup {
	line := func(dashes ...vg.Length) draw.LineStyle {
		return draw.LineStyle{Color: th.ink, Width: vg.Points(1), Dashes: dashes}
	}
	border := "limit of rate × sharpness"
	if len(s.BatchSizes) > 1 {
		border = "above: batch size that the condition holds to; below: limit of rate × sharpness"
	}
	key := []keyGroup{{"", []keyEntry{{text: border, line: line(5, 3)}, {text: "end of the warmup", line: line(1, 2)}}}}
	for _, group := range s.key(th) {
		if group.name != "" {
			key = append(key, group)
		}
	}
	return key
}

package report

import (
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"onnxlab/trainloop/rundir"
)

// curve is one of the two quantities that are drawn against epochs, with its values in
// training and in validation.
type curve struct {
	label    string
	training func(rundir.Epoch) float64
	validate func(rundir.Epoch) float64
	loss     bool
}

func lossCurve() curve {
	return curve{
		"loss (log scale)",
		func(e rundir.Epoch) float64 { return e.Loss }, func(e rundir.Epoch) float64 { return e.ValLoss }, true,
	}
}

func accuracyCurve() curve {
	return curve{
		"accuracy, %",
		func(e rundir.Epoch) float64 { return 100 * e.Accuracy }, func(e rundir.Epoch) float64 { return 100 * e.ValAccuracy }, false,
	}
}

// curveStyle says how the training and validation curves of a run are drawn.
type curveStyle struct {
	validation, training draw.LineStyle
	// glyph marks both curves at epoch from and every step epochs after it. Its Shape is
	// nil for no markers.
	glyph      draw.GlyphStyle
	from, step int
}

// plain reports whether all runs have the same batch size and seed, so that colours can
// distinguish training from validation.
func (s *Sweep) plain() bool { return len(s.BatchSizes) == 1 && len(s.Seeds) == 1 }

// hues returns the number of colours of the curves: one for each batch size, or if there
// is only one batch size, one for each seed.
func (s *Sweep) hues() int {
	if len(s.BatchSizes) == 1 {
		return len(s.Seeds)
	}
	return len(s.BatchSizes)
}

// curveStyle returns the style for the batch-th batch size and the seed-th seed. The colour
// depends on the batch size, or if there is only one, on the seed. If there are several
// seeds, each has its own marker, at other epochs than those of the others.
func (s *Sweep) curveStyle(th theme, batch, seed int) curveStyle {
	hue := batch
	if len(s.BatchSizes) == 1 {
		hue = seed
	}
	validation, training := th.batch(hue, s.hues()), th.batch(hue, s.hues())
	if s.plain() {
		validation, training = th.condition(1), th.condition(2)
	}
	l := curveStyle{
		validation: draw.LineStyle{Color: validation, Width: vg.Points(1.3)},
		training:   draw.LineStyle{Color: training, Width: vg.Points(0.8), Dashes: []vg.Length{3, 2}},
	}
	if len(s.Seeds) > 1 {
		const marks = 3 // on a curve
		l.glyph = draw.GlyphStyle{Color: validation, Radius: vg.Points(2.4), Shape: marker(seed)}
		l.step = max(s.longest()/marks, 1)
		l.from = l.step * (seed % len(s.Seeds)) / len(s.Seeds)
	}
	return l
}

// longest is the number of epochs of the longest history, at least 1.
func (s *Sweep) longest() int {
	longest := 1
	for i := range s.Runs {
		longest = max(longest, len(s.Runs[i].History))
	}
	return longest
}

// curvePlot draws the runs of a condition, validation solid and training dashed.
func (s *Sweep) curvePlot(th theme, title, condition string, q curve) (*plot.Plot, error) {
	p := newPlot(th, title, "epoch", q.label)
	p.Add(grid(th))
	for i, batch := range s.BatchSizes {
		for k, r := range s.cell(condition, batch) {
			if len(r.History) == 0 {
				continue
			}
			if err := s.curveStyle(th, i, k).addTo(p, r.History, q); err != nil {
				return nil, err
			}
		}
	}
	s.setAxes(p, q)
	return p, nil
}

// addTo adds the curves of a run to a plot. A history of a single epoch is drawn as a
// point, since it has no line.
func (l curveStyle) addTo(p *plot.Plot, history []rundir.Epoch, q curve) error {
	for _, part := range []struct {
		value func(rundir.Epoch) float64
		style draw.LineStyle
	}{{q.training, l.training}, {q.validate, l.validation}} {
		points := make(plotter.XYs, len(history))
		for i, e := range history {
			points[i] = plotter.XY{X: float64(e.Epoch + 1), Y: part.value(e)}
			if q.loss {
				points[i].Y = logarithm(points[i].Y)
			}
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.LineStyle = part.style
		p.Add(line)
		if marked := l.marked(points); len(marked) > 0 {
			p.Add(&plotter.Scatter{XYs: marked, GlyphStyle: l.glyph})
		} else if len(points) == 1 {
			p.Add(&plotter.Scatter{XYs: points, GlyphStyle: pointOf(part.style.Color)})
		}
	}
	return nil
}

// marked returns the points of a curve that have a marker. If a curve ends before the
// first marker, its last point has one.
func (l curveStyle) marked(points plotter.XYs) plotter.XYs {
	if l.glyph.Shape == nil {
		return nil
	}
	var marked plotter.XYs
	for i := l.from; i < len(points); i += l.step {
		marked = append(marked, points[i])
	}
	if len(marked) == 0 {
		marked = points[len(points)-1:]
	}
	return marked
}

func pointOf(c color.Color) draw.GlyphStyle {
	return draw.GlyphStyle{Color: c, Radius: vg.Points(2), Shape: draw.CircleGlyph{}}
}

// setAxes sets the axes of a panel, which are the same for all panels of a quantity.
func (s *Sweep) setAxes(p *plot.Plot, q curve) {
	low, high := math.Inf(1), math.Inf(-1)
	for i := range s.Runs {
		for _, e := range s.Runs[i].History {
			low = min(low, q.training(e), q.validate(e))
			high = max(high, q.training(e), q.validate(e))
		}
	}
	p.X.Min, p.X.Max = epochRange(s.longest())
	p.X.Tick.Marker = plot.TickerFunc(wholeTicks)
	if !q.loss {
		p.Y.Min, p.Y.Max = percentRange(low, high)
		p.Y.Tick.Marker = percentTicks(p.Y.Min, p.Y.Max)
		return
	}
	if low > high {
		low, high = 0.1, 10
	}
	ticks := lossTicks(low, high)
	p.Y.Tick.Marker = ticks
	p.Y.Min, p.Y.Max = ticks[0].Value, ticks[len(ticks)-1].Value
}

// The size of one panel of the curves.
const (
	panelWidth  = 3.2 * vg.Inch
	panelHeight = 2.5 * vg.Inch
)

// curvesPNG draws one column for each condition, with the loss above the accuracy, and the
// key below them.
func (s *Sweep) curvesPNG(w io.Writer) error {
	th := printed()
	curves := []curve{lossCurve(), accuracyCurve()}
	return s.panelsPNG(w, th, s.key(th), len(curves), func(row, column int) (*plot.Plot, error) {
		return s.curvePlot(th, s.Conditions[column], s.Conditions[column], curves[row])
	})
}

// panelsPNG draws one column of panels for each condition, and the key below them. A nil panel
// leaves its place empty.
func (s *Sweep) panelsPNG(w io.Writer, th theme, groups []keyGroup, rows int, panel func(row, column int) (*plot.Plot, error)) error {
	columns := len(s.Conditions)
	width := vg.Length(max(columns, 2)) * panelWidth
	key := newKeyRows(groups, keyText(th), width)
	c := newPNG(width, vg.Length(rows)*panelHeight+key.height())
	canvas := draw.New(c)
	tiles := draw.Tiles{
		Rows: rows, Cols: columns, PadX: vg.Points(10), PadY: vg.Points(10),
		PadTop: vg.Points(6), PadLeft: vg.Points(6), PadRight: vg.Points(8),
	}
	panels := draw.Crop(canvas, 0, 0, key.height(), 0)
	for row := range rows {
		for column := range columns {
			p, err := panel(row, column)
			if err != nil {
				return err
			}
			if p != nil {
				p.Draw(tiles.At(panels, column, row))
			}
		}
	}
	key.draw(canvas)
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

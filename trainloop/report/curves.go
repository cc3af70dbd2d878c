package report

import (
	"image/color"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"onnxlab/trainloop/rundir"
)

// curve is one of the two quantities whose course is drawn: its value in
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

// logarithm is where a loss is on its axis, which ends at 1e-4: a loss below is
// drawn there. The library's own logarithmic axis leaves a gap above the plot.
func logarithm(loss float64) float64 { return math.Log10(max(loss, 1e-4)) }

// curvePlot draws the runs of a condition, validation solid and training
// dashed, a colour for each batch size.
func (s *Sweep) curvePlot(th theme, title, condition string, q curve) (*plot.Plot, error) {
	p := newPlot(th, title, "epoch", q.label)
	p.Add(grid(th))
	for i, batch := range s.BatchSizes {
		ink := th.batch(i, len(s.BatchSizes))
		for _, r := range s.cell(condition, batch) {
			if len(r.History) == 0 {
				continue
			}
			if err := addCurves(p, r.History, q, ink); err != nil {
				return nil, err
			}
		}
	}
	s.setAxes(p, q)
	return p, nil
}

func addCurves(p *plot.Plot, history []rundir.Epoch, q curve, ink color.Color) error {
	for _, part := range []struct {
		value  func(rundir.Epoch) float64
		width  vg.Length
		dashes []vg.Length
	}{
		{q.training, vg.Points(0.7), []vg.Length{2, 2}},
		{q.validate, vg.Points(1.2), nil},
	} {
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
		line.LineStyle = draw.LineStyle{Color: ink, Width: part.width, Dashes: part.dashes}
		p.Add(line)
		if len(points) == 1 { // a line of one point would not be seen
			p.Add(&plotter.Scatter{XYs: points, GlyphStyle: draw.GlyphStyle{Color: ink, Radius: 2, Shape: draw.CircleGlyph{}}})
		}
	}
	return nil
}

// setAxes gives all panels of a quantity the same axes.
func (s *Sweep) setAxes(p *plot.Plot, q curve) {
	longest, low, high := 1, math.Inf(1), math.Inf(-1)
	for i := range s.Runs {
		longest = max(longest, len(s.Runs[i].History))
		for _, e := range s.Runs[i].History {
			low = min(low, q.training(e), q.validate(e))
			high = max(high, q.training(e), q.validate(e))
		}
	}
	p.X.Min, p.X.Max = 0, float64(longest)
	p.X.Tick.Marker = plot.TickerFunc(wholeTicks)
	if !q.loss {
		p.Y.Min, p.Y.Max = 0, 100
		p.Y.Tick.Marker = percentTicks(0, 100)
		return
	}
	if low > high {
		low, high = 0.1, 10
	}
	ticks := lossTicks(low, high)
	p.Y.Tick.Marker = ticks
	p.Y.Min, p.Y.Max = ticks[0].Value, ticks[len(ticks)-1].Value
}

// wholeTicks labels epochs, which have no fractions.
func wholeTicks(low, high float64) []plot.Tick {
	step := 1.0
	for _, step = range []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1e4, 1e5} {
		if (high-low)/step <= 5 {
			break
		}
	}
	var ticks []plot.Tick
	for x := low; x <= high; x += step {
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'f', 0, 64)})
	}
	return ticks
}

// lossTicks are 1, 2 and 5 times the powers of ten from the last at or below
// low to the first at or above high.
func lossTicks(low, high float64) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for k := math.Floor(logarithm(low)); ; k++ {
		for _, mantissa := range []float64{1, 2, 5} {
			v := mantissa * math.Pow(10, k)
			if v <= low {
				ticks = ticks[:0]
			}
			label := strconv.FormatFloat(v, 'g', 1, 64)
			if k < 5 {
				label = strconv.FormatFloat(v, 'f', max(0, int(-k)), 64)
			}
			ticks = append(ticks, plot.Tick{Value: logarithm(v), Label: label})
			if len(ticks) > 1 && v >= high {
				return onlyPowers(ticks)
			}
		}
	}
}

// onlyPowers leaves labels to powers of ten alone, at most about seven of them,
// when there are many ticks.
func onlyPowers(ticks plot.ConstantTicks) plot.ConstantTicks {
	if len(ticks) <= 7 {
		return ticks
	}
	every := math.Ceil(float64(len(ticks)) / 3 / 7)
	for i := range ticks {
		if k := ticks[i].Value; math.Abs(k-every*math.Round(k/every)) > 1e-9 {
			ticks[i].Label = ""
		}
	}
	return ticks
}

// The size of one panel of the curves.
const (
	panelWidth  = 3.2 * vg.Inch
	panelHeight = 2.5 * vg.Inch
)

// curvesPNG draws a column for each condition, loss above accuracy, and below
// them what the lines are.
func (s *Sweep) curvesPNG(w io.Writer) error {
	th := printed()
	columns := len(s.Conditions)
	keyHeight := vg.Points(34)
	c := newPNG(vg.Length(max(columns, 2))*panelWidth, 2*panelHeight+keyHeight)
	canvas := draw.New(c)
	tiles := draw.Tiles{
		Rows: 2, Cols: columns, PadX: vg.Points(10), PadY: vg.Points(10),
		PadTop: vg.Points(6), PadLeft: vg.Points(6), PadRight: vg.Points(8),
	}
	panels := draw.Crop(canvas, 0, 0, keyHeight, 0)
	for row, q := range []curve{lossCurve(), accuracyCurve()} {
		for column, condition := range s.Conditions {
			p, err := s.curvePlot(th, condition, condition, q)
			if err != nil {
				return err
			}
			p.Draw(tiles.At(panels, column, row))
		}
	}
	s.drawKey(th, canvas, keyHeight)
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

// drawKey writes the batch sizes in their colours along the bottom.
func (s *Sweep) drawKey(th theme, c draw.Canvas, height vg.Length) {
	style := newPlot(th, "", "", "").X.Label.TextStyle
	at := vg.Point{X: vg.Points(12), Y: c.Min.Y + height/2 - vg.Points(4)}
	write := func(text string) {
		c.FillText(style, at, text)
		at.X += style.Width(text) + vg.Points(14)
	}
	style.XAlign = draw.XLeft
	write("solid: validation, dashed: training; batch size")
	for i, batch := range s.BatchSizes {
		ink := th.batch(i, len(s.BatchSizes))
		y := at.Y + vg.Points(4)
		c.StrokeLine2(draw.LineStyle{Color: ink, Width: vg.Points(2)}, at.X, y, at.X+vg.Points(16), y)
		at.X += vg.Points(20)
		write(strconv.Itoa(batch))
	}
}

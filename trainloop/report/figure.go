package report

import (
	"fmt"
	"image/color"
	"io"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	textSize = vg.Length(10) // points
	dpi      = 144           // of the PNG files
	// axisMargin is the length of the axis before the first and after the last batch size.
	axisMargin = 0.25
)

// newPlot returns an empty plot in the theme's colours with a sans-serif font.
func newPlot(th theme, title, x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = th.background
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Points(8)
	p.X.Padding, p.Y.Padding = vg.Points(4), vg.Points(4)
	p.Title.TextStyle.Color = th.ink
	sans(&p.Title.TextStyle.Font, textSize+1)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color, axis.Tick.Color = th.ink, th.ink
		axis.Label.Padding = vg.Points(3)
		axis.Label.TextStyle.Color, axis.Tick.Label.Color = th.ink, th.ink
		sans(&axis.Label.TextStyle.Font, textSize)
		sans(&axis.Tick.Label.Font, textSize-1)
	}
	return p
}

func sans(f *font.Font, size vg.Length) { f.Variant, f.Size = "Sans", size }

// grid returns grid lines at the labelled ticks of both axes. Add it before the data.
func grid(th theme) *plotter.Grid {
	g := plotter.NewGrid()
	style := draw.LineStyle{Color: th.grid, Width: vg.Points(0.5)}
	g.Vertical, g.Horizontal = style, style
	return g
}

// series is one condition in the figure: its data and its style.
type series struct {
	name   string
	points plotter.XYs
	spread plotter.YErrors
	// lines has the points again, split at batch sizes without a finished run, since a
	// line must not cross these.
	lines []plotter.XYs
	line  draw.LineStyle
	glyph draw.GlyphStyle
}

// marker returns the i-th marker. There are nine shapes, which then repeat.
func marker(i int) draw.GlyphDrawer {
	shapes := []draw.GlyphDrawer{
		draw.CircleGlyph{},
		draw.BoxGlyph{},
		draw.PyramidGlyph{},
		diamondGlyph{},
		draw.CrossGlyph{},
		draw.RingGlyph{},
		draw.SquareGlyph{},
		draw.TriangleGlyph{},
		draw.PlusGlyph{},
	}
	return shapes[i%len(shapes)]
}

// sideBySide returns the distance on the axis between the conditions of one batch size,
// which are drawn side by side so that their error bars do not hide each other. It is just
// large enough to separate them, and 0 without error bars. If there is only one batch
// size, the conditions are spread over the axis.
func (t Table) sideBySide() float64 {
	const share = 0.016 // of the axis
	first, last := position(t.BatchSizes[0]), position(t.BatchSizes[len(t.BatchSizes)-1])
	if first == last {
		return 1
	}
	bars := slices.ContainsFunc(t.Conditions, func(c Condition) bool {
		return slices.ContainsFunc(c.Cells, func(c Average) bool { return c.SD != nil && *c.SD > 0 })
	})
	if !bars {
		return 0
	}
	gap := last - first // to the next batch size, at least
	for i := 1; i < len(t.BatchSizes); i++ {
		gap = min(gap, position(t.BatchSizes[i])-position(t.BatchSizes[i-1]))
	}
	return min(share*(last-first+2*axisMargin), 0.6*gap/float64(len(t.Conditions)))
}

// accuracySeries returns the accuracies of cells with finished runs, in percent, against
// the logarithm of the batch size.
func (t Table) accuracySeries(th theme) []series {
	dashes := [][]vg.Length{nil, {6, 2}, {2, 2}, {6, 2, 2, 2}}
	apart, middle := t.sideBySide(), float64(len(t.Conditions)-1)/2
	var list []series
	for i, c := range t.Conditions {
		ink := th.condition(i)
		s := series{
			name:  c.Name,
			line:  draw.LineStyle{Color: ink, Width: vg.Points(1.5), Dashes: dashes[i%len(dashes)]},
			glyph: draw.GlyphStyle{Color: ink, Radius: vg.Points(3.5), Shape: marker(i)},
		}
		s.lines = []plotter.XYs{nil}
		for _, cell := range c.Cells {
			if cell.Accuracy == nil {
				s.lines = append(s.lines, nil)
				continue
			}
			point := plotter.XY{X: position(cell.BatchSize) + apart*(float64(i)-middle), Y: 100 * *cell.Accuracy}
			s.points = append(s.points, point)
			last := &s.lines[len(s.lines)-1]
			*last = append(*last, point)
			var sd float64
			if cell.SD != nil {
				sd = 100 * *cell.SD
			}
			s.spread = append(s.spread, struct{ Low, High float64 }{sd, sd})
		}
		list = append(list, s)
	}
	return list
}

// diamondGlyph is a filled square on its corner.
type diamondGlyph struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (diamondGlyph) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	r := s.Radius * 1.25
	c.FillPolygon(s.Color, []vg.Point{
		{X: at.X, Y: at.Y - r}, {X: at.X + r, Y: at.Y}, {X: at.X, Y: at.Y + r}, {X: at.X - r, Y: at.Y},
	})
}

// accuracyPlot draws accuracy against batch size, and its legend.
func (t Table) accuracyPlot(th theme, title string) (*plot.Plot, error) {
	p := newPlot(th, title, "batch size", "validation accuracy, %")
	p.Add(grid(th))
	p.Legend = plot.NewLegend()
	p.Legend.TextStyle.Color = th.ink
	sans(&p.Legend.TextStyle.Font, textSize)
	p.Legend.Top, p.Legend.Left, p.Legend.ThumbnailWidth = true, true, vg.Points(30)
	p.Legend.Padding = vg.Points(3)
	for _, s := range t.accuracySeries(th) {
		if err := s.addTo(p); err != nil {
			return nil, err
		}
	}
	p.X.Tick.Marker = batchTicks(t.BatchSizes)
	margin := max(axisMargin, t.sideBySide()*float64(len(t.Conditions))/2)
	p.X.Min, p.X.Max = position(t.BatchSizes[0])-margin, position(t.BatchSizes[len(t.BatchSizes)-1])+margin
	p.Y.Min, p.Y.Max = percentRange(p.Y.Min, p.Y.Max)
	p.Y.Tick.Marker = percentTicks(p.Y.Min, p.Y.Max)
	return p, nil
}

// addTo adds the lines, the points and the error bars, if there are any, to a plot. If a
// condition has no points, the legend says so.
func (s series) addTo(p *plot.Plot) error {
	if len(s.points) == 0 {
		p.Legend.Add(s.name + " (no run done)")
		return nil
	}
	line, points, err := plotter.NewLinePoints(s.points)
	if err != nil {
		return err
	}
	line.LineStyle, points.GlyphStyle = s.line, s.glyph
	p.Legend.Add(s.name, line, points)
	for _, part := range s.lines {
		if len(part) > 1 {
			p.Add(&plotter.Line{XYs: part, LineStyle: s.line})
		}
	}
	p.Add(points)
	return s.addBars(p)
}

func (s series) addBars(p *plot.Plot) error {
	if !slices.ContainsFunc(s.spread, func(e struct{ Low, High float64 }) bool { return e.High > 0 }) {
		return nil
	}
	bars, err := plotter.NewYErrorBars(struct {
		plotter.XYs
		plotter.YErrors
	}{s.points, s.spread})
	if err != nil {
		return err
	}
	bars.LineStyle = draw.LineStyle{Color: s.line.Color, Width: vg.Points(1)}
	bars.CapWidth = vg.Points(3.5) // six conditions fit side by side on a narrow page
	p.Add(bars)
	return nil
}

// drawWithLegend puts the legend right of the plot, or above it when narrow.
func drawWithLegend(p *plot.Plot, c draw.Canvas, narrow bool) {
	legend := p.Legend
	p.Legend = plot.NewLegend()
	if p.BackgroundColor != nil {
		c.SetColor(p.BackgroundColor)
		c.Fill(c.Path())
	}
	size := legend.Rectangle(c).Size()
	if narrow {
		legend.Draw(draw.Crop(c, vg.Points(30), 0, 0, 0))
		p.Draw(draw.Crop(c, 0, -vg.Points(8), 0, -size.Y-vg.Points(12)))
		return
	}
	legend.Draw(draw.Crop(c, c.Size().X-size.X-vg.Points(10), 0, 0, -vg.Points(30)))
	p.Draw(draw.Crop(c, vg.Points(6), -size.X-vg.Points(22), vg.Points(4), -vg.Points(6)))
}

// accuracyPNG and accuracySVG draw the figure of the table as files.
func (t Table) accuracyPNG(w io.Writer) error {
	p, err := t.accuracyPlot(printed(), t.Name)
	if err != nil {
		return err
	}
	c := newPNG(7.5*vg.Inch, 4.6*vg.Inch)
	drawWithLegend(p, draw.New(c), false)
	_, err = vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

func newPNG(width, height vg.Length) *vgimg.Canvas {
	return vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))
}

func (t Table) accuracySVG(w io.Writer) error {
	p, err := t.accuracyPlot(printed(), t.Name)
	if err != nil {
		return err
	}
	text, err := svg(7.5*vg.Inch, 4.6*vg.Inch, func(c draw.Canvas) { drawWithLegend(p, c, false) })
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// svg returns what paint draws as an SVG file. It replaces the font of the plotting
// library by a list of fonts with the same widths, so that there is one for each system.
func svg(width, height vg.Length, paint func(draw.Canvas)) (string, error) {
	c := vgsvg.New(width, height)
	paint(draw.New(c))
	var b strings.Builder
	if _, err := c.WriteTo(&b); err != nil {
		return "", fmt.Errorf("draw figure: %w", err)
	}
	return strings.ReplaceAll(b.String(), "font-family:Liberation Sans;", "font-family:Liberation Sans,Arial,Helvetica,sans-serif;"), nil
}

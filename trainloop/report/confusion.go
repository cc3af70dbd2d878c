package report

import (
	"image/color"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Confusion draws a confusion matrix: Counts[i][k] is the number of images of class i
// that were classified as class k.
type Confusion struct {
	Classes []string
	Counts  [][]int
}

// WritePNG draws the matrix as PNG. Cells are darker the larger their share of the row
// is. With at most maxCounted classes, they contain their counts.
func (m Confusion) WritePNG(w io.Writer) error {
	side := m.side()
	c := newPNG(side, side)
	m.draw(draw.New(c))
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

// WriteSVG is WritePNG as SVG.
func (m Confusion) WriteSVG(w io.Writer) error {
	text, err := svg(m.side(), m.side(), m.draw)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// draw draws the matrix with a margin.
func (m Confusion) draw(c draw.Canvas) {
	const space = 8
	m.plot().Draw(draw.Crop(c, vg.Points(space), -vg.Points(space), vg.Points(space), -vg.Points(space)))
}

// maxCounted is the largest number of classes for which cells have room for counts.
const maxCounted = 25

// side returns the side of the figure. A cell needs about half an inch for its count, and
// about a tenth of an inch to be visible.
func (m Confusion) side() vg.Length {
	cell := 0.45 * vg.Inch
	if len(m.Classes) > maxCounted {
		cell = 0.12 * vg.Inch
	}
	return 1.6*vg.Inch + vg.Length(len(m.Classes))*cell
}

func (m Confusion) plot() *plot.Plot {
	th := printed()
	p := newPlot(th, "", "taken for", "class")
	p.Add(confusionCells{m, th})
	n := len(m.Classes)
	var columns, rows plot.ConstantTicks
	for i, name := range m.Classes {
		columns = append(columns, plot.Tick{Value: float64(i), Label: name})
		rows = append(rows, plot.Tick{Value: float64(n - 1 - i), Label: name}) // the first on top
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = columns, rows
	p.X.Tick.Label.Rotation = math.Pi / 2
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XRight, draw.YCenter
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Min, axis.Max, axis.Padding = -0.5, float64(n)-0.5, vg.Points(8)
		axis.Width, axis.Tick.Length = 0, 0
		if n > maxCounted {
			axis.Tick.Label.Font.Size = vg.Points(6)
		}
	}
	return p
}

// confusionCells draws the cells of a matrix.
type confusionCells struct {
	Confusion
	theme theme
}

// Plot implements plot.Plotter.
func (m confusionCells) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	n := len(m.Classes)
	style := p.X.Tick.Label
	style.Rotation, style.XAlign, style.YAlign = 0, draw.XCenter, draw.YCenter
	for i, row := range m.Counts {
		sum := 0
		for _, count := range row {
			sum += count
		}
		for k, count := range row {
			share := 0.0
			if sum > 0 {
				share = float64(count) / float64(sum)
			}
			column, line := float64(k), float64(n-1-i)
			left, right, low, high := x(column-0.5), x(column+0.5), y(line-0.5), y(line+0.5)
			c.FillPolygon(shade(share), []vg.Point{{X: left, Y: low}, {X: right, Y: low}, {X: right, Y: high}, {X: left, Y: high}})
			if count == 0 || n > maxCounted {
				continue
			}
			if style.Color = m.theme.ink; share > 0.5 {
				style.Color = color.White
			}
			c.FillText(style, vg.Point{X: x(column), Y: y(line)}, strconv.Itoa(count))
		}
	}
}

// shade goes from the palette's panel to its first batch colour. The root lets
// few mistakes be seen.
func shade(share float64) color.Color {
	return blend(light().Panel, light().batches[1], math.Sqrt(share))
}

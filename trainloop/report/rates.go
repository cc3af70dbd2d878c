package report

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// RateTest is a learning-rate range test: the losses of steps at rising rates.
type RateTest struct {
	// Title stands above the figure.
	Title string
	// Rates are the learning rates of the steps, above 0. Losses and Smoothed have the loss
	// and the smoothed loss of each step, 0 or more and finite.
	Rates, Losses, Smoothed []float64
	// Suggested is the suggested rate.
	Suggested float64
}

// WritePNG draws loss against rate.
func (r RateTest) WritePNG(w io.Writer) error {
	p, err := r.plot(printed())
	if err != nil {
		return err
	}
	c := newPNG(7.5*vg.Inch, 4.2*vg.Inch)
	drawWithLegend(p, draw.New(c), false)
	_, err = vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

func (r RateTest) plot(th theme) (*plot.Plot, error) {
	p := newPlot(th, r.Title, "learning rate (log scale)", "training loss")
	p.Add(grid(th))
	p.Legend = plot.NewLegend()
	p.Legend.TextStyle.Color = th.ink
	sans(&p.Legend.TextStyle.Font, textSize)
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(3)
	losses, smoothed := r.points(r.Losses), r.points(r.Smoothed)
	each := &plotter.Scatter{XYs: losses, GlyphStyle: draw.GlyphStyle{Color: th.condition(0), Radius: vg.Points(1.3), Shape: draw.CircleGlyph{}}}
	line, err := plotter.NewLine(smoothed)
	if err != nil {
		return nil, err
	}
	line.LineStyle = draw.LineStyle{Color: th.condition(1), Width: vg.Points(1.6)}
	// The range covers only the smoothed losses: if the last steps diverge, their losses
	// would leave no room for the others.
	low, high := math.Inf(1), 0.0
	for _, x := range smoothed {
		low, high = min(low, x.Y), max(high, x.Y)
	}
	p.Add(each, line)
	p.Y.Min, p.Y.Max = max(0, low-0.1*(high-low)), high+0.1*(high-low)
	x := math.Log10(r.Suggested)
	mark := &plotter.Line{
		XYs:       plotter.XYs{{X: x, Y: p.Y.Min}, {X: x, Y: p.Y.Max}},
		LineStyle: draw.LineStyle{Color: th.condition(2), Width: vg.Points(1.3), Dashes: []vg.Length{5, 3}},
	}
	p.Add(mark)
	each.XYs = within(losses, p.Y.Max)
	p.X.Min, p.X.Max = math.Log10(r.Rates[0]), math.Log10(r.Rates[len(r.Rates)-1])
	p.X.Tick.Marker = plot.TickerFunc(rateTicks)
	p.Legend.Add("each step", each)
	p.Legend.Add("smoothed", line)
	p.Legend.Add(fmt.Sprintf("suggested: %.3g", r.Suggested), mark)
	return p, nil
}

// points returns the points of the values over the logarithms of their rates.
func (r RateTest) points(values []float64) plotter.XYs {
	points := make(plotter.XYs, len(values))
	for i, y := range values {
		points[i] = plotter.XY{X: math.Log10(r.Rates[i]), Y: y}
	}
	return points
}

// within returns the points that are not above most.
func within(points plotter.XYs, most float64) plotter.XYs {
	var list plotter.XYs
	for _, p := range points {
		if p.Y <= most {
			list = append(list, p)
		}
	}
	return list
}

// rateTicks returns ticks at powers of ten, with unlabelled ticks at multiples of these.
func rateTicks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for k := math.Floor(low); k <= math.Ceil(high); k++ {
		for mantissa := 1.0; mantissa < 10; mantissa++ {
			x := k + math.Log10(mantissa)
			if x < low-1e-9 || x > high+1e-9 {
				continue
			}
			label := ""
			if mantissa == 1 {
				label = strconv.FormatFloat(math.Pow(10, k), 'f', max(0, int(-k)), 64)
			}
			ticks = append(ticks, plot.Tick{Value: x, Label: label})
		}
	}
	return ticks
}

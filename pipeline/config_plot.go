package main

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/schedule"
)

func newConfigPlotCommand() *cobra.Command {
	var opts configOptions
	cmd := &cobra.Command{
		Use:   "plot",
		Short: "Draw the learning rate over the epochs",
		Long: `Draw the learning rate over the epochs: one line, or, if the configuration has a
sweep, one line for each batch size, and dashed lines for conditions whose schedule
differs. A schedule of the kind plateau is drawn as it is before the first plateau,
because only the run shows when that comes. A dotted line shows where a warmup ends.
Notes below the plot name what is possible but may be a mistake: a warmup that does
nothing or takes the whole run, and decays after the last epoch. The path of the
picture is printed.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runConfigPlot(cmd.OutOrStdout(), os.Stderr, opts) },
	}
	opts.Add(cmd)
	cmd.Flags().StringVar(&opts.out, "out", "schedule.png", "picture to write, .png or .svg")
	cmd.Flags().BoolVar(&opts.log, "log", false, "draw the learning rate on a logarithmic axis")
	return cmd
}

func runConfigPlot(out, stderr io.Writer, opts configOptions) error {
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(opts.out)), ".")
	if format != "png" && format != "svg" {
		return cli.BadUsagef("plot the schedule: %q ends neither in .png nor in .svg: set --out", opts.out)
	}
	resolved, err := configs.LoadResolved(opts.Config, opts.Sets)
	if err != nil {
		return err
	}
	curves, err := curvesOf(resolved)
	if err != nil {
		return err
	}
	notes := scheduleNotes(resolved)
	canvas, err := drawCurves(resolved.Experiment.Name, curves, notes, opts.log, format)
	if err != nil {
		return fmt.Errorf("plot the schedule: %w", err)
	}
	write := func(w io.Writer) error {
		_, err := canvas.WriteTo(w)
		return err
	}
	if err := durable.WriteFile(opts.out, write); err != nil {
		return err
	}
	cli.WriteNotes(stderr, cli.NoteLines(notes))
	_, err = fmt.Fprintln(out, opts.out)
	return err
}

// curve is one line of the plot: a schedule and how it is drawn.
type curve struct {
	label string
	// mark follows the label if the rates also depend on the course of the run.
	mark          string
	color         int
	dashed        bool
	epochs        int
	warmup        int // in epochs
	stepsPerEpoch int
	schedule      schedule.Schedule
}

// curvesOf makes the curve of a run, or the curves of all batch sizes of a sweep.
func curvesOf(resolved *configs.Resolved) ([]curve, error) {
	e := resolved.Experiment
	if !resolved.GivesSweep() {
		c, err := curveOf(e)
		c.label = "batch " + strconv.Itoa(e.Train.BatchSize) + c.mark
		return []curve{c}, err
	}
	var curves []curve
	for i, batchSize := range e.Sweep.BatchSizes {
		var drawn []curve
		for _, condition := range e.Sweep.Conditions {
			cell, err := e.Cell(condition, batchSize, e.Seed)
			if err != nil {
				return nil, err
			}
			c, err := curveOf(cell)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(drawn, c.covers) {
				continue
			}
			c.label, c.color, c.dashed = "batch "+strconv.Itoa(batchSize)+c.mark, i, len(drawn) > 0
			if c.dashed {
				c.label += ", " + condition
			}
			drawn = append(drawn, c)
		}
		curves = append(curves, drawn...)
	}
	return curves, nil
}

// plateauMark is the mark of schedules of the kind plateau.
const plateauMark = "*"

// covers reports whether other has the same rates.
func (c curve) covers(other curve) bool {
	return c.mark == other.mark && slices.Equal(c.points(), other.points())
}

func curveOf(e configs.Experiment) (curve, error) {
	images := e.TrainImages()
	if images == 0 {
		return curve{}, cli.BadUsage(errors.New("plot the schedule: the settings do not say how many images an epoch has: add --set data.train=N"))
	}
	steps := images / e.Train.BatchSize
	s, err := schedule.New(e, steps)
	c := curve{epochs: e.Train.Epochs, warmup: e.Schedule.WarmupEpochs, stepsPerEpoch: steps, schedule: s}
	if e.Schedule.Kind == configs.KindPlateau {
		c.mark = plateauMark
	}
	return c, err
}

// mostPoints is the greatest number of points of a curve: more would be finer than a pixel.
const mostPoints = 4000

// points returns the rates of all steps, or of every few steps if there are more than
// mostPoints.
func (c curve) points() plotter.XYs {
	steps := c.epochs * c.stepsPerEpoch
	stride := max(1, steps/mostPoints)
	var points plotter.XYs
	for step := 0; step < steps; step += stride {
		points = append(points, plotter.XY{X: float64(step) / float64(c.stepsPerEpoch), Y: c.schedule.Rate(step)})
	}
	return append(points, plotter.XY{X: float64(c.epochs), Y: c.schedule.Rate(steps - 1)})
}

// The picture's size without the notes, the width of the legend beside the curves, and
// the size of the notes' letters.
const (
	pictureWidth  = 20 * vg.Centimeter
	pictureHeight = 10 * vg.Centimeter
	legendWidth   = 5 * vg.Centimeter
	noteSize      = vg.Length(9) // points
)

func drawCurves(name string, curves []curve, notes []configs.Note, log bool, format string) (io.WriterTo, error) {
	p := plot.New()
	p.Title.Text = strings.TrimSuffix("Learning rate: "+name, ": ")
	p.X.Label.Text = "epoch"
	if slices.ContainsFunc(curves, func(c curve) bool { return c.mark != "" }) {
		p.X.Label.Text += " (" + plateauMark + " until the first plateau)"
	}
	p.Y.Label.Text = "learning rate"
	p.Add(plotter.NewGrid())
	legend := plot.NewLegend()
	legend.Top, legend.Left, legend.Padding = true, true, vg.Points(2)
	if err := addCurves(p, &legend, curves); err != nil {
		return nil, err
	}
	addWarmupEnds(p, &legend, curves)
	if log {
		if err := makeLogarithmic(p); err != nil {
			return nil, err
		}
	} else {
		p.Y.Min = 0
	}
	return drawPicture(p, legend, notes, format)
}

// drawPicture draws the plot with the legend beside it and the notes below.
func drawPicture(p *plot.Plot, legend plot.Legend, notes []configs.Note, format string) (io.WriterTo, error) {
	margin := vg.Points(8)
	style := p.X.Label.TextStyle
	style.Font.Size, style.XAlign, style.YAlign = noteSize, text.XLeft, text.YTop
	lines := wrapped(notes, style, pictureWidth-2*margin)
	below := noteSize * 1.3 * vg.Length(len(lines))
	canvas, err := draw.NewFormattedCanvas(pictureWidth, pictureHeight+below, format)
	if err != nil {
		return nil, err
	}
	whole := draw.New(canvas)
	whole.SetColor(color.White)
	whole.Fill(whole.Path())
	for i, line := range lines {
		whole.FillText(style, vg.Point{X: margin, Y: margin + below - noteSize*1.3*vg.Length(i)}, line)
	}
	p.Draw(draw.Crop(whole, margin, -legendWidth, margin+below, -margin))
	legend.Draw(draw.Crop(whole, pictureWidth-legendWidth+margin, 0, margin+below, -4*margin))
	return canvas, nil
}

// addCurves adds each curve to the plot and to the legend.
func addCurves(p *plot.Plot, legend *plot.Legend, curves []curve) error {
	colors, err := lineColors(curves)
	if err != nil {
		return err
	}
	for _, c := range curves {
		line, err := plotter.NewLine(c.points())
		if err != nil {
			return err
		}
		line.Width = vg.Points(1.5)
		line.Color = colors[c.color]
		if c.dashed {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		p.Add(line)
		legend.Add(c.label, line)
	}
	return nil
}

// makeLogarithmic makes the axis of the rates logarithmic. Rates of 0 are an error.
func makeLogarithmic(p *plot.Plot) error {
	if p.Y.Min <= 0 {
		return cli.BadUsage(errors.New("a learning rate of 0 cannot be drawn on a logarithmic axis: leave out --log, or set schedule.final_fraction above 0"))
	}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	return nil
}

// lineColors gives each batch size its colour, from cool to warm with size.
func lineColors(curves []curve) ([]color.Color, error) {
	count := 1
	for _, c := range curves {
		count = max(count, c.color+1)
	}
	colors := moreland.Kindlmann()
	colors.SetMin(0)
	colors.SetMax(1)
	list := make([]color.Color, count)
	for i := range list {
		// The ends of the map are black and white.
		c, err := colors.At(0.2 + 0.6*float64(i)/float64(max(count-1, 1)))
		if err != nil {
			return nil, err
		}
		list[i] = c
	}
	return list, nil
}

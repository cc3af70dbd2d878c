package main

import (
	"image/color"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"onnxlab/configs"
)

// scheduleNotes returns the notes about the schedule of the run, or of the sweep if the
// configuration has one.
func scheduleNotes(r *configs.Resolved) []configs.Note {
	notes := r.Notes(0)
	if r.GivesSweep() {
		notes = r.SweepNotes(0)
	}
	return slices.DeleteFunc(notes, func(n configs.Note) bool { return !strings.HasPrefix(n.Key, "schedule.") })
}

// warmupEnd draws a vertical line where a warmup ends.
type warmupEnd struct{ epoch int }

func (warmupEnd) style() draw.LineStyle {
	return draw.LineStyle{Color: color.Gray{Y: 110}, Width: vg.Points(1), Dashes: []vg.Length{vg.Points(1), vg.Points(2)}}
}

// Plot implements plot.Plotter.
func (m warmupEnd) Plot(c draw.Canvas, p *plot.Plot) {
	transformX, _ := p.Transforms(&c)
	x := transformX(float64(m.epoch))
	c.StrokeLine2(m.style(), x, c.Min.Y, x, c.Max.Y)
}

// Thumbnail implements plot.Thumbnailer.
func (m warmupEnd) Thumbnail(c *draw.Canvas) {
	x := c.Center().X
	c.StrokeLine2(m.style(), x, c.Min.Y, x, c.Max.Y)
}

// addWarmupEnds marks the ends of the curves' warmups.
func addWarmupEnds(p *plot.Plot, legend *plot.Legend, curves []curve) {
	var epochs []int
	for _, c := range curves {
		if c.warmup > 0 {
			epochs = append(epochs, c.warmup)
		}
	}
	slices.Sort(epochs)
	for _, epoch := range slices.Compact(epochs) {
		m := warmupEnd{epoch}
		p.Add(m)
		legend.Add("warmup ends, epoch "+strconv.Itoa(epoch), m)
	}
}

// wrapped returns the text of the notes in lines that fit the width.
func wrapped(notes []configs.Note, style text.Style, width vg.Length) []string {
	var lines []string
	for _, n := range notes {
		line := ""
		for _, word := range strings.Fields(n.Message) {
			longer := strings.TrimSpace(line + " " + word)
			if line != "" && style.Width(longer) > width {
				lines, longer = append(lines, line), word
			}
			line = longer
		}
		lines = append(lines, line)
	}
	return lines
}

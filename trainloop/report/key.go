package report

import (
	"fmt"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// keyEntry explains a colour, a line style or a marker of the curves.
type keyEntry struct {
	text  string
	line  draw.LineStyle  // its Color is nil for none
	glyph draw.GlyphStyle // its Shape is nil for none
}

// keyGroup has the entries for one property in which curves differ. Its name may be empty
// if the entries explain themselves.
type keyGroup struct {
	name    string
	entries []keyEntry
}

// key returns entries for the properties in which the curves differ.
func (s *Sweep) key(th theme) []keyGroup {
	first := s.curveStyle(th, 0, 0)
	validation, training := first.validation, first.training
	if !s.plain() {
		validation.Color, training.Color = th.ink, th.ink
	}
	key := []keyGroup{{"", []keyEntry{{text: "validation", line: validation}, {text: "training", line: training}}}}
	if len(s.BatchSizes) > 1 {
		group := keyGroup{name: "batch size"}
		for i, batch := range s.BatchSizes {
			style := draw.LineStyle{Color: th.batch(i, s.hues()), Width: vg.Points(2.5)}
			group.entries = append(group.entries, keyEntry{text: fmt.Sprint(batch), line: style})
		}
		key = append(key, group)
	}
	if len(s.Seeds) > 1 {
		group := keyGroup{name: "seed"}
		for k, seed := range s.Seeds {
			l := s.curveStyle(th, 0, k)
			e := keyEntry{text: fmt.Sprint(seed), line: l.validation, glyph: l.glyph}
			if e.glyph.Radius = vg.Points(3); len(s.BatchSizes) > 1 {
				e.line.Color, e.glyph.Color = nil, th.ink
			}
			group.entries = append(group.entries, e)
		}
		key = append(key, group)
	}
	return key
}

// sample draws the line and the marker of the entry on c.
func (e keyEntry) sample(c draw.Canvas) {
	middle := (c.Min.Y + c.Max.Y) / 2
	if e.line.Color != nil {
		c.StrokeLine2(e.line, c.Min.X, middle, c.Max.X, middle)
	}
	if e.glyph.Shape != nil {
		c.DrawGlyph(e.glyph, vg.Point{X: (c.Min.X + c.Max.X) / 2, Y: middle})
	}
}

// The measures of a key in a file, in points.
const (
	keyLine     = vg.Length(15) // from one row to the next
	keyMargin   = vg.Length(12)
	sampleWidth = vg.Length(20)
	keySpace    = vg.Length(5)  // between a sample and its text
	keyGap      = vg.Length(14) // between entries
)

// keyRows is a key that is broken into rows. Each group begins a new row with its name.
type keyRows struct {
	names []string
	rows  [][]keyEntry
	style draw.TextStyle
}

func keyText(th theme) draw.TextStyle {
	style := newPlot(th, "", "", "").X.Label.TextStyle
	style.XAlign, style.YAlign = draw.XLeft, draw.YCenter
	return style
}

func newKeyRows(key []keyGroup, style draw.TextStyle, width vg.Length) keyRows {
	k := keyRows{style: style}
	begin := func(name string) vg.Length {
		k.names, k.rows = append(k.names, name), append(k.rows, nil)
		return k.begin(name)
	}
	for _, group := range key {
		at := begin(group.name)
		for _, e := range group.entries {
			row := &k.rows[len(k.rows)-1]
			if len(*row) > 0 && at+k.width(e) > width-keyMargin {
				at = begin("")
				row = &k.rows[len(k.rows)-1]
			}
			at += k.width(e) + keyGap
			*row = append(*row, e)
		}
	}
	return k
}

// begin returns the position at which the entries of a row with this name begin.
func (k keyRows) begin(name string) vg.Length {
	if name == "" {
		return keyMargin
	}
	return keyMargin + k.style.Width(name) + keyGap
}

func (k keyRows) width(e keyEntry) vg.Length { return sampleWidth + keySpace + k.style.Width(e.text) }

func (k keyRows) height() vg.Length { return vg.Length(len(k.rows))*keyLine + keyMargin }

// draw writes the rows along the bottom of c.
func (k keyRows) draw(c draw.Canvas) {
	y := c.Min.Y + k.height() - (keyMargin+keyLine)/2
	for i, row := range k.rows {
		c.FillText(k.style, vg.Point{X: c.Min.X + keyMargin, Y: y}, k.names[i])
		x := c.Min.X + k.begin(k.names[i])
		for _, e := range row {
			e.sample(draw.Crop(c, x-c.Min.X, x+sampleWidth-c.Max.X, y-4-c.Min.Y, y+4-c.Max.Y))
			c.FillText(k.style, vg.Point{X: x + sampleWidth + keySpace, Y: y}, e.text)
			x += k.width(e) + keyGap
		}
		y -= keyLine
	}
}

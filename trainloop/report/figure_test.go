package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"onnxlab/trainloop/rundir"
)

// contrast returns the contrast ratio of WCAG 2.2, 1..21.
func contrast(a, b color.RGBA) float64 {
	luminance := func(c color.RGBA) float64 {
		linear := func(v uint8) float64 {
			x := float64(v) / 255
			if x <= 0.04045 {
				return x / 12.92
			}
			return math.Pow((x+0.055)/1.055, 2.4)
		}
		return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
	}
	x, y := luminance(a)+0.05, luminance(b)+0.05
	return max(x, y) / min(x, y)
}

func TestContrast(t *testing.T) {
	for name, p := range map[string]palette{"light": light(), "dark": dark()} {
		check := func(what string, c, background color.RGBA, least float64) {
			if r := contrast(c, background); r < least {
				t.Errorf("%s: %s %s on %s has contrast %.2f, below %v", name, what, hex(c), hex(background), r, least)
			}
		}
		check("ink", p.Ink, p.Background, 7)
		check("ink", p.Ink, p.Panel, 7)
		check("muted", p.Muted, p.Background, 4.5)
		check("link", p.Link, p.Background, 4.5)
		for i := range p.conditions {
			check("condition", p.condition(i), p.Background, 3)
		}
		for n := range 13 {
			for i := range n {
				check("batch", p.batch(i, n), p.Background, 3)
			}
		}
	}
}

// texts returns the texts of an SVG file, and fails if it is not well-formed.
func texts(t *testing.T, svg []byte) []string {
	t.Helper()
	var found []string
	d := xml.NewDecoder(bytes.NewReader(svg))
	inText := false
	for {
		token, err := d.Token()
		if err == io.EOF {
			return found
		}
		must(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
		case xml.CharData:
			if inText {
				found = append(found, string(token))
			}
		case xml.EndElement:
			inText = false
		}
	}
}

func TestAccuracySVG(t *testing.T) {
	var b bytes.Buffer
	must(t, load(t, study().write(t, t.TempDir())).Table(2).accuracySVG(&b))
	all := strings.Join(texts(t, b.Bytes()), "|") + "|"
	for _, want := range []string{
		"sample", "batch size", "validation accuracy, %", "none", "medium", "strong", "warmup",
		"128", "256", "512", "1024", "2048", "4096", "8192", "75", "95",
	} {
		if !strings.Contains(all, want+"|") {
			t.Errorf("%q is not in %q", want, all)
		}
	}
}

// TestErrorBars checks that there are error bars only with several seeds: one bar and two
// caps for each cell.
func TestErrorBars(t *testing.T) {
	count := func(s sample) int {
		var b bytes.Buffer
		must(t, load(t, s.write(t, t.TempDir())).Table(2).accuracySVG(&b))
		return strings.Count(b.String(), "<path")
	}
	one, three := threeSeeds(), threeSeeds()
	one.seeds = []uint64{1}
	if got := count(three) - count(one); got != 4*4*3 {
		t.Errorf("%d strokes more with three seeds, not %d", got, 4*4*3)
	}
}

// TestSideBySide checks that the bars of one batch size stand side by side around its
// position on the axis, closer to it than to the next one. Without bars, the points are
// exactly at their positions.
func TestSideBySide(t *testing.T) {
	list := load(t, threeSeeds().write(t, t.TempDir())).Table(2).accuracySeries(printed())
	for k, batch := range threeSeeds().batches {
		sum := 0.0
		for i, s := range list {
			sum += s.points[k].X - position(batch)
			if math.Abs(s.points[k].X-position(batch)) > 0.5 {
				t.Errorf("%s at %d is drawn at %v, not around %v", s.name, batch, s.points[k].X, position(batch))
			}
			if i == 0 {
				continue
			}
			// Of the 300 points of a narrow page, about 240 are the axis, and bars are 3.5
			// wide.
			if apart := (s.points[k].X - list[i-1].points[k].X) / 6.5 * 240; apart < 3.5 {
				t.Errorf("%s at %d is %.1f points right of the condition before", s.name, batch, apart)
			}
		}
		if math.Abs(sum) > 1e-9 {
			t.Errorf("at %d the bars are not around the tick: %v", batch, sum)
		}
	}
	for _, s := range load(t, study().write(t, t.TempDir())).Table(2).accuracySeries(printed()) {
		if s.points[0].X != position(128) {
			t.Errorf("%s at 128 is drawn at %v", s.name, s.points[0].X)
		}
	}
}

// TestOneBatchSize checks that with one batch size the conditions are spread over the axis.
func TestOneBatchSize(t *testing.T) {
	one := study()
	one.batches = []int{512}
	table := load(t, one.write(t, t.TempDir())).Table(2)
	p, err := table.accuracyPlot(printed(), "")
	must(t, err)
	for i, s := range table.accuracySeries(printed()) {
		if want := position(512) + float64(i) - 1.5; s.points[0].X != want || want < p.X.Min || want > p.X.Max {
			t.Errorf("%s is at %v of %v..%v, want %v", s.name, s.points[0].X, p.X.Min, p.X.Max, want)
		}
	}
	if got := table.heading(); got != "Accuracy by condition" {
		t.Errorf("the heading is %q", got)
	}
}

func TestPNG(t *testing.T) {
	root := study().write(t, t.TempDir())
	must(t, load(t, root).Write(root, DefaultDrop))
	for _, name := range []string{"accuracy.png", "curves.png"} {
		f, err := os.Open(filepath.Join(root, name))
		must(t, err)
		img, err := png.Decode(f)
		must(t, err)
		must(t, f.Close())
		// Each condition's or batch size's colour is drawn somewhere.
		seen := map[color.RGBA]bool{}
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				r, g, b, _ := img.At(x, y).RGBA()
				seen[color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}] = true
			}
		}
		want := map[string]int{"accuracy.png": 4, "curves.png": 7}[name]
		for i := range want {
			c := light().condition(i)
			if name == "curves.png" {
				c = light().batch(i, want)
			}
			if !seen[c] {
				t.Errorf("%s: nothing has the colour %s", name, hex(c))
			}
		}
	}
}

// TestPage checks what needs no browser: the page loads nothing, names cannot become
// markup, and colours come from the style sheet.
func TestPage(t *testing.T) {
	root := t.TempDir()
	cell := rundir.Key{Condition: `<script>x("&`, BatchSize: 128}
	dir := rundir.CellDir(root, cell, false)
	must(t, os.MkdirAll(dir, 0o755))
	study().writeRun(t, dir, cell, 0)
	var b bytes.Buffer
	s := load(t, root)
	must(t, s.writeHTML(&b, s.Table(2)))
	html := b.String()
	for _, pattern := range []string{
		`(?i)<script`, `(?i)<link`, `(?i)<img`, `(?i)\bsrc=`, `(?i)\bhref=`, `url\(`, `@import`, `#01[0-9A-Fa-f]{4}`, `ZgotmplZ`,
	} {
		if found := regexp.MustCompile(pattern).FindString(html); found != "" {
			t.Errorf("%q is in the page", found)
		}
	}
	rest := strings.ReplaceAll(html, `xmlns="http://www.w3.org/2000/svg"`, "")
	if i := strings.Index(rest, "://"); i >= 0 {
		t.Errorf("an address is in the page: %q", rest[max(0, i-20):i+20])
	}
	if !strings.Contains(html, "&lt;script&gt;") || !strings.Contains(html, "var(--condition-1)") {
		t.Error("the condition's name or its colour is not in the page")
	}
}

func TestAxes(t *testing.T) {
	for _, c := range []struct{ low, high, wantLow, wantHigh float64 }{
		{81.2, 94.6, 80, 95}, {90, 90, 85, 95}, {99, 100, 95, 100}, {0, 0, 0, 5}, {math.Inf(1), math.Inf(-1), 0, 100},
	} {
		if low, high := percentRange(c.low, c.high); low != c.wantLow || high != c.wantHigh {
			t.Errorf("%v..%v gives %v..%v", c.low, c.high, low, high)
		}
	}
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0.07, 2.8, "0.05 0.1 0.2 0.5 1 2 5"},
		{0.5, 0.6, "0.50 0.52 0.54 0.56 0.58 0.60"},
		{1.1, 1.9, "1.0 1.2 1.4 1.6 1.8 2.0"},
		{2, 2, "1.95 2.00 2.05"},
		{30, 110, "20 40 60 80 100 120"},
		{0, 0.0003, "0.0001 0.0002 0.0005"},
		{0.01, 30, "0.01 - - 0.1 - - 1 - - 10 - -"},
	} {
		var labels []string
		for _, tick := range lossTicks(c.low, c.high) {
			label := tick.Label
			if label == "" {
				label = "-"
			}
			labels = append(labels, label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%v..%v: %q, not %q", c.low, c.high, got, c.want)
		}
	}
	if n := len(lossTicks(0.1, 1e30)); n > 110 {
		t.Errorf("%d ticks", n)
	}
}

// TestManyConditions checks that no two of 16 conditions have the same colour and dashes, or
// the same colour and marker, since points may hide dashes, and lines markers.
func TestManyConditions(t *testing.T) {
	accuracy := 0.5
	table := Table{BatchSizes: []int{128}}
	for i := range 16 {
		table.Conditions = append(table.Conditions, Condition{Name: fmt.Sprint(i), Cells: []Average{{BatchSize: 128, Accuracy: &accuracy}}})
	}
	for name, th := range map[string]theme{"printed": printed(), "page": inPage()} {
		list := table.accuracySeries(th)
		for i, a := range list {
			for _, b := range list[:i] {
				if a.line.Color == b.line.Color && (slices.Equal(a.line.Dashes, b.line.Dashes) || a.glyph.Shape == b.glyph.Shape) {
					t.Errorf("%s: conditions %s and %s look alike", name, a.name, b.name)
				}
			}
		}
	}
}

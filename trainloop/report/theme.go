package report

import (
	"fmt"
	"image/color"
	"regexp"
	"strconv"
)

// theme has the colours of a figure.
type theme struct {
	background color.Color // nil for none
	ink, grid  color.Color
	// condition returns the colour of the i-th condition, and batch the colour of the
	// i-th of n batch sizes.
	condition func(i int) color.Color
	batch     func(i, n int) color.Color
}

// palette is a set of colours for one background. The contrast of lines to the
// background is at least 3 (WCAG 1.4.11), and that of ink at least 7.
type palette struct {
	Background, Panel, Ink, Muted, Grid, Link color.RGBA
	// conditions are colours that colour-blind readers can distinguish. The first six are
	// those of Okabe and Ito, darkened or lightened; the others are as far from these as
	// possible. If there are more conditions, colours repeat with other markers and dashes.
	conditions []color.RGBA
	// batches are the stops of a colour scale from small to large batch sizes.
	batches []color.RGBA
}

func light() palette {
	return palette{
		Background: rgb(0xffffff), Panel: rgb(0xf4f5f7), Ink: rgb(0x1b1f24), Muted: rgb(0x555d66), Grid: rgb(0xdfe3e8), Link: rgb(0x0a58a8),
		conditions: []color.RGBA{rgb(0x5b6470), rgb(0x0072b2), rgb(0xc44e00), rgb(0x008560), rgb(0xb0508a), rgb(0x8a6a00), rgb(0x4326c8), rgb(0x12161a), rgb(0x7a0f1e), rgb(0x9678ff)},
		batches:    []color.RGBA{rgb(0x46085c), rgb(0x2f6690), rgb(0x1b8a6b), rgb(0xb06a00)},
	}
}

func dark() palette {
	return palette{
		Background: rgb(0x14171b), Panel: rgb(0x1e2329), Ink: rgb(0xe8eaed), Muted: rgb(0xaab2bc), Grid: rgb(0x363d46), Link: rgb(0x8ab8f0),
		conditions: []color.RGBA{rgb(0xb6bec8), rgb(0x56b4e9), rgb(0xff8c42), rgb(0x2fc79a), rgb(0xe39ac6), rgb(0xe0bc3f), rgb(0x8f5bff), rgb(0xf7f9e0), rgb(0xe23b30), rgb(0xc8f400)},
		batches:    []color.RGBA{rgb(0xc9a5e8), rgb(0x7fb4e6), rgb(0x4fd0a5), rgb(0xf2c14e)},
	}
}

func rgb(v uint32) color.RGBA {
	return color.RGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func (p palette) condition(i int) color.RGBA { return p.conditions[i%len(p.conditions)] }

// batch returns the i-th of n evenly spaced colours of the scale.
func (p palette) batch(i, n int) color.RGBA {
	at := float64(i) / float64(max(n-1, 1)) * float64(len(p.batches)-1)
	k := min(int(at), len(p.batches)-2)
	return blend(p.batches[k], p.batches[k+1], at-float64(k))
}

// blend mixes the colours a and b, with share f of b.
func blend(a, b color.RGBA, f float64) color.RGBA {
	mix := func(x, y uint8) uint8 { return uint8(float64(x) + f*(float64(y)-float64(x)) + 0.5) }
	return color.RGBA{R: mix(a.R, b.R), G: mix(a.G, b.G), B: mix(a.B, b.B), A: 255}
}

// printed returns the theme of figures in separate files, on white.
func printed() theme {
	p := light()
	return theme{
		background: p.Background, ink: p.Ink, grid: p.Grid,
		condition: func(i int) color.Color { return p.condition(i) },
		batch:     func(i, n int) color.Color { return p.batch(i, n) },
	}
}

// inPage returns the theme of figures within the page, whose colours depend on whether the
// reader prefers dark pages. It consists of placeholders, which the function variables
// replaces by variables of the style sheet.
func inPage() theme {
	return theme{
		ink:       color.RGBA{1, 0, 0, 255},
		grid:      color.RGBA{1, 0, 1, 255},
		condition: func(i int) color.Color { return color.RGBA{1, 1, uint8(i % len(light().conditions)), 255} },
		batch:     func(i, _ int) color.Color { return color.RGBA{1, 2, uint8(i), 255} },
	}
}

var placeholder = regexp.MustCompile(`(?i)#01(0[0-2])([0-9a-f]{2})`)

// variables replaces the placeholders of inPage by variables of the style sheet.
func variables(svg string) string {
	return placeholder.ReplaceAllStringFunc(svg, func(c string) string {
		i, _ := strconv.ParseUint(c[5:7], 16, 8) // two hexadecimal digits
		switch c[3:5] {
		case "01":
			return fmt.Sprintf("var(--condition-%d)", i)
		case "02":
			return fmt.Sprintf("var(--batch-%d)", i)
		}
		return []string{"var(--ink)", "var(--grid)"}[min(i, 1)]
	})
}

package report

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

// TestConfusion looks for the colours of the cells and, in the SVG, for counts
// and names.
func TestConfusion(t *testing.T) {
	m := Confusion{Classes: []string{"cat", "dog"}, Counts: [][]int{{37, 0}, {41, 41}}}
	var b bytes.Buffer
	must(t, m.WritePNG(&b))
	picture, err := png.Decode(&b)
	must(t, err)
	found := map[color.Color]image.Point{}
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			r, g, b, _ := picture.At(x, y).RGBA()
			found[color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}] = image.Pt(x, y)
		}
	}
	all, half, none := found[shade(1)], found[shade(0.5)], found[shade(0)]
	if all == (image.Point{}) || half == (image.Point{}) || none == (image.Point{}) {
		t.Fatalf("cells of all, half and none of their rows end at %v, %v, %v", all, half, none)
	}
	// The last point of each colour belongs to: cat, cat, which is above dog, dog, and left
	// of cat, dog.
	if all.Y >= half.Y || all.X >= none.X || none.Y != all.Y || none.X != half.X {
		t.Errorf("cells of all, half and none of their rows end at %v, %v, %v", all, half, none)
	}
	b.Reset()
	must(t, m.WriteSVG(&b))
	for text, times := range map[string]int{">37<": 1, ">41<": 2, ">cat<": 2, ">dog<": 2, ">0<": 0, ">taken for<": 1} {
		if got := strings.Count(b.String(), text); got != times {
			t.Errorf("%q is in the SVG %d times, want %d", text, got, times)
		}
	}
}

package sheet

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/disintegration/imaging"
	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"

	"onnxlab/augment"
)

func TestCaption(t *testing.T) {
	p := augment.Identity()
	if got := Caption(p); !slices.Equal(got, []string{"unchanged"}) {
		t.Errorf("identity: %q", got)
	}
	p.Rotation, p.ShiftRows, p.ShiftColumns = -3.14, 2.25, -0.01
	p.ZoomRows, p.ZoomColumns = 0.8, 1.1
	p.ChannelShift, p.Flip, p.VerticalFlip = -23.4, true, true
	p.Shear, p.Brightness, p.Contrast = 5, 10, -0.25
	p.Erase = augment.Patch{Row: 3, Column: 4, Height: 5, Width: 6, Value: 0.5}
	p.Cutout = augment.Patch{Row: -2, Column: 100, Height: 80, Width: 80}
	want := []string{
		"rotation -3.1°", "shift +2.3, 0.0 px", "shear +5.0°", "zoom 0.80 × 1.10", "channels -23", "flip",
		"vertical flip", "brightness +10", "contrast -25 %", "erase 5×6 at 3, 4", "cutout 80×80", "at -2, 100",
	}
	if got := Caption(p); !slices.Equal(got, want) {
		t.Errorf("caption %q, want %q", got, want)
	}
}

// plain is a picture of one colour.
func plain(width, height int, c color.Color) *image.NRGBA { return imaging.New(width, height, c) }

func rows() []Row {
	return []Row{
		{"first", plain(32, 32, color.NRGBA{255, 0, 0, 255}), []Variant{
			{Image: plain(32, 32, color.NRGBA{0, 255, 0, 255}), Caption: []string{"one", "two"}},
			{Image: plain(32, 32, color.NRGBA{0, 0, 255, 255})},
		}},
		{strings.Repeat("a label far too long ", 5), plain(300, 10, color.NRGBA{9, 9, 9, 255}), nil},
		{"", plain(1, 1, color.NRGBA{1, 2, 3, 255}), nil},
	}
}

func TestDrawPutsPicturesSideBySide(t *testing.T) {
	sheet, err := Draw(rows())
	if err != nil {
		t.Fatal(err)
	}
	for column, want := range []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}} {
		at := image.Pt(margin+column*(tile+margin), margin)
		for _, corner := range []image.Point{{0, 0}, {tile - 1, tile - 1}} {
			if got := sheet.NRGBAAt(at.X+corner.X, at.Y+corner.Y); got != want {
				t.Errorf("column %d at %v: %v, want %v", column, corner, got, want)
			}
		}
		if got := sheet.NRGBAAt(at.X-1, at.Y); got != (color.NRGBA{255, 255, 255, 255}) {
			t.Errorf("left of column %d: %v, want white", column, got)
		}
	}
}

// Text stays inside its column: the space between columns is white.
func TestDrawKeepsTextInItsColumn(t *testing.T) {
	sheet, err := Draw(rows())
	if err != nil {
		t.Fatal(err)
	}
	dark := 0
	for y := range sheet.Rect.Dy() {
		for x := margin; x < margin+tile; x++ {
			if sheet.NRGBAAt(x, y) == (color.NRGBA{0x22, 0x22, 0x22, 0xff}) {
				dark++
			}
		}
		for x := margin + tile; x < 2*margin+tile; x++ {
			if got := sheet.NRGBAAt(x, y); got != (color.NRGBA{255, 255, 255, 255}) {
				t.Fatalf("%d, %d between columns: %v, want white", x, y, got)
			}
		}
	}
	if dark == 0 {
		t.Error("no label is drawn")
	}
}

func TestGridBreaksLines(t *testing.T) {
	colors := []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}}
	var pictures []Variant
	for _, c := range colors {
		pictures = append(pictures, Variant{Image: plain(32, 32, c), Caption: []string{"one", "two"}})
	}
	sheet, err := Grid(pictures, 2)
	if err != nil {
		t.Fatal(err)
	}
	line := Row{Variants: pictures}.height()
	if want := image.Pt(margin+2*(tile+margin), margin+2*line); sheet.Rect.Max != want {
		t.Errorf("the sheet ends at %v, want %v", sheet.Rect.Max, want)
	}
	for i, want := range colors {
		if got := sheet.NRGBAAt(margin+i%2*(tile+margin), margin+i/2*line); got != want {
			t.Errorf("picture %d: %v, want %v", i, got, want)
		}
	}
	for _, bad := range [][]Variant{nil, {{}}} {
		if _, err := Grid(bad, 2); err == nil {
			t.Errorf("no error for %v", bad)
		}
	}
	if _, err := Grid(pictures, 0); err == nil {
		t.Error("no error for lines of 0")
	}
}

// TestNames: a name has its own line below the caption, and if it is too long, its start
// and its end are kept.
func TestNames(t *testing.T) {
	face, err := newFace()
	if err != nil {
		t.Fatal(err)
	}
	defer face.Close()
	for name, want := range map[string]string{
		"cat/1.png": "cat/1.png",
		"photographs/2019/holidays/IMG_20190704_1234.jpg": "photograp…_1234.jpg",
		strings.Repeat("W", 5000) + ".png":                "WWWWW…WW.png",
		strings.Repeat("日", 300):                          "",
	} {
		v := Variant{Caption: []string{"one"}, Name: name}
		lines := v.lines(face)
		if got := lines[len(lines)-1]; len(lines) != 2 || want != "" && got != want {
			t.Errorf("%.50q becomes %q, want %q", name, lines, want)
		}
		if width := font.MeasureString(face, lines[1]); width > fixed.I(tile) {
			t.Errorf("%q is %v wide, more than %d", lines[1], width, tile)
		}
		if with, without := (Row{Variants: []Variant{v}}), (Row{Variants: []Variant{{Caption: v.Caption}}}); with.height() != without.height()+lineHeight {
			t.Errorf("the name takes %d pixels, want %d", with.height()-without.height(), lineHeight)
		}
	}
	v := Variant{Caption: []string{"one"}}
	if got := v.lines(face); !slices.Equal(got, v.Caption) {
		t.Errorf("without a name: %q", got)
	}
}

func TestSheetsAreTheSameEachTime(t *testing.T) {
	var first []byte
	for range 3 {
		sheet, err := Draw(rows())
		if err != nil {
			t.Fatal(err)
		}
		animation, err := Animate(t.Context(), rows())
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, sheet); err != nil {
			t.Fatal(err)
		}
		if err := gif.EncodeAll(&b, animation); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b.Bytes()
		} else if !bytes.Equal(first, b.Bytes()) {
			t.Error("other bytes than the first time")
		}
	}
}

func TestAnimateShowsSourcesAndThenVariants(t *testing.T) {
	animation, err := Animate(t.Context(), rows())
	if err != nil {
		t.Fatal(err)
	}
	if len(animation.Image) != 3 || len(animation.Delay) != 3 {
		t.Fatalf("%d frames and %d delays, want 3", len(animation.Image), len(animation.Delay))
	}
	for frame, want := range []color.RGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}} {
		r, g, b, _ := animation.Image[frame].At(margin+tile/2, margin+tile/2).RGBA()
		if got := (color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}); got != want {
			t.Errorf("frame %d shows %v, want %v", frame, got, want)
		}
	}
}

// TestAnimateLines checks that each line of pictures is in its place, to the last margin.
func TestAnimateLines(t *testing.T) {
	red, blue := plain(8, 8, color.NRGBA{255, 0, 0, 255}), plain(8, 8, color.NRGBA{0, 0, 255, 255})
	animation, err := Animate(t.Context(), []Row{{Source: red}, {Source: red}, {Source: red}, {Source: red}, {Source: blue}})
	if err != nil {
		t.Fatal(err)
	}
	frame, x := animation.Image[0], margin+tile/2
	for y, want := range map[int]color.RGBA{
		0:                         {255, 255, 255, 255},
		margin + tile/2:           {255, 0, 0, 255},
		margin + tile + margin/2:  {255, 255, 255, 255},
		2*margin + tile + tile/2:  {0, 0, 255, 255},
		frame.Rect.Max.Y - 1:      {255, 255, 255, 255},
		frame.Rect.Max.Y - margin: {255, 255, 255, 255},
	} {
		if got := color.RGBAModel.Convert(frame.At(x, y)); got != want {
			t.Errorf("row %d is %v, want %v", y, got, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Animate(ctx, rows()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestDrawRefusesWhatIsNotThere(t *testing.T) {
	for want, rows := range map[string][]Row{
		"no rows":                   nil,
		"row 0 has no source":       {{}},
		"row 0 has no image 0":      {{Source: plain(1, 1, color.White), Variants: []Variant{{}}}},
		"more than 67108864 pixels": slices.Repeat([]Row{{Source: plain(1, 1, color.White)}}, 1<<16),
	} {
		if _, err := Draw(rows); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if _, err := Animate(t.Context(), rows); err == nil {
			t.Errorf("no error of an animation, want %q", want)
		}
	}
}

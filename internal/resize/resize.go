// Package resize resizes parts of pictures, antialiased: each pixel of the result is a
// weighted mean of all pixels that it covers.
//
//	var r resize.Resizer
//	r.Resize(dst, resize.Picture{Pixels: rgb, Height: 375, Width: 500}, resize.To{
//		Box: resize.Box{Left: 40, Top: 30, Right: 340, Bottom: 330}, Height: 224, Width: 224, Window: image.Rect(0, 0, 224, 224),
//	})
//
// Results are Pillow's, to within 1 of 255. [Bilinear] is what torchvision's
// transforms use by default. C code with SIMD instructions computes it if cgo is enabled,
// and otherwise Go code, which gives the same bytes. [Bicubic] gives exactly Pillow's bytes.
package resize

import (
	"fmt"
	"image"
)

// Filter is the shape of the weights.
type Filter int

// The filters. Both are widened when a picture is reduced.
const (
	Bilinear Filter = iota // a triangle
	Bicubic                // cubic convolution with a = -0.5, which is the Catmull-Rom spline
)

// Picture is an image with 3 channels: shape [Height, Width, 3].
type Picture struct {
	Pixels        []uint8
	Height, Width int
}

// Box is a part of a picture. Its edges are in pixels and may be fractions.
type Box struct{ Left, Top, Right, Bottom float64 }

// To says which part of a picture to resize, and to what.
type To struct {
	// Box is resized to Height x Width pixels. Pixels outside of it, rounded outwards, have
	// no weight, as if the picture had been cropped to it.
	Box           Box
	Height, Width int
	// Window is the part of the result that is wanted.
	Window image.Rectangle
	Filter Filter
	// Turned says that the picture is stored on its side, and that the caller turns the
	// result. Pillow turns pictures before it resizes them, so that its first pass runs
	// along what are columns here. Bicubic rounds between the passes, so it needs the same
	// order for the same bytes.
	Turned bool
}

// Resizer resizes pictures, one after the other, in memory that it keeps. The zero value
// is ready.
type Resizer struct {
	rows, columns axis
	line          []int16 // a row of the result of the first pass
	first         []uint8 // the result of the first pass, for Bicubic
}

// Resize writes the window into dst, shape [Window.Dy(), Window.Dx(), 3]. It returns an
// error if sizes do not agree.
func (r *Resizer) Resize(dst []uint8, p Picture, to To) error {
	if err := check(len(dst), p, to); err != nil {
		return fmt.Errorf("resize picture: %w", err)
	}
	r.rows.set(to.Filter, p.Height, to.Box.Top, to.Box.Bottom, to.Height, to.Window.Min.Y, to.Window.Max.Y)
	r.columns.set(to.Filter, p.Width, to.Box.Left, to.Box.Right, to.Width, to.Window.Min.X, to.Window.Max.X)
	switch {
	case to.Filter == Bicubic && to.Turned:
		r.bicubicDown(dst, p)
		return nil
	case to.Filter == Bicubic:
		r.bicubic(dst, p)
		return nil
	}
	// The number of taps is even, and the C code reads four values for a pixel: both read past the row.
	const beyond = 16
	if need := 3*p.Width + 3*r.columns.taps + beyond; len(r.line) < need {
		r.line = make([]int16, need)
	}
	bilinear(dst, p, &r.rows, &r.columns, r.line)
	return nil
}

// maxSide is the longest side, so that products of sides fit into an int.
const maxSide = 1 << 16

func check(room int, p Picture, to To) error {
	whole := image.Rect(0, 0, to.Width, to.Height)
	b := to.Box
	switch {
	case p.Height < 1 || p.Width < 1 || p.Height > maxSide || p.Width > maxSide || len(p.Pixels) != 3*p.Height*p.Width:
		return fmt.Errorf("%d bytes are not a picture of %dx%d pixels with 3 channels", len(p.Pixels), p.Width, p.Height)
	case to.Height < 1 || to.Width < 1 || to.Height > maxSide || to.Width > maxSide:
		return fmt.Errorf("%dx%d pixels: a side is outside 1..%d", to.Width, to.Height, maxSide)
	case to.Window.Empty() || !to.Window.In(whole):
		return fmt.Errorf("window %v is not within %dx%d pixels", to.Window, to.Width, to.Height)
	case !(b.Left >= 0 && b.Top >= 0 && b.Right > b.Left && b.Bottom > b.Top && b.Right <= float64(p.Width) && b.Bottom <= float64(p.Height)):
		return fmt.Errorf("box %+v is not within %dx%d pixels", b, p.Width, p.Height)
	case room != 3*to.Window.Dx()*to.Window.Dy():
		return fmt.Errorf("room for %d bytes, %d are needed", room, 3*to.Window.Dx()*to.Window.Dy())
	}
	return nil
}

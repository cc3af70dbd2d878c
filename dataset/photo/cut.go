package photo

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"math"

	"github.com/disintegration/imaging"

	"onnxlab/dataset/photo/jpegturbo"
	"onnxlab/internal/resize"
)

// Cut says which part of an upright picture is wanted, and in which size.
type Cut struct {
	// Box is the part that is resized, in pixels of the picture. It must be within the
	// picture.
	Box image.Rectangle
	// Height and Width are the size to which the box is resized.
	Height, Width int
	// Window is the part of the resized box that is wanted.
	Window image.Rectangle
	Filter resize.Filter
	// Reduce allows the decoder to reduce the picture by a power of 2 first, as long as the
	// box stays at least as large as its resized form. That is faster, but changes pixels a
	// little.
	Reduce bool
	// fill resizes as Fill does, if Go's decoder has decoded the picture.
	fill bool
}

// Whole returns the cut that resizes the box to height x width pixels and uses all of it.
func Whole(box image.Rectangle, height, width int) Cut {
	return Cut{Box: box, Height: height, Width: width, Window: image.Rect(0, 0, width, height)}
}

// Cutter reads parts of pictures, one after the other, and reuses its memory. Only one
// goroutine at a time may use it.
type Cutter struct {
	Decoder Decoder
	Limits  Limits

	// reserve, if not nil, waits until there is room for decoding, which takes this many
	// bytes.
	reserve func(bytes int64) error

	file, decoded, stored []uint8
	resizer               resize.Resizer
}

// Read decodes the part of a picture that choose asks for, and writes it into dst, shape
// [window's height, window's width, 3]. It reads r from its start. choose is called once,
// with the size of the upright picture, before decoding begins. It has also been called if
// the header is sound but decoding fails.
func (c *Cutter) Read(r io.ReadSeeker, choose func(height, width int) Cut, dst []uint8) error {
	h, err := checkHeader(r, c.Limits)
	if err != nil {
		return err
	}
	cut := choose(h.uprightSize())
	if err := cut.check(h, len(dst)); err != nil {
		return err
	}
	turbo := h.format == jpegFormat && c.Decoder.turbo != nil
	if c.reserve != nil {
		bytes := h.decoding
		if turbo {
			bytes = cut.decodingTurbo(h)
		}
		if err := c.reserve(bytes); err != nil {
			return err
		}
	}
	if turbo {
		if err := c.readTurbo(r, h, cut, dst); err != nil {
			return fmt.Errorf("decode JPEG image: %w", err)
		}
		return nil
	}
	return c.readPlain(r, h, cut, dst)
}

// Size reads the header and returns the size of the upright picture.
func (c *Cutter) Size(r io.ReadSeeker) (height, width int, err error) {
	h, err := checkHeader(r, c.Limits)
	if err != nil {
		return 0, 0, err
	}
	height, width = h.uprightSize()
	return height, width, nil
}

func (h *header) uprightSize() (height, width int) {
	if h.swaps() {
		return h.width, h.height
	}
	return h.height, h.width
}

func (cut *Cut) check(h header, room int) error {
	height, width := h.uprightSize()
	size := cut.Window.Size()
	if cut.Box.Empty() || !cut.Box.In(image.Rect(0, 0, width, height)) {
		return fmt.Errorf("cut: box %v is not within %dx%d pixels", cut.Box, width, height)
	}
	if room != 3*size.X*size.Y {
		return fmt.Errorf("cut: dst has %d bytes, but %d are needed", room, 3*size.X*size.Y)
	}
	return nil
}

// turned returns the corresponding cut of the stored picture, which is not upright yet.
func (cut Cut) turned(h header) Cut {
	cut.Box = h.storedPart(cut.Box, image.Pt(h.width, h.height))
	if h.swaps() {
		cut.Height, cut.Width = cut.Width, cut.Height
	}
	cut.Window = h.storedPart(cut.Window, image.Pt(cut.Width, cut.Height))
	return cut
}

// narrow returns the part of the box from which the window is computed, as its own box,
// including its neighbourhood that has weight in the filter.
func (cut Cut) narrow() resize.To {
	to := resize.To{Height: cut.Height, Width: cut.Width, Window: cut.Window, Filter: cut.Filter}
	b := &to.Box
	b.Left, b.Right, to.Width = narrowed(cut.Box.Min.X, cut.Box.Max.X, cut.Width, &to.Window.Min.X, &to.Window.Max.X)
	b.Top, b.Bottom, to.Height = narrowed(cut.Box.Min.Y, cut.Box.Max.Y, cut.Height, &to.Window.Min.Y, &to.Window.Max.Y)
	return to
}

// narrowed does the work of narrow in one direction, in which lo..hi is resized to out pixels.
// It returns the part left..right that is needed for the pixels from..to, and the length that
// this part is resized to. It changes from and to so that they count from its start.
func narrowed(lo, hi, out int, from, to *int) (left, right float64, length int) {
	scale := float64(hi-lo) / float64(out)
	const support = 2
	around := int(math.Ceil(support*max(scale, 1)/scale)) + 1
	first, last := max(*from-around, 0), min(*to+around, out)
	left, right = float64(lo)+float64(first)*scale, float64(lo)+float64(last)*scale
	if last == out {
		right = float64(hi)
	}
	*from, *to = *from-first, *to-first
	return left, right, last - first
}

// readTurbo decodes the part with libjpeg-turbo.
func (c *Cutter) readTurbo(r io.ReadSeeker, h header, cut Cut, dst []uint8) (err error) {
	if c.file, err = readWhole(r, c.file); err != nil {
		return err
	}
	cut = cut.turned(h)
	to := cut.narrow()
	request := jpegturbo.Request{Width: h.width, Height: h.height, Part: outward(to.Box), Scale: cut.scale(h), Memory: h.decoding}
	part, err := c.Decoder.turbo.Decode(c.file, request, c.decoded)
	if err != nil {
		return err
	}
	c.decoded = part.Pixels
	shift := func(v *float64, corner, most int) {
		*v = min(max(*v*float64(request.Scale)/8-float64(corner), 0), float64(most))
	}
	size := part.Rect.Size()
	shift(&to.Box.Left, part.Rect.Min.X, size.X)
	shift(&to.Box.Right, part.Rect.Min.X, size.X)
	shift(&to.Box.Top, part.Rect.Min.Y, size.Y)
	shift(&to.Box.Bottom, part.Rect.Min.Y, size.Y)
	return c.finish(dst, resize.Picture{Pixels: part.Pixels, Height: size.Y, Width: size.X}, to, h)
}

// outward returns the smallest rectangle of whole pixels that contains a box.
func outward(b resize.Box) image.Rectangle {
	return image.Rect(int(math.Floor(b.Left)), int(math.Floor(b.Top)), int(math.Ceil(b.Right)), int(math.Ceil(b.Bottom)))
}

// scale returns in how many eighths of its size a JPEG is decoded.
func (cut *Cut) scale(h header) int {
	const whole = 8
	if !cut.Reduce || h.jpeg.bits != 8 {
		return whole
	}
	for scale := 1; scale < whole; scale *= 2 {
		if cut.Box.Dx()*scale >= whole*cut.Width && cut.Box.Dy()*scale >= whole*cut.Height {
			return scale
		}
	}
	return whole
}

// readPlain decodes the whole picture with Go's decoders.
func (c *Cutter) readPlain(r io.ReadSeeker, h header, cut Cut, dst []uint8) error {
	p, err := decode(r, h)
	if err != nil {
		return err
	}
	if cut.fill {
		size := cut.Window.Size()
		copy(dst, p.Fill(size.Y, size.X))
		return nil
	}
	stored := p.stored.Bounds()
	if stored.Dx() != h.width || stored.Dy() != h.height {
		return errors.New("the picture has a different size than its header says")
	}
	cut = cut.turned(h)
	to := cut.narrow()
	box := outward(to.Box)
	part := imaging.Clone(onWhite(subImage(p.stored, box)))
	if need := 3 * box.Dx() * box.Dy(); cap(c.decoded) < need {
		c.decoded = make([]uint8, need)
	}
	pixels := c.decoded[:3*box.Dx()*box.Dy()]
	for i := range box.Dx() * box.Dy() {
		copy(pixels[3*i:3*i+3], part.Pix[4*i:])
	}
	to.Box.Left, to.Box.Right = to.Box.Left-float64(box.Min.X), to.Box.Right-float64(box.Min.X)
	to.Box.Top, to.Box.Bottom = to.Box.Top-float64(box.Min.Y), to.Box.Bottom-float64(box.Min.Y)
	return c.finish(dst, resize.Picture{Pixels: pixels, Height: box.Dy(), Width: box.Dx()}, to, h)
}

// decodingTurbo returns approximately how many bytes libjpeg-turbo and the part take: rows
// of blocks of the whole width and, for a progressive picture, two bytes for each sample.
func (cut Cut) decodingTurbo(h header) int64 {
	const rows = 64
	bytes := 3 * rows * int64(h.width)
	if h.jpeg.progressive {
		bytes += 2 * 3 * int64(h.width) * int64(h.height)
	}
	cut = cut.turned(h)
	return bytes + 3*int64(cut.Box.Dx())*int64(cut.Box.Dy())
}

// trim frees the memory that an unusually large picture took.
func (c *Cutter) trim() {
	const usual = 16 << 20
	if cap(c.file) > usual {
		c.file = nil
	}
	if cap(c.decoded) > usual {
		c.decoded = nil
	}
}

// finish resizes the decoded part and turns it.
func (c *Cutter) finish(dst []uint8, p resize.Picture, to resize.To, h header) error {
	to.Turned = h.swaps()
	if h.orientation <= 1 {
		return c.resizer.Resize(dst, p, to)
	}
	if len(c.stored) != len(dst) {
		c.stored = make([]uint8, len(dst))
	}
	if err := c.resizer.Resize(c.stored, p, to); err != nil {
		return err
	}
	h.turn(dst, c.stored, to.Window.Dy(), to.Window.Dx())
	return nil
}

// ReadBytes is Read for a file in memory.
func (c *Cutter) ReadBytes(data []byte, choose func(height, width int) Cut, dst []uint8) error {
	return c.Read(bytes.NewReader(data), choose, dst)
}

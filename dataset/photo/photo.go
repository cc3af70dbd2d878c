package photo

import (
	"bufio"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"io"

	"github.com/disintegration/imaging"
	"golang.org/x/image/bmp"
)

// Limits bound the memory for reading photographs.
type Limits struct {
	// Memory is the largest number of bytes for decoding one picture; 0 means
	// DefaultMemory. A JPEG takes 1.5 bytes per pixel, or 3 without subsampling, and five
	// times as much if it is progressive; other formats take up to 24.
	Memory int64
}

// DefaultMemory is enough for progressive JPEGs of 200 megapixels.
const DefaultMemory = 1536 << 20

// Photo is a decoded picture.
type Photo struct {
	stored image.Image // as stored in the file
	orientation
}

// Of returns a Photo of a picture that is already decoded and upright.
func Of(picture image.Image) *Photo { return &Photo{stored: picture} }

// Read decodes the picture in r, which it reads from its start. If the header says that
// this would exceed the limits, it returns an error before decoding.
func Read(r io.ReadSeeker, limits Limits) (*Photo, error) {
	h, err := checkHeader(r, limits)
	if err != nil {
		return nil, err
	}
	return decode(r, h)
}

// checkHeader reads the header and checks the limits.
func checkHeader(r io.ReadSeeker, limits Limits) (header, error) {
	memory := limits.Memory
	if memory == 0 {
		memory = DefaultMemory
	}
	h, err := readHeader(r)
	if err == nil && h.decoding > memory {
		err = &TooLargeError{h.width, h.height, h.decoding, memory}
	}
	return h, err
}

// TooLargeError is the error for a picture that would take more memory than allowed.
type TooLargeError struct {
	Width, Height int
	// Memory is the number of bytes that decoding would take, and Limit the number allowed.
	Memory, Limit int64
}

const megabyte = 1 << 20

// Megabytes returns the limit, in units of 2^20 bytes, that would be enough.
func (e *TooLargeError) Megabytes() int64 { return (e.Memory + megabyte - 1) / megabyte }

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("image of %dx%d pixels would take %d MB to decode, more than the %d MB allowed",
		e.Width, e.Height, e.Megabytes(), e.Limit/megabyte)
}

// decode decodes the picture, whose header has been read.
func decode(r io.ReadSeeker, h header) (photo *Photo, err error) {
	// The decoders are robust, but this input may come from anywhere.
	defer func() {
		if fault := recover(); fault != nil {
			photo, err = nil, fmt.Errorf("decode %v image: %v", h.format, fault)
		}
	}()
	stored, err := decodeStored(r, h)
	if err != nil {
		return nil, fmt.Errorf("decode %v image: %w", h.format, err)
	}
	return &Photo{stored, h.orientation}, nil
}

func decodeStored(r io.ReadSeeker, h header) (image.Image, error) {
	switch h.format {
	case jpegFormat:
		return decodeJPEG(r, h)
	case pngFormat:
		return decodePNG(r)
	case gifFormat:
		return decodeGIF(r, h)
	case bmpFormat:
		return bmp.Decode(bufio.NewReader(r))
	default:
		return decodeWebP(r)
	}
}

// decodeGIF decodes the first frame, which may cover only a part of the canvas.
func decodeGIF(r io.Reader, h header) (image.Image, error) {
	frame, err := gif.Decode(r)
	whole := image.Rect(0, 0, h.width, h.height)
	if err != nil || frame.Bounds() == whole {
		return frame, err
	}
	canvas := image.NewNRGBA(whole)
	draw.Draw(canvas, frame.Bounds(), frame, frame.Bounds().Min, draw.Src)
	return canvas, nil
}

// Size returns the height and the width of the upright picture in pixels.
func (p *Photo) Size() (height, width int) {
	size := p.stored.Bounds().Size()
	if p.swaps() {
		return size.X, size.Y
	}
	return size.Y, size.X
}

// Fill returns pixels of three channels, shape [height, width, 3]: the largest part in the
// middle of the upright picture that has these proportions, resized with the Catmull-Rom
// spline. A picture that already has this size keeps its pixels.
func (p *Photo) Fill(height, width int) []uint8 {
	h, w := p.Size()
	// Crop first: a line of pixels would be resized to something huge.
	part := p.resize(middle(h, w, height, width), width, height)
	const channels = 3
	pixels := make([]uint8, height*width*channels)
	for i := range height * width {
		copy(pixels[channels*i:channels*(i+1)], part.Pix[4*i:])
	}
	return pixels
}

// Fit returns the whole upright picture, reduced with the Lanczos filter so that neither
// side is longer than side pixels.
func (p *Photo) Fit(side int) *image.NRGBA {
	stored := onWhite(p.stored)
	if size := stored.Bounds().Size(); max(size.X, size.Y) > side {
		return p.upright(imaging.Fit(stored, side, side, imaging.Lanczos))
	}
	return p.upright(imaging.Clone(stored))
}

// resize resizes a part of the upright picture. It turns only the result, which takes less
// time than turning the whole picture.
func (p *Photo) resize(part image.Rectangle, width, height int) *image.NRGBA {
	if p.swaps() {
		width, height = height, width
	}
	stored := subImage(p.stored, p.storedPart(part, p.stored.Bounds().Size()))
	return p.upright(imaging.Resize(onWhite(stored), width, height, imaging.CatmullRom))
}

// subImage returns a part of a picture without copying pixels. part is relative to the
// picture's corner.
func subImage(picture image.Image, part image.Rectangle) image.Image {
	part = part.Add(picture.Bounds().Min)
	if part == picture.Bounds() {
		return picture
	}
	if p, ok := picture.(interface {
		SubImage(image.Rectangle) image.Image
	}); ok {
		return p.SubImage(part)
	}
	return imaging.Crop(picture, part)
}

// onWhite returns the picture on a white ground.
func onWhite(picture image.Image) image.Image {
	if p, ok := picture.(interface{ Opaque() bool }); ok && p.Opaque() {
		return picture
	}
	size := picture.Bounds().Size()
	return imaging.Overlay(imaging.New(size.X, size.Y, color.White), picture, image.Point{}, 1)
}

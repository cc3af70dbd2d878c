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

// Limits bound what reading photos may take.
type Limits struct {
	// Memory is how many bytes decoding one picture may take; 0 means
	// DefaultMemory. A JPEG takes 1.5 bytes a pixel, or 3 without subsampling, and
	// five times as much if it is progressive; other formats up to 24.
	Memory int64
}

// DefaultMemory lets progressive JPEGs of 200 megapixels through.
const DefaultMemory = 1536 << 20

// Photo is a decoded picture.
type Photo struct {
	stored image.Image // as it is in the file
	orientation
}

// Of is a picture that is decoded already, and upright.
func Of(picture image.Image) *Photo { return &Photo{stored: picture} }

// Read decodes the picture in r, from its start on. Pictures that would take more than
// the limits allow are refused by their header.
func Read(r io.ReadSeeker, limits Limits) (*Photo, error) {
	h, err := checkHeader(r, limits)
	if err != nil {
		return nil, err
	}
	return decode(r, h)
}

// checkHeader reads the header and refuses what would take too much.
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

// TooLargeError is the error of a picture that would take more memory than it may.
type TooLargeError struct {
	Width, Height int
	// Memory is how many bytes decoding would take, Limit how many it may.
	Memory, Limit int64
}

const megabyte = 1 << 20

// Megabytes is how many of 2^20 bytes would do.
func (e *TooLargeError) Megabytes() int64 { return (e.Memory + megabyte - 1) / megabyte }

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("image of %dx%d pixels would take %d MB to decode, more than the %d MB allowed",
		e.Width, e.Height, e.Megabytes(), e.Limit/megabyte)
}

// decode decodes the picture whose header was read.
func decode(r io.ReadSeeker, h header) (photo *Photo, err error) {
	// The decoders are known to survive bad input, but it comes from anywhere.
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

// decodeGIF decodes the first frame, which may cover a part of the canvas alone.
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

// Size is the height and the width of the upright picture in pixels.
func (p *Photo) Size() (height, width int) {
	size := p.stored.Bounds().Size()
	if p.swaps() {
		return size.X, size.Y
	}
	return size.Y, size.X
}

// Fill returns the upright picture as pixels of three channels, shape [height, width,
// 3]: the largest part of these proportions in its middle, resized with the Catmull-Rom
// spline. A picture of this size keeps its pixels.
func (p *Photo) Fill(height, width int) []uint8 {
	h, w := p.Size()
	// Cropped first: a line of pixels would be resized to something huge.
	part := p.resize(middle(h, w, height, width), width, height)
	const channels = 3
	pixels := make([]uint8, height*width*channels)
	for i := range height * width {
		copy(pixels[channels*i:channels*(i+1)], part.Pix[4*i:])
	}
	return pixels
}

// Fit returns the whole upright picture, reduced to at most side pixels a side with the
// Lanczos filter.
func (p *Photo) Fit(side int) *image.NRGBA {
	stored := onWhite(p.stored)
	if size := stored.Bounds().Size(); max(size.X, size.Y) > side {
		return p.upright(imaging.Fit(stored, side, side, imaging.Lanczos))
	}
	return p.upright(imaging.Clone(stored))
}

// resize resizes a part of the upright picture. Only the result is turned, which takes
// less than turning the picture.
func (p *Photo) resize(part image.Rectangle, width, height int) *image.NRGBA {
	if p.swaps() {
		width, height = height, width
	}
	stored := subImage(p.stored, p.storedPart(part, p.stored.Bounds().Size()))
	return p.upright(imaging.Resize(onWhite(stored), width, height, imaging.CatmullRom))
}

// subImage is a part of a picture, by places counted from its corner, without its pixels
// being copied.
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

// onWhite is what is seen of a picture on a white ground.
func onWhite(picture image.Image) image.Image {
	if p, ok := picture.(interface{ Opaque() bool }); ok && p.Opaque() {
		return picture
	}
	size := picture.Bounds().Size()
	return imaging.Overlay(imaging.New(size.X, size.Y, color.White), picture, image.Point{}, 1)
}

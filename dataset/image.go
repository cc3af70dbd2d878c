package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/disintegration/imaging"
)

// maxPixels is the largest image that is decoded: 8192x8192 in 256 MB.
const maxPixels = 1 << 26

// DecodeImage reads one PNG or JPEG image, turned upright as its EXIF data
// says. Other formats are refused by their first bytes, and images of more
// than 2^26 pixels by their header. Of an animation the first frame counts;
// what is transparent is seen on white.
func DecodeImage(r io.ReadSeeker) (decoded *image.NRGBA, err error) {
	// The decoders are known to survive bad input, but it comes from anywhere.
	defer func() {
		if fault := recover(); fault != nil {
			decoded, err = nil, fmt.Errorf("decode image: %v", fault)
		}
	}()
	size, err := imageSize(r)
	if err != nil {
		return nil, err
	}
	if size.Width <= 0 || size.Height <= 0 || size.Width > maxPixels/size.Height {
		return nil, fmt.Errorf("image of %dx%d pixels is outside 1..%d pixels", size.Width, size.Height, maxPixels)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	oriented, err := imaging.Decode(r, imaging.AutoOrientation(true))
	if err != nil {
		return nil, fmt.Errorf("decode image: %w", err)
	}
	whole := imaging.Clone(oriented)
	if whole.Opaque() {
		return whole, nil
	}
	white := imaging.New(whole.Rect.Dx(), whole.Rect.Dy(), color.White)
	return imaging.Overlay(white, whole, image.Point{}, 1), nil
}

// imageSize reads the header of a PNG or JPEG image. The image package would
// take every format that any package of the program registers; TIFF is one.
func imageSize(r io.ReadSeeker) (image.Config, error) {
	magic := make([]byte, 8)
	n, err := io.ReadFull(r, magic)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return image.Config{}, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return image.Config{}, err
	}
	switch magic = magic[:n]; {
	case n == 0:
		return image.Config{}, errors.New("is empty")
	case bytes.HasPrefix(magic, []byte("\x89PNG\r\n\x1a\n")):
		return png.DecodeConfig(r)
	case bytes.HasPrefix(magic, []byte("\xff\xd8\xff")):
		return jpeg.DecodeConfig(r)
	}
	return image.Config{}, fmt.Errorf("is no PNG or JPEG image: it starts with %q", magic)
}

// OpenImage decodes the PNG or JPEG file at path as [DecodeImage] does. What is
// wrong with it is an [*Error].
func OpenImage(path string) (*image.NRGBA, error) {
	file, err := openImage(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer file.Close()
	decoded, err := DecodeImage(file)
	if err != nil {
		return nil, fileError(path, err)
	}
	return decoded, nil
}

// Fill returns a picture as pixels of a [Set], shape [height, width, 3]: the
// largest part of these proportions in its middle, resized with the Catmull-Rom
// spline. A picture of this size keeps its pixels.
func Fill(picture *image.NRGBA, height, width int) []uint8 {
	w, h := picture.Rect.Dx(), picture.Rect.Dy()
	cut := image.Pt(min(w, max(h*width/height, 1)), min(h, max(w*height/width, 1)))
	// Cropped first: a line of pixels would be resized to something huge.
	part := imaging.Resize(imaging.CropCenter(picture, cut.X, cut.Y), width, height, imaging.CatmullRom)
	pixels := make([]uint8, height*width*channels)
	for i := range height * width {
		copy(pixels[channels*i:channels*(i+1)], part.Pix[4*i:])
	}
	return pixels
}

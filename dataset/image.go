package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/disintegration/imaging"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

const (
	// maxPixels is the largest image that is decoded. With 16 bits a sample, in
	// interlaced lines, it takes some 800 MB on the way to its 128 MB.
	maxPixels = 1 << 25
	// maxSide is the longest side, that of JPEG: what resizing takes grows with
	// the side, whatever the other one is.
	maxSide = 1<<16 - 1
)

// DecodeImage reads one PNG or JPEG image, a JPEG turned upright as its EXIF
// data says. Other formats are refused by their first bytes, and images of more
// than 2^25 pixels, or 65,535 a side, by their header. Of an animation the first
// frame counts; what is transparent is seen on white.
func DecodeImage(r io.ReadSeeker) (decoded *image.NRGBA, err error) {
	// The decoders are known to survive bad input, but it comes from anywhere.
	defer func() {
		if fault := recover(); fault != nil {
			decoded, err = nil, fmt.Errorf("decode image: %v", fault)
		}
	}()
	if _, err := countPixels(r); err != nil {
		return nil, err
	}
	oriented, err := imaging.Decode(r, imaging.AutoOrientation(true))
	if err != nil {
		return nil, fmt.Errorf("decode image: %w", err)
	}
	whole, ok := oriented.(*image.NRGBA)
	if !ok {
		whole = imaging.Clone(oriented)
	}
	if whole.Opaque() {
		return whole, nil
	}
	white := imaging.New(whole.Rect.Dx(), whole.Rect.Dy(), color.White)
	return imaging.Overlay(white, whole, image.Point{}, 1), nil
}

// countPixels tells how many pixels an image has, by its header, and refuses
// too many. It leaves r at its start.
func countPixels(r io.ReadSeeker) (int64, error) {
	size, err := imageSize(r)
	if err != nil {
		return 0, err
	}
	w, h := int64(size.Width), int64(size.Height)
	if w < 1 || h < 1 || max(w, h) > maxSide || w*h > maxPixels {
		return 0, fmt.Errorf("image of %dx%d pixels is outside 1..%d pixels of at most %d a side: reduce it", w, h, maxPixels, maxSide)
	}
	_, err = r.Seek(0, io.SeekStart)
	return w * h, err
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

// OpenImages decodes the PNG or JPEG files at the paths as [DecodeImage] does,
// on all cores, and hands each to use: from several goroutines and in any order,
// with its place among the paths, and with an [*Error] if it cannot be read. The
// images that are there at once have no more pixels together than a single one
// may have. An error of use ends the work and is returned.
func OpenImages(ctx context.Context, paths []string, use func(i int, picture *image.NRGBA, err error) error) error {
	room := semaphore.NewWeighted(maxPixels)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, path := range paths {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			file, pixels, err := openImage(path)
			if err != nil {
				return use(i, nil, fileError(path, err))
			}
			defer file.Close()
			if err := room.Acquire(ctx, pixels); err != nil {
				return err
			}
			defer room.Release(pixels)
			picture, err := DecodeImage(file)
			if err != nil {
				return use(i, nil, fileError(path, err))
			}
			return use(i, picture, nil)
		})
	}
	return group.Wait()
}

// openImage opens a plain file, since anything else might never end, and tells
// how many pixels its image has.
func openImage(path string) (file *os.File, pixels int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, plainCause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("is a %s, not a file", kindOf(info.Mode()&fs.ModeType))
	}
	if file, err = os.Open(path); err != nil {
		return nil, 0, err
	}
	if pixels, err = countPixels(file); err != nil {
		_ = file.Close() // it was read
		return nil, 0, err
	}
	return file, pixels, nil
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

package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"onnxlab/internal/resize"
)

// Source returns labelled images of one size by their number. A [Set] is a Source, whether
// its images are in memory or are read when they are needed. A Source must be safe for
// concurrent use.
type Source interface {
	// Len returns the number of images.
	Len() int
	// Size returns the height and the width of every image in pixels.
	Size() (height, width int)
	// Label returns the class of image i.
	Label(i int) int32
	// ReadImage writes image i into dst, shape [height, width, channels]. choose, if not nil, is
	// called once with the size of the original, upright and in pixels, and returns the
	// part that is resized to the size of images. If that part is empty, or choose is nil,
	// the image is transformed as for evaluation. ReadImage stops when ctx is done.
	ReadImage(ctx context.Context, i int, dst []uint8, choose func(height, width int) image.Rectangle) error
}

// Stream reads the images of a set that are not in memory.
type Stream interface {
	// ReadImage is as in Source, with the channels of the set.
	ReadImage(ctx context.Context, i int, dst []uint8, choose func(height, width int) image.Rectangle) error
	// WriteIdentity writes what identifies the first n images, without reading them: their
	// names and sizes, and how they are decoded.
	WriteIdentity(w io.Writer, n int)
	// Original opens the file of image i.
	Original(i int) (io.ReadSeekCloser, error)
}

// NewStreamed returns the set without pixels, which are read from the stream when they are
// needed.
func NewStreamed(s Set, stream Stream) *Set {
	s.Pixels, s.drawing, s.stream = nil, nil, stream
	return &s
}

// Streams reports whether the images are read when they are needed. In that case Image and
// Images return nil: use ReadImage and ReadImages, which return errors.
func (s *Set) Streams() bool { return s.stream != nil }

// ReadImage implements Source.
func (s *Set) ReadImage(ctx context.Context, i int, dst []uint8, choose func(height, width int) image.Rectangle) error {
	if i < 0 || i >= s.Len() {
		return fmt.Errorf("read image: %d is outside 0..%d", i, s.Len()-1)
	}
	if len(dst) != s.imageSize() {
		return fmt.Errorf("read image: dst has %d bytes, but %d are needed", len(dst), s.imageSize())
	}
	if s.stream != nil {
		return s.stream.ReadImage(ctx, i, dst, choose)
	}
	if choose != nil {
		if part := choose(s.Height, s.Width); !part.Empty() {
			return s.resizePart(dst, i, part)
		}
	}
	copy(dst, s.Image(i))
	return nil
}

// resizePart resizes a part of an image in memory to the image's own size.
func (s *Set) resizePart(dst []uint8, i int, part image.Rectangle) error {
	one := Set{Height: s.Height, Width: s.Width, Grey: s.Grey, Pixels: s.Image(i), Labels: s.Labels[i : i+1]}
	resized := dst
	if s.Grey {
		resized = make([]uint8, colour*len(dst))
	}
	err := new(resize.Resizer).Resize(resized, resize.Picture{Pixels: one.InColour().Pixels, Height: s.Height, Width: s.Width}, resize.To{
		Box:    resize.Box{Left: float64(part.Min.X), Top: float64(part.Min.Y), Right: float64(part.Max.X), Bottom: float64(part.Max.Y)},
		Height: s.Height, Width: s.Width, Window: image.Rect(0, 0, s.Width, s.Height),
	})
	if s.Grey {
		GreyOf(dst, resized)
	}
	return err
}

// Original opens the file of image i of a set that Streams, in its original form.
func (s *Set) Original(i int) (io.ReadSeekCloser, error) {
	if s.stream == nil || i < 0 || i >= s.Len() {
		return nil, fmt.Errorf("open original: image %d of %q has no file", i, s.Name)
	}
	return s.stream.Original(i)
}

// ReadImages returns the images from..to-1, shape [to-from, Height, Width, 3]. Those in
// memory share it. Others are read on all cores, into buffer if it is large enough.
func (s *Set) ReadImages(ctx context.Context, from, to int, buffer []uint8) ([]uint8, error) {
	if s.stream == nil {
		return s.Images(from, to), ctx.Err()
	}
	n := s.imageSize()
	if need := n * (to - from); cap(buffer) < need {
		buffer = make([]uint8, need)
	}
	buffer = buffer[:n*(to-from)]
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := from; i < to && working.Err() == nil; i++ {
		group.Go(func() error {
			return s.ReadImage(working, i, buffer[n*(i-from):n*(i-from+1):n*(i-from+1)], nil)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return buffer, ctx.Err()
}

// streamHash returns the hash of a set whose images are not in memory.
func (s *Set) streamHash() string {
	h := sha256.New()
	fmt.Fprintln(h, "streamed images, form 1")
	s.hashHead(h)
	s.stream.WriteIdentity(h, s.Len())
	return hex.EncodeToString(h.Sum(nil))
}

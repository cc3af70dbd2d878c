package photo

import (
	"context"
	"fmt"
	"image"
	"io"
	"sync"

	"golang.org/x/sync/semaphore"

	"onnxlab/dataset"
)

// Files has the pictures that a Stream reads.
type Files struct {
	// Open opens picture i.
	Open func(i int) (File, error)
	// Path returns the name of picture i in messages, Name its name within the set, and
	// Bytes its size.
	Path, Name func(i int) string
	Bytes      func(i int) int64
	// Next returns the picture that replaces one that cannot be read, which must be of the
	// same class. If it is nil, such a picture is an error.
	Next func(i int) int
}

// StreamOptions says how pictures become images.
type StreamOptions struct {
	Height, Width int
	Transform     Transform
	Decoder       Decoder
	Limits        Limits
	// Memory is the largest number of bytes for all decoding at the same time; 0 means 256
	// MB. A picture that takes more is decoded alone.
	Memory int64
}

// Stream reads pictures when they are needed. It is a [dataset.Stream] and safe for
// concurrent use.
type Stream struct {
	files   Files
	o       StreamOptions
	cutters sync.Pool
	size    int64
	room    *semaphore.Weighted
}

// NewStream returns a stream of the files.
func NewStream(files Files, o StreamOptions) *Stream {
	s := &Stream{files: files, o: o, size: o.Memory}
	if s.size <= 0 {
		s.size = 256 << 20
	}
	s.room = semaphore.NewWeighted(s.size)
	s.cutters.New = func() any { return &Cutter{Decoder: o.Decoder, Limits: o.Limits} }
	return s
}

// maxBroken is the largest number of pictures in a row that may be replaced.
const maxBroken = 100

// ReadImage implements [dataset.Stream]. If something is wrong with a file, the error is a
// [*dataset.Error].
func (s *Stream) ReadImage(ctx context.Context, i int, dst []uint8, choose func(height, width int) image.Rectangle) error {
	wanted := s.read(ctx, i, dst, choose)
	if wanted == nil || ctx.Err() != nil {
		return wanted
	}
	if s.files.Next != nil {
		for other, tries := s.files.Next(i), 0; other != i && tries < maxBroken; other, tries = s.files.Next(other), tries+1 {
			if err := s.read(ctx, other, dst, choose); err == nil || ctx.Err() != nil {
				return err
			}
		}
	}
	return dataset.FileError(s.files.Path(i), wanted)
}

func (s *Stream) read(ctx context.Context, i int, dst []uint8, choose func(height, width int) image.Rectangle) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	file, err := s.files.Open(i)
	if err != nil {
		return err
	}
	defer file.Close()
	cutter := s.cutters.Get().(*Cutter)
	defer s.cutters.Put(cutter)
	var taken int64
	cutter.reserve = func(bytes int64) error {
		wanted := min(bytes+s.files.Bytes(i), s.size)
		if err := s.room.Acquire(ctx, wanted); err != nil {
			return err
		}
		taken = wanted
		return nil
	}
	defer func() { s.room.Release(taken) }()
	err = cutter.Read(file, func(height, width int) Cut { return s.cut(height, width, choose) }, dst)
	cutter.trim()
	return err
}

// cut returns the cut for a picture of this size.
func (s *Stream) cut(height, width int, choose func(height, width int) image.Rectangle) Cut {
	if choose != nil {
		if box := choose(height, width); !box.Empty() {
			cut := Whole(box, s.o.Height, s.o.Width)
			cut.Reduce = true
			return cut
		}
	}
	return s.o.Transform.Cut(height, width, s.o.Height, s.o.Width)
}

// WriteIdentity implements [dataset.Stream]. It writes the names and sizes of the files,
// and how they are decoded.
func (s *Stream) WriteIdentity(w io.Writer, n int) {
	fmt.Fprintf(w, "%s\n%s\n", s.o.Decoder, s.o.Transform)
	for i := range n {
		fmt.Fprintf(w, "%q %d\n", s.files.Name(i), s.files.Bytes(i))
	}
}

// Original implements [dataset.Stream].
func (s *Stream) Original(i int) (io.ReadSeekCloser, error) {
	file, err := s.files.Open(i)
	if err != nil {
		return nil, dataset.FileError(s.files.Path(i), err)
	}
	return file, nil
}

// ReadAll reads all pictures, transformed as for evaluation, on all cores. It calls use for
// each, with its number and its pixels, or with the error if it cannot be read, from
// several goroutines and in any order. If use returns an error, ReadAll stops and returns
// it.
func (s *Stream) ReadAll(ctx context.Context, n int, use func(i int, pixels []uint8, err error) error) error {
	return together(ctx, n, func(ctx context.Context, i int) error {
		pixels := make([]uint8, 3*s.o.Height*s.o.Width)
		err := s.read(ctx, i, pixels, nil)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return use(i, pixels, err)
	})
}

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

// Files are pictures that a Stream reads.
type Files struct {
	// Open opens picture i.
	Open func(i int) (File, error)
	// Path names it in messages, Name within the set, and Bytes is its size.
	Path, Name func(i int) string
	Bytes      func(i int) int64
	// Next is the picture that takes the place of one that cannot be read, one of the same
	// class; nil makes that an error.
	Next func(i int) int
}

// StreamOptions say what becomes of the pictures.
type StreamOptions struct {
	Height, Width int
	Transform     Transform
	Decoder       Decoder
	Limits        Limits
	// Memory is how many bytes decoding may take at once; 0 means 256 MB. A picture that
	// takes more by itself is decoded alone.
	Memory int64
}

// Stream reads pictures when they are asked for: a [dataset.Stream]. Any number of
// goroutines read at once.
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

// mostBroken is how many pictures in a row may fail where others take their places.
const mostBroken = 100

// ReadImage implements [dataset.Stream]. What is wrong with a file is a [*dataset.Error].
func (s *Stream) ReadImage(ctx context.Context, i int, dst []uint8, choose func(height, width int) image.Rectangle) error {
	wanted := s.read(ctx, i, dst, choose)
	if wanted == nil || ctx.Err() != nil {
		return wanted
	}
	if s.files.Next != nil {
		for other, tries := s.files.Next(i), 0; other != i && tries < mostBroken; other, tries = s.files.Next(other), tries+1 {
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

// cut is what is wanted of a picture of this size.
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

// WriteIdentity implements [dataset.Stream]: the names and sizes of the files, and what
// decodes them.
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

// ReadAll reads all pictures as they are evaluated, on all cores, and hands the pixels of
// each to use with its number, from several goroutines and in any order, or the error if
// it cannot be read. An error of use ends the work and is returned.
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

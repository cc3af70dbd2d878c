package batch

import (
	"context"
	"errors"
	"fmt"
	"image"
	"runtime"
	"sync"
	"time"

	"onnxlab/augment"
)

// Source is a set of images of one size and their labels. The images have 3 channels, or, if
// the source has a method Channels() int, as many as it returns: 3 or 1. Several goroutines
// read a source at once.
type Source interface {
	Len() int
	Size() (height, width int)
	// Image returns the height·width·channels bytes of image i. The caller does not
	// change them.
	Image(i int) []uint8
	Label(i int) int32
}

// Streamer is a Source, such as a dataset.Set, that can read each image when it is needed.
// If Streams returns true, images are read with ReadImage. It calls choose with the size of
// the original in pixels, resizes the part that choose returns, or the whole image if that
// is empty, and writes it into dst.
type Streamer interface {
	Streams() bool
	ReadImage(ctx context.Context, i int, dst []uint8, choose func(height, width int) image.Rectangle) error
}

// channelsOf returns how many channels the images of a source have.
func channelsOf(s Source) int {
	if c, ok := s.(interface{ Channels() int }); ok {
		return c.Channels()
	}
	return 3
}

// LoaderOptions say what batches are made of, and how.
type LoaderOptions struct {
	// Seed determines the order of the images and all plans.
	Seed uint64
	// BatchSize is the number of images in a batch, at most the number in the source.
	BatchSize int
	// Recipe changes the images; nil changes nothing.
	Recipe *augment.Recipe
	// Balance draws every class that occurs equally often, in epochs of the same length.
	// Images of small classes come several times, each time changed in another way, and
	// some images of large classes do not come at all.
	Balance bool
	// Mixing mixes each image of a batch, after the recipe has changed it, with the image
	// before it, and the first with the last. Read such batches with NextMixed.
	Mixing Mixing
	// Workers is how many goroutines make images; 0 means GOMAXPROCS, and twice as many for a
	// source that streams: while one waits for a file, or the decoder in C returns, another has
	// its core. It does not change what is in a batch.
	Workers int
	// Prefetch is how many batches are made ahead; 0 means 2.
	Prefetch int
	// Epoch and Step say which batch is the first: any step of any epoch,
	// counted from 0.
	Epoch, Step int
}

const defaultPrefetch = 2

// check fills in the defaults and returns an error if an option is out of range.
func (o *LoaderOptions) check(source Source) error {
	images := source.Len()
	switch {
	case o.BatchSize < 1:
		return fmt.Errorf("train.batch_size: %d is below 1", o.BatchSize)
	case o.BatchSize > images:
		return fmt.Errorf("train.batch_size: %d is more than the %d images there are to train on: lower it, or raise data.train", o.BatchSize, images)
	case o.Workers < 0:
		return fmt.Errorf("workers: %d is below 0", o.Workers)
	case o.Prefetch < 0:
		return fmt.Errorf("prefetch: %d is below 0", o.Prefetch)
	case o.Epoch < 0:
		return fmt.Errorf("epoch: %d is below 0", o.Epoch)
	case o.Step < 0 || o.Step >= images/o.BatchSize:
		return fmt.Errorf("step: %d is outside 0..%d, the steps of an epoch", o.Step, images/o.BatchSize-1)
	}
	if err := o.Mixing.check(); err != nil {
		return err
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
		if s, ok := source.(Streamer); ok && s.Streams() {
			o.Workers *= 2
		}
	}
	if o.Prefetch == 0 {
		o.Prefetch = defaultPrefetch
	}
	return nil
}

// Loader makes batches of augmented images ahead of the training loop that reads
// them. One goroutine at a time may call Next. Close it when done.
type Loader struct {
	source  Source
	options LoaderOptions
	// free batches are empty, ordered ones are being made or ready, in the
	// order in which Next gives them out.
	free, ordered chan *batch
	tasks         chan task
	// current is the batch that Next had taken when its context ended.
	current *batch
	stop    context.CancelFunc
	stopped context.Context
	running sync.WaitGroup
}

// ErrClosed is what Next returns after Close.
var ErrClosed = errors.New("read batch: the loader is closed")

// NewLoader starts making batches. The incomplete last batch of an epoch is
// dropped, and every epoch has a different order.
func NewLoader(source Source, options LoaderOptions) (*Loader, error) {
	if err := options.check(source); err != nil {
		return nil, err
	}
	height, width := source.Size()
	if err := augment.CheckSides(height, width); err != nil {
		return nil, fmt.Errorf("read batches: %w", err)
	}
	if c := channelsOf(source); c != 1 && c != 3 {
		return nil, fmt.Errorf("read batches: images of %d channels, want 3 or 1", c)
	}
	if options.Recipe == nil {
		none, err := augment.NewRecipe("none", string(augment.Keras2018))
		if err != nil {
			return nil, err
		}
		options.Recipe = none
	}
	l := &Loader{
		source:  source,
		options: options,
		free:    make(chan *batch, options.Prefetch),
		ordered: make(chan *batch, options.Prefetch),
		tasks:   make(chan task, options.Workers),
	}
	l.stopped, l.stop = context.WithCancel(context.Background())
	for range options.Prefetch {
		l.free <- newBatch(options.BatchSize, height*width*channelsOf(source), options.Mixing.mixes())
	}
	l.running.Go(l.schedule)
	for range options.Workers {
		l.running.Go(l.work)
	}
	return l, nil
}

// Workers is how many goroutines make images.
func (l *Loader) Workers() int { return l.options.Workers }

// StepsPerEpoch is the number of full batches in an epoch.
func (l *Loader) StepsPerEpoch() int { return l.source.Len() / l.options.BatchSize }

// Next fills images, BatchSize·height·width·channels bytes, and labels, BatchSize,
// with the next batch. It goes on from epoch to epoch without end. wait is how
// long Next waited for the batch. It does not allocate. If ctx ends, no batch
// is lost: the next call returns it. Next returns an error if an image of the
// batch cannot be read or does not have the size of the source.
func (l *Loader) Next(ctx context.Context, images []uint8, labels []int64) (wait time.Duration, err error) {
	if l.options.Mixing.mixes() {
		return 0, errors.New("read batch: its images are mixed and have two labels each: call NextMixed")
	}
	return l.read(ctx, images, labels, nil, nil)
}

// NextMixed is Next for batches that are mixed. It also fills second with the BatchSize
// labels of the images that were mixed in, and shares with the BatchSize shares, in 0..1, of
// the images that labels belong to. The image mixed in has the share 1 - share. An image
// that is not mixed has the share 1.
func (l *Loader) NextMixed(ctx context.Context, images []uint8, labels, second []int64, shares []float32) (wait time.Duration, err error) {
	if n := l.options.BatchSize; len(second) != n || len(shares) != n {
		return 0, fmt.Errorf("read batch: needs room for %d second labels and shares, got %d and %d", n, len(second), len(shares))
	}
	return l.read(ctx, images, labels, second, shares)
}

// read is NextMixed; second and shares are nil if the caller does not want them.
func (l *Loader) read(ctx context.Context, images []uint8, labels, second []int64, shares []float32) (wait time.Duration, err error) {
	height, width := l.source.Size()
	if size := l.options.BatchSize * height * width * channelsOf(l.source); len(images) != size || len(labels) != l.options.BatchSize {
		return 0, fmt.Errorf("read batch: needs room for %d bytes and %d labels, got %d and %d", size, l.options.BatchSize, len(images), len(labels))
	}
	if l.stopped.Err() != nil {
		return 0, ErrClosed
	}
	start := time.Now()
	b, err := l.next(ctx)
	wait = time.Since(start)
	if err != nil {
		return wait, err
	}
	copy(images, b.images)
	copy(labels, b.labels)
	b.copyMixed(second, shares)
	if wrong := b.wrong.Load(); wrong != nil {
		err = *wrong
	}
	l.free <- b
	return wait, err
}

// next waits until the next batch is ready.
func (l *Loader) next(ctx context.Context) (*batch, error) {
	if err := ctx.Err(); err != nil { // even if a batch is ready
		return nil, err
	}
	if l.current == nil {
		select {
		case l.current = <-l.ordered:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.stopped.Done():
			return nil, ErrClosed
		}
	}
	select {
	case <-l.current.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.stopped.Done():
		return nil, ErrClosed
	}
	b := l.current
	l.current = nil
	return b, nil
}

// Close stops the loader's goroutines and waits until they have ended. It
// may be called again.
func (l *Loader) Close() {
	l.stop()
	l.running.Wait()
}

package batch

import (
	"fmt"
	"image"
	"sync/atomic"

	"onnxlab/augment"
)

// batch is a batch that is being made or waits to be read.
type batch struct {
	epoch  uint64
	picks  []pick
	images []uint8
	labels []int64
	// second and shares are the second labels and the shares of mixed images; nil if
	// images are not mixed.
	second []int64
	shares []float32
	// wrong is the error of an image that could not be made; nil if there is none.
	wrong atomic.Pointer[error]
	// missing counts the images that are not made yet. The worker that makes
	// the last one sends on ready.
	missing atomic.Int64
	ready   chan struct{}
}

func newBatch(size, imageBytes int, mixed bool) *batch {
	b := &batch{
		picks:  make([]pick, size),
		images: make([]uint8, size*imageBytes),
		labels: make([]int64, size),
		ready:  make(chan struct{}, 1),
	}
	if mixed {
		b.second, b.shares = make([]int64, size), make([]float32, size)
	}
	return b
}

// task is the images from..to-1 of a batch.
type task struct {
	*batch
	from, to int
}

// taskImages is how many images a worker takes at once: few enough that all
// workers finish a batch at about the same time, and enough that handing them
// out takes no time in comparison.
const taskImages = 16

// schedule decides which images are in each batch and hands them out to the workers.
func (l *Loader) schedule() {
	order := newOrder(l.source, l.options)
	step := l.options.Step
	for epoch := uint64(l.options.Epoch); ; epoch++ {
		picks := order.epoch(epoch)
		for ; step < l.StepsPerEpoch(); step++ {
			size := l.options.BatchSize
			if !l.hand(epoch, picks[step*size:(step+1)*size]) {
				return
			}
		}
		step = 0
	}
}

// hand hands out one batch. It returns false if the loader is closed first.
func (l *Loader) hand(epoch uint64, picks []pick) bool {
	var b *batch
	select {
	case b = <-l.free:
	case <-l.stopped.Done():
		return false
	}
	b.epoch = epoch
	copy(b.picks, picks)
	b.wrong.Store(nil)
	b.missing.Store(int64(len(picks)))
	l.ordered <- b // has room for all batches
	for from := 0; from < len(picks); from += taskImages {
		select {
		case l.tasks <- task{b, from, min(from+taskImages, len(picks))}:
		case <-l.stopped.Done():
			return false
		}
	}
	return true
}

// work makes images until the loader is closed.
func (l *Loader) work() {
	w := worker{drawer: augment.NewDrawer(l.options.Recipe, l.options.Seed)}
	var last []uint8 // a copy of a batch's last image, if images are mixed
	if l.options.Mixing.mixes() {
		height, width := l.source.Size()
		last = make([]uint8, height*width*channelsOf(l.source))
	}
	for {
		select {
		case t := <-l.tasks:
			for i := t.from; i < t.to; i++ {
				l.make(t.batch, i, &w)
			}
			if t.missing.Add(int64(t.from-t.to)) == 0 {
				if last != nil {
					l.mix(t.batch, last)
				}
				t.ready <- struct{}{}
			}
		case <-l.stopped.Done():
			return
		}
	}
}

// worker is the memory in which one goroutine makes images.
type worker struct {
	drawer *augment.Drawer
	space  augment.Workspace
	read   []uint8 // one image, if the source streams
}

// make makes the image and the label at a position of a batch.
func (l *Loader) make(b *batch, position int, w *worker) {
	height, width := l.source.Size()
	size, picked := height*width*channelsOf(l.source), b.picks[position]
	plan := w.drawer.Draw(b.epoch, picked.sample(), height, width)
	image, err := l.image(b.epoch, picked, plan, w, size)
	if err == nil {
		if err = w.space.Apply(plan, b.images[position*size:(position+1)*size], image, height, width); err != nil {
			err = fmt.Errorf("cannot be changed: %w", err)
		}
	}
	if err != nil {
		wrong := fmt.Errorf("read batch: image %d of the source %w", picked.image, err)
		b.wrong.Store(&wrong)
		return
	}
	b.labels[position] = int64(l.source.Label(int(picked.image)))
}

// image returns the pixels of an image. If the source streams, image reads the part that the
// plan's crop picks, and removes the crop from the plan.
func (l *Loader) image(epoch uint64, picked pick, plan *augment.Plan, w *worker, size int) ([]uint8, error) {
	index := int(picked.image)
	if s, ok := l.source.(Streamer); ok && s.Streams() {
		if w.read == nil {
			w.read = make([]uint8, size)
		}
		err := s.ReadImage(l.stopped, index, w.read, func(height, width int) image.Rectangle {
			return w.drawer.Crop(epoch, picked.sample(), height, width).Rectangle()
		})
		if err != nil {
			return nil, fmt.Errorf("cannot be read: %w", err)
		}
		plan.Crop = augment.Crop{}
		return w.read, nil
	}
	pixels := l.source.Image(index)
	if len(pixels) != size {
		height, width := l.source.Size()
		return nil, fmt.Errorf("has %d bytes, want the %d of %dx%dx%d", len(pixels), size, height, width, channelsOf(l.source))
	}
	return pixels, nil
}

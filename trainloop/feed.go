package trainloop

import (
	"context"
	"time"

	"onnxlab/augment/batch"
	"onnxlab/dataset"
	"onnxlab/ort/session"
)

// feed delivers the batches of an experiment to a trainer.
type feed interface {
	// StepsPerEpoch is the number of full batches in an epoch.
	StepsPerEpoch() int
	// into makes the feed write its batches into the trainer's memory. It is called once,
	// before next.
	into(*session.Trainer)
	// next makes the next batch, and returns how long it had to wait for it.
	next(context.Context) (wait time.Duration, err error)
	// train does a training step on the batch.
	train(rate float64, dropoutSeed uint64) (session.Result, error)
	// Close stops the goroutines that make batches.
	Close()
}

// imageFeed feeds images.
type imageFeed struct {
	*batch.Loader
	mixes   bool
	trainer *session.Trainer
	images  []uint8
	labels  []int64
	// second and shares are the second labels and the shares of mixed images; nil if images
	// are not mixed.
	second []int64
	shares []float32
}

// targetFeed feeds images that may have several classes. Its loader delivers the numbers of
// the images as labels.
type targetFeed struct {
	imageFeed
	set     *dataset.Set
	targets []float32
}

// numbered is a set in which the label of each image is its number.
type numbered struct{ *dataset.Set }

// Label returns the number of the image.
func (numbered) Label(i int) int32 { return int32(i) }

func (f *targetFeed) into(t *session.Trainer) {
	f.trainer = t
	f.images, f.targets = t.TargetBatch()
	size := len(f.targets) / len(f.set.Classes)
	f.labels = make([]int64, size)
	if f.mixes {
		f.second, f.shares = make([]int64, size), make([]float32, size)
	}
}

func (f *targetFeed) train(rate float64, dropoutSeed uint64) (session.Result, error) {
	for i, number := range f.labels {
		row := f.targets[i*len(f.set.Classes) : (i+1)*len(f.set.Classes)]
		for k, target := range f.set.Target(int(number)) {
			row[k] = float32(target)
		}
		if !f.mixes {
			continue
		}
		for k, target := range f.set.Target(int(f.second[i])) {
			row[k] = f.shares[i]*row[k] + (1-f.shares[i])*float32(target)
		}
	}
	return f.trainer.StepTargets(f.images, f.targets, rate, dropoutSeed)
}

func (f *imageFeed) into(t *session.Trainer) {
	f.trainer = t
	f.images, f.labels = t.Batch()
	if f.mixes {
		f.second, f.shares = make([]int64, len(f.labels)), make([]float32, len(f.labels))
	}
}

func (f *imageFeed) next(ctx context.Context) (wait time.Duration, err error) {
	if !f.mixes {
		return f.Next(ctx, f.images, f.labels)
	}
	return f.NextMixed(ctx, f.images, f.labels, f.second, f.shares)
}

func (f *imageFeed) train(rate float64, dropoutSeed uint64) (session.Result, error) {
	return f.trainer.StepMixed(f.images, f.labels, f.second, f.shares, rate, dropoutSeed)
}

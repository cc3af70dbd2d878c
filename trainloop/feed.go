package trainloop

import (
	"context"
	"time"

	"onnxlab/augment/batch"
	"onnxlab/ort/session"
)

// feed brings the batches of an experiment to a trainer.
type feed interface {
	// StepsPerEpoch is the number of full batches in an epoch.
	StepsPerEpoch() int
	// into has the batches made in memory of the trainer, before the first one is.
	into(*session.Trainer)
	// next makes the next batch, and tells how long it was not ready.
	next(context.Context) (wait time.Duration, err error)
	// train does a step on the batch.
	train(rate float64, dropoutSeed uint64) (session.Result, error)
	// Close stops what makes batches.
	Close()
}

// imageFeed is the feed of images.
type imageFeed struct {
	*batch.Loader
	mixes   bool
	trainer *session.Trainer
	images  []uint8
	labels  []int64
	// second and shares are those of mixed images; nil if none is mixed.
	second []int64
	shares []float32
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

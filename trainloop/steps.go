package trainloop

import (
	"context"
	"math"
	"time"

	"onnxlab/augment"
	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/keyed"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop/lossscale"
	"onnxlab/trainloop/schedule"
	"onnxlab/trainloop/session"
	"onnxlab/trainloop/snapshot"
)

// steps does the optimizer steps of an experiment: its feed makes batches
// while the session trains on the one before.
type steps struct {
	experiment configs.Experiment
	schedule   schedule.Schedule
	feed       feed
	trainer    *session.Trainer
}

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
	*augment.Loader
	trainer *session.Trainer
	images  []uint8
	labels  []int64
}

func (f *imageFeed) into(t *session.Trainer) {
	f.trainer = t
	f.images, f.labels = t.Batch()
}

func (f *imageFeed) next(ctx context.Context) (wait time.Duration, err error) {
	return f.Next(ctx, f.images, f.labels)
}

func (f *imageFeed) train(rate float64, dropoutSeed uint64) (session.Result, error) {
	return f.trainer.Step(f.images, f.labels, rate, dropoutSeed)
}

// newSteps makes the loader and the session for what comes after the position
// at, with the parameters of the checkpoint state, in the form for the target.
func newSteps(e configs.Experiment, train *dataset.Set, n *onnxmodels.Network, at snapshot.Manifest, state []byte, target string) (*steps, error) {
	recipe, err := Recipe(e.Augment)
	if err != nil {
		return nil, err
	}
	loader, err := augment.NewLoader(train, augment.LoaderOptions{
		Seed: e.Seed, BatchSize: e.Train.BatchSize, Recipe: recipe,
		Epoch: at.Epoch, Step: at.Partial.Steps,
	})
	if err != nil {
		return nil, err
	}
	return stepsOf(&imageFeed{Loader: loader}, e, n, at, state, target)
}

// stepsOf makes the session that trains on what is fed. It closes the feed if it fails.
func stepsOf(f feed, e configs.Experiment, n *onnxmodels.Network, at snapshot.Manifest, state []byte, target string) (*steps, error) {
	s := &steps{experiment: e, feed: f}
	if err := s.open(n, at, state, target); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// open makes what needs the number of steps in an epoch.
func (s *steps) open(n *onnxmodels.Network, at snapshot.Manifest, state []byte, target string) (err error) {
	perEpoch := s.feed.StepsPerEpoch()
	if s.schedule, err = schedule.New(s.experiment, perEpoch); err != nil {
		return err
	}
	artifacts, err := Artifacts(n, s.experiment, perEpoch, target)
	if err != nil {
		return err
	}
	if s.trainer, err = newTrainer(s.experiment, artifacts, at, state, n); err != nil {
		return err
	}
	s.feed.into(s.trainer)
	return nil
}

// newTrainer returns a session of the artifacts for what comes after the position
// at of the network, whose parameters are those of state.
func newTrainer(e configs.Experiment, a *onnxmodels.Artifacts, at snapshot.Manifest, state []byte, n *onnxmodels.Network) (*session.Trainer, error) {
	training, err := modelfile.Marshal(a.Training)
	if err != nil {
		return nil, err
	}
	optimizer, err := modelfile.Marshal(a.Optimizer)
	if err != nil {
		return nil, err
	}
	scale := at.LossScale
	if a.Mixed && scale == nil {
		scale = lossscale.New()
	}
	height, width := n.Size()
	return session.NewTrainer(session.Training{
		TrainingModel: training, OptimizerModel: optimizer, Checkpoint: state,
		Drops: a.Drops, LossScale: scale, Height: height, Width: width, Features: n.Features(),
		BatchSize: e.Train.BatchSize, MicroBatch: MicroBatch(e),
	}, sessionOptions(e.Runtime))
}

// sessionOptions are the settings of sessions in the session's form.
func sessionOptions(r configs.Runtime) session.Options {
	return session.Options{Device: r.Device, Threads: r.Threads, TF32: r.TF32}
}

// optimize does the next step, whose number counts from 0 over all epochs, and
// tells how long its batch was not ready.
func (s *steps) optimize(ctx context.Context, number int) (result session.Result, wait time.Duration, err error) {
	if wait, err = s.feed.next(ctx); err != nil {
		return result, wait, err
	}
	rate := s.schedule.Rate(number)
	if s.experiment.Optimizer.MomentumCorrection {
		rate = 1 // the optimizer model holds the rates
	}
	result, err = s.feed.train(rate, dropoutSeed(s.experiment.Seed, number))
	if err != nil {
		return result, wait, explainMemory(err, s.experiment)
	}
	return result, wait, nil
}

func (s *steps) close() error {
	s.feed.Close()
	return s.trainer.Close()
}

// isFinite tells whether a loss is a number to go on with.
func isFinite(loss float64) bool { return !math.IsNaN(loss) && !math.IsInf(loss, 0) }

// dropoutSeed is the seed of a step's dropout: one of SplitMix64's outputs.
func dropoutSeed(seed uint64, step int) uint64 {
	return keyed.Mix(seed + uint64(step)*keyed.Gamma)
}

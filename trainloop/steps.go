package trainloop

import (
	"context"
	"math"
	"time"

	"onnxlab/augment/batch"
	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/keyed"
	"onnxlab/onnxmodels"
	"onnxlab/ort/session"
	"onnxlab/trainloop/schedule"
	"onnxlab/trainloop/snapshot"
)

// steps does the optimizer steps of an experiment. Its feed prepares the next batch while
// the session trains on the current one.
type steps struct {
	experiment configs.Experiment
	schedule   schedule.Schedule
	feed       feed
	trainer    *session.Trainer
}

// newSteps makes the loader and the session for the steps from the position at. The
// parameters come from the checkpoint state; the training model is the one for the target.
func newSteps(e configs.Experiment, train *dataset.Set, n *onnxmodels.Network, at snapshot.Manifest, state []byte, target string) (*steps, error) {
	recipe, err := Recipe(e.Augment)
	if err != nil {
		return nil, err
	}
	var source batch.Source = train
	if train.MultiLabel() {
		source = numbered{train}
	}
	loader, err := batch.NewLoader(source, batch.LoaderOptions{
		Seed: e.Seed, BatchSize: e.Train.BatchSize, Recipe: recipe,
		Balance: e.Train.Balance == configs.BalanceSampling,
		Mixing:  batch.Mixing{Mixup: e.Augment.Mixup, CutMix: e.Augment.CutMix},
		Epoch:   at.Epoch, Step: at.Partial.Steps,
	})
	if err != nil {
		return nil, err
	}
	f := imageFeed{Loader: loader, mixes: e.Augment.Mixes()}
	if train.MultiLabel() {
		return stepsOf(&targetFeed{imageFeed: f, set: train}, e, n, at, state, target)
	}
	return stepsOf(&f, withWeights(e, train), n, at, state, target)
}

// stepsOf opens a session that trains on the batches of the feed. If it fails, it closes
// the feed.
func stepsOf(f feed, e configs.Experiment, n *onnxmodels.Network, at snapshot.Manifest, state []byte, target string) (*steps, error) {
	s := &steps{experiment: e, feed: f}
	if err := s.open(n, at, state, target); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// open makes the schedule and the trainer, which need the number of steps per epoch.
func (s *steps) open(n *onnxmodels.Network, at snapshot.Manifest, state []byte, target string) (err error) {
	perEpoch := s.feed.StepsPerEpoch()
	if s.schedule, err = schedule.New(s.experiment, perEpoch); err != nil {
		return err
	}
	artifacts, err := Artifacts(n, s.experiment, perEpoch, target)
	if err != nil {
		return err
	}
	if s.trainer, err = newTrainer(s.experiment, n, artifacts, at, state); err != nil {
		return err
	}
	s.feed.into(s.trainer)
	return nil
}

// newTrainer opens a training session of the network at the position at, with the
// parameters in state.
func newTrainer(e configs.Experiment, n *onnxmodels.Network, a *onnxmodels.Artifacts, at snapshot.Manifest, state []byte) (*session.Trainer, error) {
	return session.NewTrainer(session.Training{
		Network: n, Artifacts: a, Checkpoint: state, LossScale: at.LossScale,
		BatchSize: e.Train.BatchSize, MicroBatch: MicroBatch(e),
	}, SessionOptions(e.Runtime))
}

// SessionOptions converts the runtime settings for package session.
func SessionOptions(r configs.Runtime) session.Options {
	return session.Options{Device: r.Device, Threads: r.Threads, TF32: r.TF32}
}

// optimize does the step with this number, counted from 0 over all epochs, and returns how
// long it waited for its batch.
func (s *steps) optimize(ctx context.Context, number int) (result session.Result, wait time.Duration, err error) {
	if wait, err = s.feed.next(ctx); err != nil {
		return result, wait, err
	}
	rate := s.schedule.Rate(number)
	if s.experiment.Optimizer.HoldsRates() {
		rate = 1 // the optimizer model contains the rates
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

// isFinite reports whether a loss is a finite number.
func isFinite(loss float64) bool { return !math.IsNaN(loss) && !math.IsInf(loss, 0) }

// dropoutSeed returns the seed of a step's dropout, which is an output of SplitMix64.
func dropoutSeed(seed uint64, step int) uint64 {
	return keyed.Mix(seed + uint64(step)*keyed.Gamma)
}

package trainloop

import (
	"context"
	"errors"
	"time"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/trainloop/snapshot"
)

// EpochMeasurement is what the training steps of an epoch cost, with loading
// and augmenting.
type EpochMeasurement struct {
	Recipe     string `json:"recipe"`
	BatchSize  int    `json:"batch_size"`
	MicroBatch int    `json:"micro_batch"`
	// Images is how many were trained on, in full batches.
	Images          int     `json:"images"`
	Seconds         float64 `json:"seconds"`
	ImagesPerSecond float64 `json:"images_per_second"`
	// DataWait is the share of Seconds, 0..1, in which a step waited for its
	// batch.
	DataWait float64 `json:"data_wait"`
	// PeakBytes is the most memory that the process has had, 0 where the
	// system does not tell.
	PeakBytes int64 `json:"peak_bytes"`
}

// EpochStepper does the training steps of an experiment as Run does them, epoch
// after epoch, without evaluating and saving between.
type EpochStepper struct {
	steps *steps
	done  int
}

// NewEpochStepper returns a stepper that trains on the images, all of which it
// brings into memory: drawing them is not what it times. Nor is what makes the features
// with train.cache_features.
func NewEpochStepper(ctx context.Context, e configs.Experiment, train *dataset.Set) (*EpochStepper, error) {
	e = withClasses(e, train)
	if err := checkTraining(e, train); err != nil {
		return nil, err
	}
	network, err := networkFor(e, train)
	if err != nil {
		return nil, err
	}
	cut, err := cutFor(e, network)
	if err != nil {
		return nil, err
	}
	target := Target(e.Runtime.Device)
	if err := checkMemory(trained(network, cut), e, target, availableMemory()); err != nil {
		return nil, err
	}
	state := checkpoint.Encode(network.Initialize(e.Seed))
	if cut != nil {
		f, err := newFeatures(ctx, e, cut, state, train, nil)
		if err != nil {
			return nil, err
		}
		s, err := f.steps(e, snapshot.Manifest{}, state, target)
		if err != nil {
			return nil, err
		}
		return &EpochStepper{steps: s}, nil
	}
	s, err := newSteps(e, train, network, snapshot.Manifest{}, state, target)
	if err != nil {
		return nil, err
	}
	if err := train.Draw(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &EpochStepper{steps: s}, nil
}

// Step does one step and tells what it took. The error of a loss that is not
// finite is a *Diverged.
func (s *EpochStepper) Step(ctx context.Context) (StepTime, error) {
	begun := time.Now()
	result, wait, err := s.steps.optimize(ctx, s.done)
	if err != nil {
		return StepTime{}, err
	}
	if !isFinite(result.Loss) {
		return StepTime{}, &Diverged{
			Step: s.done, Epoch: s.done / s.steps.feed.StepsPerEpoch(),
			Loss: result.Loss, Rate: s.steps.schedule.Rate(s.done),
		}
	}
	s.done++
	return StepTime{time.Since(begun).Seconds(), wait.Seconds()}, nil
}

// Close frees the session and stops the loader.
func (s *EpochStepper) Close() error { return s.steps.close() }

// MeasureEpoch does one step and then those of as many images as told, in full
// batches, and tells what these cost; 0 images are a whole epoch.
func MeasureEpoch(ctx context.Context, e configs.Experiment, train *dataset.Set, images int) (m EpochMeasurement, err error) {
	s, err := NewEpochStepper(ctx, e, train)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if images == 0 {
		images = train.Len()
	}
	times, err := timeSteps(ctx, s.Step, images/e.Train.BatchSize)
	if err != nil {
		return m, err
	}
	m = EpochMeasurement{
		Recipe: e.Augment.Recipe, BatchSize: e.Train.BatchSize, MicroBatch: MicroBatch(e),
		Images: len(times) * e.Train.BatchSize, PeakBytes: PeakBytes(),
	}
	wait := 0.0
	for _, t := range times {
		m.Seconds += t.Seconds
		wait += t.Wait
	}
	m.ImagesPerSecond = float64(m.Images) / m.Seconds
	m.DataWait = wait / m.Seconds
	return m, nil
}

package measure

import (
	"context"
	"errors"
	"time"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/sysmem"
	"onnxlab/trainloop"
)

// EpochMeasurement is the cost of an epoch's training steps, including loading and
// augmenting.
type EpochMeasurement struct {
	Recipe    string `json:"recipe"`
	BatchSize int    `json:"batch_size"`
	// MicroBatch is how many images go through the network at once.
	MicroBatch int `json:"micro_batch"`
	// Images is the number of images trained on, all in full batches, and Seconds the time
	// that this took.
	Images          int     `json:"images"`
	Seconds         float64 `json:"seconds"`
	ImagesPerSecond float64 `json:"images_per_second"`
	// DataWait is the share of Seconds, 0..1, that steps spent waiting for their batch.
	DataWait float64 `json:"data_wait"`
	// PeakBytes is the peak memory of the process; 0 if the system does not report it.
	PeakBytes int64 `json:"peak_bytes"`
}

// EpochStepper times the training steps of an experiment as a run does them, epoch after
// epoch, but without evaluating and saving in between.
type EpochStepper struct{ steps *trainloop.Steps }

// NewEpochStepper returns a stepper that trains on these images. It first brings all of
// them into memory and, with train.cache_features, computes the features, so that neither
// is timed.
func NewEpochStepper(ctx context.Context, e configs.Experiment, train *dataset.Set) (*EpochStepper, error) {
	steps, err := trainloop.NewSteps(ctx, e, train)
	if err != nil {
		return nil, err
	}
	return &EpochStepper{steps}, nil
}

// Step does one step and returns its time. If the loss is not finite, the error is a
// *trainloop.Diverged.
func (s *EpochStepper) Step(ctx context.Context) (StepTime, error) {
	begun := time.Now()
	_, wait, err := s.steps.Next(ctx)
	if err != nil {
		return StepTime{}, err
	}
	return StepTime{time.Since(begun).Seconds(), wait.Seconds()}, nil
}

// Close frees the session and stops the loader.
func (s *EpochStepper) Close() error { return s.steps.Close() }

// Epoch does one step and then measures those for this many images, in full batches. With 0
// images, it measures a whole epoch.
func Epoch(ctx context.Context, e configs.Experiment, train *dataset.Set, images int) (m EpochMeasurement, err error) {
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
		Recipe: e.Augment.Recipe, BatchSize: e.Train.BatchSize, MicroBatch: trainloop.MicroBatch(e),
		Images: len(times) * e.Train.BatchSize, PeakBytes: sysmem.Peak(),
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

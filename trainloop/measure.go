package trainloop

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"onnxlab/configs"
	"onnxlab/internal/ortlib"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/trainloop/evaluation"
	"onnxlab/trainloop/session"
	"onnxlab/trainloop/snapshot"
)

// Measurement is what training steps of an experiment cost.
type Measurement struct {
	// Target is the form of the graph, Device what ran it.
	Target string `json:"target"`
	Device string `json:"device"`
	// Precision is float32, tf32 or mixed_float16.
	Precision  string `json:"precision"`
	BatchSize  int    `json:"batch_size"`
	MicroBatch int    `json:"micro_batch"`
	// SecondsPerStep is the median over the steps, the first left out, and
	// ImagesPerSecond that rate.
	SecondsPerStep  float64 `json:"seconds_per_step"`
	ImagesPerSecond float64 `json:"images_per_second"`
	// Seconds are those of each step.
	Seconds []float64 `json:"seconds"`
	// EvaluationImagesPerSecond is at which rate the network classifies the
	// validation images after an epoch.
	EvaluationImagesPerSecond float64 `json:"evaluation_images_per_second"`
	// PeakBytes is the most memory that the process has had by the end of the
	// steps, 0 where the system does not tell.
	PeakBytes int64 `json:"peak_bytes"`
}

// Stepper does training steps of an experiment on random images: what they
// cost does not depend on the images.
type Stepper struct {
	network *onnxmodels.Network
	trainer *session.Trainer
	images  []uint8
	labels  []int64
}

// NewStepper returns a stepper for images of height x width, in the form for
// the target, one of onnxmodels.Targets or TargetNative. A batch that the memory
// is not enough for is a *SettingError.
func NewStepper(e configs.Experiment, height, width int, target string) (*Stepper, error) {
	network, err := Network(e, height, width)
	if err != nil {
		return nil, err
	}
	if e.Train.CacheFeatures {
		return nil, &SettingError{"train.cache_features", "a step on features is not measured alone: set it to false, or measure an epoch"}
	}
	if err := checkMemory(network, e, target, availableMemory()); err != nil {
		return nil, err
	}
	artifacts, err := Artifacts(network, e, 1, target)
	if err != nil {
		return nil, err
	}
	trainer, err := newTrainer(e, artifacts, snapshot.Manifest{}, checkpoint.Encode(network.Initialize(e.Seed)), network)
	if err != nil {
		return nil, err
	}
	s := &Stepper{network: network, trainer: trainer}
	s.images, s.labels = trainer.Batch()
	images, labels := randomBatch(e.Seed, e.Train.BatchSize, height, width, e.Model.Classes)
	copy(s.images, images)
	copy(s.labels, labels)
	return s, nil
}

// randomBatch returns n images [n, height, width, 3] and their labels.
func randomBatch(seed uint64, n, height, width, classes int) (images []uint8, labels []int64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for range n * height * width * 3 {
		images = append(images, uint8(rng.Uint32()))
	}
	for range n {
		labels = append(labels, rng.Int64N(int64(classes)))
	}
	return images, labels
}

// Step does one step and tells what it took.
func (s *Stepper) Step(ctx context.Context) (StepTime, error) {
	if err := ctx.Err(); err != nil {
		return StepTime{}, err
	}
	begun := time.Now()
	_, err := s.trainer.Step(s.images, s.labels, 0.001, 0)
	return StepTime{Seconds: time.Since(begun).Seconds()}, err
}

// Close frees the session.
func (s *Stepper) Close() error { return s.trainer.Close() }

// StepTime is what a training step took.
type StepTime struct {
	Seconds float64
	// Wait are those of the seconds in which its batch was not ready.
	Wait float64
}

// timeSteps does one step and then as many as told, at least one, and tells
// what these took.
func timeSteps(ctx context.Context, step func(context.Context) (StepTime, error), steps int) ([]StepTime, error) {
	var times []StepTime
	for i := range max(steps, 1) + 1 {
		t, err := step(ctx)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			times = append(times, t)
		}
	}
	return times, nil
}

// Measure does one step and then as many as told, at least one, and tells what
// these cost.
func Measure(ctx context.Context, e configs.Experiment, height, width, steps int, target string) (m Measurement, err error) {
	s, err := NewStepper(e, height, width, target)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	times, err := timeSteps(ctx, s.Step, steps)
	if err != nil {
		return m, err
	}
	m = Measurement{
		Target: target, Device: e.Runtime.Device, Precision: precision(e.Runtime),
		BatchSize: e.Train.BatchSize, MicroBatch: MicroBatch(e),
	}
	for _, t := range times {
		m.Seconds = append(m.Seconds, t.Seconds)
	}
	m.SecondsPerStep = median(m.Seconds)
	m.ImagesPerSecond = float64(m.BatchSize) / m.SecondsPerStep
	m.PeakBytes = PeakBytes()
	m.EvaluationImagesPerSecond, err = evaluationRate(ctx, e, s.network)
	return m, err
}

// precision is that of products, which TF32 lowers on a GPU.
func precision(r configs.Runtime) string {
	if r.Device == ortlib.CUDA && r.TF32 && r.Precision == configs.Float32 {
		return "tf32"
	}
	return r.Precision
}

// evaluationRate is how many images a second the network classifies, by the median
// of five batches after a first one.
func evaluationRate(ctx context.Context, e configs.Experiment, n *onnxmodels.Network) (rate float64, err error) {
	height, width := n.Size()
	images, _ := randomBatch(e.Seed, evaluation.Batch, height, width, e.Model.Classes)
	data, err := inferenceModel(n, n.Initialize(e.Seed), nil, Target(e.Runtime.Device))
	if err != nil {
		return 0, err
	}
	m, err := session.NewModel(data, sessionOptions(e.Runtime))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	var seconds []float64
	for range 6 {
		begun := time.Now()
		if _, _, err := m.Predict(ctx, images); err != nil {
			return 0, err
		}
		seconds = append(seconds, time.Since(begun).Seconds())
	}
	return evaluation.Batch / median(seconds[1:]), nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

package measure

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"onnxlab/configs"
	"onnxlab/dataset/evaluation"
	"onnxlab/internal/sysmem"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/session"
	"onnxlab/trainloop"
)

// Measurement is the cost of training steps of an experiment.
type Measurement struct {
	// Target is the form of the graph, and Device the hardware that ran it.
	Target string         `json:"target"`
	Device configs.Device `json:"device"`
	// Precision is float32, tf32 or mixed_float16.
	Precision string `json:"precision"`
	BatchSize int    `json:"batch_size"`
	// MicroBatch is how many images go through the network at once.
	MicroBatch int `json:"micro_batch"`
	// SecondsPerStep is the median over all steps but the first, and ImagesPerSecond the
	// rate that follows from it.
	SecondsPerStep  float64 `json:"seconds_per_step"`
	ImagesPerSecond float64 `json:"images_per_second"`
	// Seconds has the time of each step.
	Seconds []float64 `json:"seconds"`
	// EvaluationImagesPerSecond is the rate at which the network classifies validation
	// images after an epoch.
	EvaluationImagesPerSecond float64 `json:"evaluation_images_per_second"`
	// PeakBytes is the peak memory of the process by the end of the steps; 0 if the system
	// does not report it.
	PeakBytes int64 `json:"peak_bytes"`
}

// Stepper does training steps of an experiment on random images, or on random features with
// train.cache_features. The cost of a step does not depend on their values.
type Stepper struct {
	prepared *trainloop.Prepared
	trainer  *session.Trainer
	step     func() (session.Result, error)
}

// NewStepper returns a stepper for images of height x width and the target, one of
// onnxmodels.Targets or TargetNative. If there is not enough memory for a batch, the error
// is a *trainloop.SettingError.
func NewStepper(e configs.Experiment, height, width int, target string) (*Stepper, error) {
	prepared, err := trainloop.Prepare(e, height, width, target)
	if err != nil {
		return nil, err
	}
	trainer, err := prepared.NewTrainer()
	if err != nil {
		return nil, err
	}
	return &Stepper{prepared, trainer, randomStep(e, prepared.Network, trainer)}, nil
}

// randomStep returns a function that does a step on a random batch.
func randomStep(e configs.Experiment, n *onnxmodels.Network, t *session.Trainer) func() (session.Result, error) {
	const rate = 0.001
	height, width := n.Size()
	randomImages, randomLabels := randomBatch(e.Seed, e.Train.BatchSize, height*width*n.Channels(), n.Classes())
	if n.Features() > 0 {
		features, labels := t.FeatureBatch()
		copy(features, randomFeatures(e.Seed, len(features)))
		copy(labels, randomLabels)
		return func() (session.Result, error) { return t.StepFeatures(features, labels, rate, 0) }
	}
	images, labels := t.Batch()
	copy(images, randomImages)
	copy(labels, randomLabels)
	return func() (session.Result, error) { return t.Step(images, labels, rate, 0) }
}

// randomFeatures returns n numbers in 0..1.
func randomFeatures(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	list := make([]float32, n)
	for i := range list {
		list[i] = rng.Float32()
	}
	return list
}

// randomBatch returns n images of size bytes each, and their labels.
func randomBatch(seed uint64, n, size, classes int) (images []uint8, labels []int64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for range n * size {
		images = append(images, uint8(rng.Uint32()))
	}
	for range n {
		labels = append(labels, rng.Int64N(int64(classes)))
	}
	return images, labels
}

// Step does one step and returns its time.
func (s *Stepper) Step(ctx context.Context) (StepTime, error) {
	if err := ctx.Err(); err != nil {
		return StepTime{}, err
	}
	begun := time.Now()
	_, err := s.step()
	return StepTime{Seconds: time.Since(begun).Seconds()}, err
}

// Close frees the session.
func (s *Stepper) Close() error { return s.trainer.Close() }

// StepTime is the time that a training step took.
type StepTime struct {
	Seconds float64
	// Wait is the part of Seconds that the step spent waiting for its batch.
	Wait float64
}

// timeSteps does one step and then measures this many, at least one.
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

// Steps does one step and then measures this many, at least one.
func Steps(ctx context.Context, e configs.Experiment, height, width, steps int, target string) (m Measurement, err error) {
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
		BatchSize: e.Train.BatchSize, MicroBatch: trainloop.MicroBatch(e),
	}
	for _, t := range times {
		m.Seconds = append(m.Seconds, t.Seconds)
	}
	m.SecondsPerStep = median(m.Seconds)
	m.ImagesPerSecond = float64(m.BatchSize) / m.SecondsPerStep
	m.PeakBytes = sysmem.Peak()
	m.EvaluationImagesPerSecond, err = evaluationRate(e, s.prepared)
	return m, err
}

// precision returns the precision of matrix products, which TF32 lowers on a GPU.
func precision(r configs.Runtime) string {
	if r.Device.Traits().TF32 && r.TF32 && r.Precision == configs.Float32 {
		return "tf32"
	}
	return string(r.Precision)
}

// evaluationRate returns how many images per second the network classifies: the median of
// five batches after a first one.
func evaluationRate(e configs.Experiment, p *trainloop.Prepared) (rate float64, err error) {
	images := evaluation.BatchOf(p.Network.Size())
	classify, closeModel, err := randomClassifier(e, p, images)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closeModel()) }()
	var seconds []float64
	for range 6 {
		begun := time.Now()
		if err := classify(); err != nil {
			return 0, err
		}
		seconds = append(seconds, time.Since(begun).Seconds())
	}
	return float64(images) / median(seconds[1:]), nil
}

// randomClassifier returns a function that classifies count random images, or the random
// features of count images.
func randomClassifier(e configs.Experiment, p *trainloop.Prepared, count int) (classify, closeModel func() error, err error) {
	n, options := p.Network, trainloop.SessionOptions(e.Runtime)
	data, err := trainloop.InferenceModel(n, p.State, nil, e.Runtime.Device.Traits().Target)
	if err != nil {
		return nil, nil, err
	}
	if n.Features() > 0 {
		return featureClassifier(e.Seed, data, count, n.Features(), options)
	}
	m, err := session.NewModel(data, options)
	if err != nil {
		return nil, nil, err
	}
	height, width := n.Size()
	images, _ := randomBatch(e.Seed, count, height*width*n.Channels(), n.Classes())
	return func() error { _, _, err := m.Predict(context.Background(), images); return err }, m.Close, nil
}

// featureClassifier returns a function that classifies random features of count images, n for
// each.
func featureClassifier(seed uint64, model []byte, count, n int, o session.Options) (classify, closeModel func() error, err error) {
	head, err := session.NewProbe(model, onnxmodels.InputFeatures, []string{onnxmodels.OutputLogits}, o)
	if err != nil {
		return nil, nil, err
	}
	input := &interp.Value{Name: onnxmodels.InputFeatures, Tensor: &op.Tensor{
		Elem: graph.Float, Shape: []int{count, n}, Floats: randomFeatures(seed, count*n),
	}}
	return func() error { _, err := head.Run(input); return err }, head.Close, nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

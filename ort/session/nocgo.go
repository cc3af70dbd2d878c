//go:build !cgo

package session

import (
	"context"

	"onnxlab/dataset"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/interp"
	"onnxlab/ort/lossscale"
)

// Open returns ErrNoCgo.
func Open(context.Context, LibraryOptions) error { return ErrNoCgo }

// Close returns ErrNoCgo, because Open does.
func Close() error { return ErrNoCgo }

// Version is empty, because nothing can be open.
func Version() string { return "" }

// Trainer is not available without cgo.
type Trainer struct{}

// NewTrainer returns ErrNoCgo.
func NewTrainer(Training, Options) (*Trainer, error) { return nil, ErrNoCgo }

// Batch returns nothing.
func (*Trainer) Batch() (images []uint8, labels []int64) { return nil, nil }

// Step returns ErrNoCgo.
func (*Trainer) Step([]uint8, []int64, float64, uint64) (Result, error) {
	return Result{}, ErrNoCgo
}

// StepMixed returns ErrNoCgo.
func (*Trainer) StepMixed([]uint8, []int64, []int64, []float32, float64, uint64) (Result, error) {
	return Result{}, ErrNoCgo
}

// Evaluate returns ErrNoCgo.
func (*Trainer) Evaluate(context.Context, *dataset.Set) (*evaluation.Report, error) {
	return nil, ErrNoCgo
}

// TargetBatch returns nothing.
func (*Trainer) TargetBatch() (images []uint8, targets []float32) { return nil, nil }

// StepTargets returns ErrNoCgo.
func (*Trainer) StepTargets([]uint8, []float32, float64, uint64) (Result, error) {
	return Result{}, ErrNoCgo
}

// FeatureBatch returns nothing.
func (*Trainer) FeatureBatch() (features []float32, labels []int64) { return nil, nil }

// StepFeatures returns ErrNoCgo.
func (*Trainer) StepFeatures([]float32, []int64, float64, uint64) (Result, error) {
	return Result{}, ErrNoCgo
}

// LossScale is nil.
func (*Trainer) LossScale() *lossscale.Scale { return nil }

// Save returns ErrNoCgo.
func (*Trainer) Save(string) error { return ErrNoCgo }

// Close does nothing.
func (*Trainer) Close() error { return nil }

// Check returns ErrNoCgo.
func Check(Options) error { return ErrNoCgo }

// Model is not available without cgo.
type Model struct{}

// NewModel returns ErrNoCgo.
func NewModel([]byte, Options) (*Model, error) { return nil, ErrNoCgo }

// Predict returns ErrNoCgo.
func (*Model) Predict(context.Context, []uint8) (logits, probabilities []float32, err error) {
	return nil, nil, ErrNoCgo
}

// Close does nothing.
func (*Model) Close() error { return nil }

// Probe is not available without cgo.
type Probe struct{}

// NewProbe returns ErrNoCgo.
func NewProbe([]byte, string, []string, Options) (*Probe, error) { return nil, ErrNoCgo }

// RunImages returns ErrNoCgo.
func (*Probe) RunImages([]uint8, int, int, int) ([][]float32, error) { return nil, ErrNoCgo }

// Run returns ErrNoCgo.
func (*Probe) Run(*interp.Value) ([][]float32, error) { return nil, ErrNoCgo }

// Close does nothing.
func (*Probe) Close() error { return nil }

// Gradient is not available without cgo.
type Gradient struct{}

// NewGradient returns ErrNoCgo.
func NewGradient(*onnxmodels.Network, *onnxmodels.Gradients, Options) (*Gradient, error) {
	return nil, ErrNoCgo
}

// Load returns ErrNoCgo.
func (*Gradient) Load(*checkpoint.Checkpoint) error { return ErrNoCgo }

// Parameters returns nothing.
func (*Gradient) Parameters() []float32 { return nil }

// Batch returns nothing.
func (*Gradient) Batch() (images []uint8, features []float32, labels, second []int64, shares []float32) {
	return nil, nil, nil, nil, nil
}

// Run returns ErrNoCgo.
func (*Gradient) Run(uint64) (float64, []float32, error) { return 0, nil, ErrNoCgo }

// Close does nothing.
func (*Gradient) Close() error { return nil }

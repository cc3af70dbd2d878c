//go:build !cgo

package session

// Trainer is not available without cgo.
type Trainer struct{}

// NewTrainer returns ErrNoCgo.
func NewTrainer(Training, Options) (*Trainer, error) { return nil, ErrNoCgo }

// Step returns ErrNoCgo.
func (*Trainer) Step([]uint8, []int64, float64, uint64) (Result, error) {
	return Result{}, ErrNoCgo
}

// Save returns ErrNoCgo.
func (*Trainer) Save(string) error { return ErrNoCgo }

// Close does nothing.
func (*Trainer) Close() error { return nil }

// Check returns ErrNoCgo.
func Check(Options) error { return ErrNoCgo }

// Model is not available without cgo.
type Model struct{}

// NewModel returns ErrNoCgo.
func NewModel([]byte, int, int, int, Options) (*Model, error) { return nil, ErrNoCgo }

// Predict returns ErrNoCgo.
func (*Model) Predict([]uint8) (Prediction, error) { return Prediction{}, ErrNoCgo }

// Close does nothing.
func (*Model) Close() error { return nil }

//go:build cgo

package session

import (
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/internal/onstack"
	"onnxlab/onnxmodels"
)

// Model runs an inference model. It is safe for concurrent use.
type Model struct {
	session       *ort.DynamicAdvancedSession
	height, width int
	classes       int
}

// NewModel returns the inference model of the given bytes, made by
// onnxmodels.Network.Inference with input uint8-nhwc, for images of height x
// width and the number of classes.
func NewModel(data []byte, height, width, classes int, o Options) (*Model, error) {
	var s *ort.DynamicAdvancedSession
	err := o.start(heuristic, func(options *ort.SessionOptions) (err error) {
		s, err = ort.NewDynamicAdvancedSessionWithONNXData(data, []string{onnxmodels.InputImage},
			[]string{onnxmodels.OutputLogits, onnxmodels.OutputProbabilities}, options)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start inference: %w", err)
	}
	return &Model{session: s, height: height, width: width, classes: classes}, nil
}

// Predict runs the model on images [n, height, width, 3].
func (m *Model) Predict(images []uint8) (Prediction, error) {
	n := len(images) / (m.height * m.width * 3)
	p := Prediction{
		Classes: m.classes,
		Logits:  make([]float32, n*m.classes), Probabilities: make([]float32, n*m.classes),
	}
	image, err := ort.NewTensor(ort.NewShape(int64(n), int64(m.height), int64(m.width), 3), images)
	if err != nil {
		return p, fmt.Errorf("predict: %w", err)
	}
	defer image.Destroy() //nolint:errcheck // only frees memory
	var outputs []ort.Value
	for _, to := range [][]float32{p.Logits, p.Probabilities} {
		t, err := ort.NewTensor(ort.NewShape(int64(n), int64(m.classes)), to)
		if err != nil {
			return p, fmt.Errorf("predict: %w", err)
		}
		defer t.Destroy() //nolint:errcheck // only frees memory
		outputs = append(outputs, t)
	}
	if err := m.session.Run([]ort.Value{image}, outputs); err != nil {
		return p, fmt.Errorf("predict: %w", err)
	}
	return p, nil
}

// Close frees the session.
func (m *Model) Close() error { return m.session.Destroy() }

// start calls create, which makes a session of the options. The first session
// on CUDA loads the provider, after which a signal still has to stop the run.
func (o Options) start(s search, create func(*ort.SessionOptions) error) error {
	return onstack.Keep(func() error {
		options, err := o.native(s)
		if err != nil {
			return err
		}
		defer options.Destroy() //nolint:errcheck // only frees memory
		return o.blame(create(options))
	})
}

// native returns the options in ONNX Runtime's form.
func (o Options) native(how search) (*ort.SessionOptions, error) {
	s, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	if err := o.apply(s, how); err != nil {
		return nil, errors.Join(err, s.Destroy())
	}
	return s, nil
}

func (o Options) apply(s *ort.SessionOptions, how search) error {
	if err := s.SetIntraOpNumThreads(o.Threads); err != nil {
		return err
	}
	if o.Device != "cuda" {
		return nil
	}
	if err := o.applyCUDA(s, how); err != nil {
		return &DeviceError{o.Device, err}
	}
	return nil
}

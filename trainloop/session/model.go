//go:build cgo

package session

import (
	"context"
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/internal/kernels"
	"onnxlab/internal/onstack"
	"onnxlab/internal/ortlib"
	"onnxlab/onnxmodels"
)

// Model runs an inference model. It is safe for concurrent use.
type Model struct {
	session *inference
	form    onnxmodels.Form
}

// NewModel returns the inference model of the given bytes, of either form that
// onnxmodels.Network.Inference makes.
func NewModel(data []byte, o Options) (*Model, error) {
	decoded, err := onnxmodels.DecodeModel(data)
	if err != nil {
		return nil, fmt.Errorf("start inference: %w", err)
	}
	form, err := onnxmodels.FormOf(decoded)
	if err != nil {
		return nil, fmt.Errorf("start inference: %w", err)
	}
	s, err := newInference(data, []string{onnxmodels.InputImage}, []string{onnxmodels.OutputLogits, onnxmodels.OutputProbabilities}, o)
	if err != nil {
		return nil, fmt.Errorf("start inference: %w", err)
	}
	return &Model{session: s, form: form}, nil
}

// Predict runs the model on images [n, height, width, 3] of 0..255, whatever
// form its input has, and returns the logits and the probabilities, both [n,
// classes]. ONNX Runtime is not interrupted meanwhile.
func (m *Model) Predict(_ context.Context, images []uint8) (logits, probabilities []float32, err error) {
	size, classes := m.form.Height*m.form.Width*3, len(m.form.Classes)
	n := len(images) / size
	if n == 0 || n*size != len(images) {
		return nil, nil, fmt.Errorf("predict: %d bytes are not images of %dx%dx3", len(images), m.form.Height, m.form.Width)
	}
	image, err := m.input(images, int64(n))
	if err != nil {
		return nil, nil, fmt.Errorf("predict: %w", err)
	}
	defer image.Destroy() // only frees memory
	logits, probabilities = make([]float32, n*classes), make([]float32, n*classes)
	var outputs []ort.Value
	for _, to := range [][]float32{logits, probabilities} {
		t, err := ort.NewTensor(ort.NewShape(int64(n), int64(classes)), to)
		if err != nil {
			return nil, nil, fmt.Errorf("predict: %w", err)
		}
		defer t.Destroy() // only frees memory
		outputs = append(outputs, t)
	}
	if err := m.session.run([]ort.Value{image}, outputs); err != nil {
		return nil, nil, fmt.Errorf("predict: %w", err)
	}
	return logits, probabilities, nil
}

// input returns n images as the model takes them.
func (m *Model) input(images []uint8, n int64) (ort.Value, error) {
	height, width := int64(m.form.Height), int64(m.form.Width)
	if m.form.Input == onnxmodels.InputFloat32NCHW {
		return ort.NewTensor(ort.NewShape(n, 3, height, width), onnxmodels.Planes(images, m.form.Height, m.form.Width))
	}
	return ort.NewTensor(ort.NewShape(n, height, width, 3), images)
}

// Close frees the session, after the calls under way. It may be called again.
func (m *Model) Close() error { return m.session.close() }

// Start calls create, which makes a session of the options as ONNX Runtime takes
// them, for sessions that this package has no type for.
func (o Options) Start(create func(*ort.SessionOptions) error) error {
	return o.start(heuristic, create)
}

// start calls create, which makes a session of the options. The first session
// on CUDA loads the provider, after which a signal still has to stop the run.
func (o Options) start(s search, create func(*ort.SessionOptions) error) error {
	if err := o.check(); err != nil {
		return err
	}
	return onstack.Keep(func() error {
		options, err := o.native(s)
		if err != nil {
			return err
		}
		defer options.Destroy() // only frees memory
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
	if o.Device != ortlib.CUDA {
		return kernels.Add(ortlib.Path(), s)
	}
	if err := o.applyCUDA(s, how); err != nil {
		return &DeviceError{o.Device, err}
	}
	return nil
}

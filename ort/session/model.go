//go:build cgo

package session

import (
	"context"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/modelfile"
)

// Model runs an inference model. It is safe for concurrent use.
type Model struct {
	session   *inference
	signature onnxmodels.Signature
}

// NewModel loads an inference model, with either kind of input that
// onnxmodels.Network.Inference makes. On the CPU it uses onnxlab's own operators where there
// are any (onnxmodels.Lowered), unless Options.Plain is set.
func NewModel(data []byte, o Options) (*Model, error) {
	decoded, err := modelfile.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("start inference: %w", err)
	}
	signature, err := onnxmodels.SignatureOf(decoded)
	if err != nil {
		return nil, fmt.Errorf("start inference: %w", err)
	}
	if o.Device.Traits().Provider == configs.ProviderCPU && !o.Plain {
		// A model that cannot be lowered is slower, but gives the same results.
		if fast, err := lowered(decoded); err == nil {
			data = fast
		}
	}
	return newModel(data, signature, o)
}

// newModel loads an inference model of this signature, without replacing operators.
func newModel(data []byte, signature onnxmodels.Signature, o Options) (*Model, error) {
	s, err := newInference(data, []string{onnxmodels.InputImage}, []string{onnxmodels.OutputLogits, onnxmodels.OutputProbabilities}, o)
	if err != nil {
		return nil, fmt.Errorf("start inference: %w", err)
	}
	return &Model{session: s, signature: signature}, nil
}

// lowered returns the model with onnxlab's own operators, or the error of onnxmodels.Lowered.
func lowered(m *modelfile.Model) ([]byte, error) {
	changed, err := onnxmodels.Lowered(m, Block())
	if err != nil {
		return nil, err
	}
	return modelfile.Marshal(changed)
}

// Predict runs the model on images [n, height, width, channels] of 0..255, whichever
// kind of input it has, and returns the logits and the probabilities, both [n,
// classes]. The context does not interrupt ONNX Runtime.
func (m *Model) Predict(_ context.Context, images []uint8) (logits, probabilities []float32, err error) {
	size, classes := m.signature.Height*m.signature.Width*m.signature.Channels, len(m.signature.Classes)
	n := len(images) / size
	if n == 0 || n*size != len(images) {
		return nil, nil, fmt.Errorf("predict: %d bytes are not images of %dx%dx%d", len(images), m.signature.Height, m.signature.Width, m.signature.Channels)
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

// input returns n images in the layout and type that the model takes.
func (m *Model) input(images []uint8, n int64) (ort.Value, error) {
	height, width, channels := int64(m.signature.Height), int64(m.signature.Width), int64(m.signature.Channels)
	if m.signature.Input == onnxmodels.InputFloat32NCHW {
		return ort.NewTensor(ort.NewShape(n, channels, height, width), onnxmodels.Planes(images, m.signature.Height, m.signature.Width, m.signature.Channels))
	}
	return ort.NewTensor(ort.NewShape(n, height, width, channels), images)
}

// Close frees the session, after the calls under way. It may be called again.
func (m *Model) Close() error { return m.session.close() }

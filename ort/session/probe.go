//go:build cgo

package session

import (
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/interp"
)

// Probe runs a model that has one input and returns some of its float32 outputs. It is safe
// for concurrent use.
type Probe struct {
	session *inference
	outputs []string
}

// NewProbe loads a model whose only input has the name input. Runs of the probe return the
// outputs with these names, which must be float32.
func NewProbe(data []byte, input string, outputs []string, o Options) (*Probe, error) {
	if len(outputs) == 0 {
		return nil, errors.New("start inference: no outputs were requested")
	}
	s, err := newInference(data, []string{input}, outputs, o)
	if err != nil {
		return nil, fmt.Errorf("start inference: %w", err)
	}
	return &Probe{s, outputs}, nil
}

// Run runs the model on the input and returns the outputs in their order.
func (p *Probe) Run(input *interp.Value) ([][]float32, error) {
	x, err := native(input)
	if err != nil {
		return nil, fmt.Errorf("run model: %w", err)
	}
	return p.run(x)
}

// RunImages is Run on images [n, height, width, channels] of 0..255. It does not copy them,
// except to a GPU.
func (p *Probe) RunImages(images []uint8, height, width, channels int) ([][]float32, error) {
	n := len(images) / (height * width * channels)
	x, err := ort.NewTensor(ort.NewShape(int64(n), int64(height), int64(width), int64(channels)), images)
	if err != nil {
		return nil, fmt.Errorf("run model: %w", err)
	}
	return p.run(x)
}

// run runs the model on x, which it frees.
func (p *Probe) run(x ort.Value) (_ [][]float32, err error) {
	defer x.Destroy() // only frees memory
	values := make([]ort.Value, len(p.outputs))
	defer func() {
		for _, v := range values {
			if v != nil {
				err = errors.Join(err, v.Destroy())
			}
		}
	}()
	if err := p.session.run([]ort.Value{x}, values); err != nil {
		return nil, fmt.Errorf("run model: %w", err)
	}
	results := make([][]float32, len(values))
	for i, v := range values {
		t, ok := v.(*ort.Tensor[float32])
		if !ok {
			return nil, fmt.Errorf("run model: output %q is not a float32 tensor", p.outputs[i])
		}
		results[i] = append([]float32(nil), t.GetData()...)
	}
	return results, nil
}

// Close frees the session, after the calls under way. It may be called again.
func (p *Probe) Close() error { return p.session.close() }

func native(v *interp.Value) (ort.Value, error) {
	shape := make(ort.Shape, len(v.Shape))
	for i, n := range v.Shape {
		shape[i] = int64(n)
	}
	if v.Elem == graph.Uint8 {
		bytes := make([]uint8, len(v.Ints))
		for i, value := range v.Ints {
			bytes[i] = uint8(value)
		}
		return ort.NewTensor(shape, bytes)
	}
	return ort.NewTensor(shape, v.Floats)
}

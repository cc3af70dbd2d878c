package session

import (
	"context"
	"errors"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/verify"
)

// Outputs runs an inference model on images [n, height, width, channels] in ONNX Runtime. data
// is the model's file, and m the same model in pure Go, to be compared with.
func Outputs(ctx context.Context, data []byte, m *interp.Model, images []uint8, o Options) (_ verify.Outputs, err error) {
	p, err := NewProbe(data, onnxmodels.InputImage, []string{onnxmodels.OutputLogits, onnxmodels.OutputProbabilities}, o)
	if err != nil {
		return verify.Outputs{}, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	all := verify.Outputs{Runtime: "ONNX Runtime", Classes: m.Classes()}
	for batch := range m.Batches(images) {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		input, err := m.Input(batch)
		if err != nil {
			return all, err
		}
		results, err := p.Run(input)
		if err != nil {
			return all, err
		}
		all.Logits, all.Probabilities = append(all.Logits, results[0]...), append(all.Probabilities, results[1]...)
	}
	return all, nil
}

// LayerProbe runs an inference model and returns the outputs of all its nodes. It needs its
// own session: ONNX Runtime fuses nodes whose outputs are not requested, and the results of
// fused nodes are rounded differently.
type LayerProbe struct {
	*Probe
	model *interp.Model
	names []string // of the values
}

// NewLayerProbe loads an inference model. data is the model's file, and m the same model in
// pure Go.
func NewLayerProbe(data []byte, m *interp.Model, o Options) (*LayerProbe, error) {
	model, err := modelfile.Decode(data)
	if err != nil {
		return nil, err
	}
	exposed, names := verify.Exposed(model)
	bytes, err := modelfile.Marshal(exposed)
	if err != nil {
		return nil, err
	}
	p, err := NewProbe(bytes, onnxmodels.InputImage, names, o)
	if err != nil {
		return nil, err
	}
	return &LayerProbe{p, m, names}, nil
}

// Values returns the values by their names, for images [n, height, width, channels].
func (p *LayerProbe) Values(images []uint8) (map[string][]float32, error) {
	input, err := p.model.Input(images)
	if err != nil {
		return nil, err
	}
	results, err := p.Run(input)
	if err != nil {
		return nil, err
	}
	values := map[string][]float32{}
	for i, name := range p.names {
		values[name] = results[i]
	}
	return values, nil
}

package session

import (
	"errors"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/gorun"
	"onnxlab/onnxmodels/verify"
)

// Outputs runs the inference model of the given bytes, which m has decoded, on
// images [n, height, width, 3], for a comparison with m.
func Outputs(data []byte, m *gorun.Model, images []uint8, o Options) (verify.Outputs, error) {
	results, err := probe(data, m, []string{onnxmodels.OutputLogits, onnxmodels.OutputProbabilities}, images, o)
	if err != nil {
		return verify.Outputs{}, err
	}
	return verify.Outputs{Runtime: "ONNX Runtime", Classes: m.Classes(), Logits: results[0], Probabilities: results[1]}, nil
}

// Layers is as Outputs, for every value that a node of the model gives. It is a
// session of its own: ONNX Runtime merges nodes whose values nobody asks for,
// and rounds otherwise.
func Layers(data []byte, m *gorun.Model, images []uint8, o Options) (map[string][]float32, error) {
	model, err := onnxmodels.DecodeModel(data)
	if err != nil {
		return nil, err
	}
	exposed, names := verify.Exposed(model)
	bytes, err := onnxmodels.Marshal(exposed)
	if err != nil {
		return nil, err
	}
	results, err := probe(bytes, m, names, images, o)
	if err != nil {
		return nil, err
	}
	values := map[string][]float32{}
	for i, name := range names {
		values[name] = results[i]
	}
	return values, nil
}

func probe(data []byte, m *gorun.Model, outputs []string, images []uint8, o Options) (_ [][]float32, err error) {
	input, err := m.Input(images)
	if err != nil {
		return nil, err
	}
	p, err := NewProbe(data, onnxmodels.InputImage, outputs, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return p.Run(input)
}

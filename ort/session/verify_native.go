//go:build cgo

package session

import (
	"context"
	"errors"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/verify"
)

// NativeOutputs is Outputs with onnxlab's own operators, as NewModel uses them. ok is false if
// the model has nothing that they could compute. Only builds with cgo have it.
func NativeOutputs(ctx context.Context, data []byte, m *interp.Model, images []uint8, o Options) (all verify.Outputs, ok bool, err error) {
	decoded, err := modelfile.Decode(data)
	if err != nil {
		return all, false, err
	}
	signature, err := onnxmodels.SignatureOf(decoded)
	if err != nil {
		return all, false, err
	}
	fast, err := lowered(decoded)
	if err != nil {
		return all, false, nil // such a model runs in ONNX Runtime alone
	}
	model, err := newModel(fast, signature, o)
	if err != nil {
		return all, false, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	all = verify.Outputs{Runtime: "onnxlab's kernels", Classes: m.Classes()}
	for batch := range m.Batches(images) {
		logits, probabilities, err := model.Predict(ctx, batch)
		if err != nil {
			return all, false, err
		}
		all.Logits, all.Probabilities = append(all.Logits, logits...), append(all.Probabilities, probabilities...)
	}
	return all, true, nil
}

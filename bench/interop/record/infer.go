package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"onnxlab/dataset"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop/evaluation"
	"onnxlab/trainloop/session"
)

// inferred are the numbers of images that both runtimes are given.
var inferred = []int{1, 32}

// infer writes each form of inference model of the checkpoint last, what it
// gives, and the logits of the first batch.
func infer(ctx context.Context, dir string, n *onnxmodels.Network, set *dataset.Set, batch int) error {
	c, err := checkpoint.Read(filepath.Join(dir, "last"))
	if err != nil {
		return err
	}
	for _, keep := range []bool{false, true} {
		for _, input := range []string{onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW} {
			model, err := n.Inference(c, onnxmodels.InferenceOptions{Input: input, KeepBatchNorm: keep})
			if err != nil {
				return err
			}
			form := "folded-" + input
			if keep {
				form = "kept-" + input
			}
			if err := inferForm(ctx, filepath.Join(dir, form), model, set); err != nil {
				return err
			}
		}
	}
	model, err := n.Inference(c, onnxmodels.InferenceOptions{})
	if err != nil {
		return err
	}
	data, err := modelfile.Marshal(model)
	if err != nil {
		return err
	}
	m, err := session.NewModel(data, session.Options{})
	if err != nil {
		return err
	}
	logits, _, err := m.Predict(ctx, set.Images(0, batch))
	if err := errors.Join(err, m.Close()); err != nil {
		return err
	}
	return writeRaw(dir, "logits.f32", logits)
}

// inferForm writes one model, and what it gives in both runtimes, to files
// whose paths begin with prefix.
func inferForm(ctx context.Context, prefix string, model *modelfile.Model, set *dataset.Set) (err error) {
	data, err := modelfile.Marshal(model)
	if err != nil {
		return err
	}
	native, err := session.NewModel(data, session.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, native.Close()) }()
	pure, err := interp.New(data)
	if err != nil {
		return err
	}
	for _, count := range inferred {
		for runtime, m := range map[string]evaluation.Predictor{"session": native, "interp": pure} {
			logits, probabilities, err := m.Predict(ctx, set.Images(0, count))
			if err != nil {
				return fmt.Errorf("%s of %s: %w", runtime, filepath.Base(prefix), err)
			}
			name := fmt.Sprintf("%s-%d.%s.f32", filepath.Base(prefix), count, runtime)
			if err := writeRaw(filepath.Dir(prefix), name, slices.Concat(logits, probabilities)); err != nil {
				return err
			}
		}
	}
	return modelfile.Write(prefix+".onnx", model)
}

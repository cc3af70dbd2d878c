package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"onnxlab/dataset"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/session"
)

// inferred lists how many images both runtimes get at once.
var inferred = []int{1, 32}

// infer writes each form of inference model of the checkpoint last, the outputs of
// these models, and the logits of the first batch.
func infer(ctx context.Context, dir string, n *onnxmodels.Network, set *dataset.Set, batch int) error {
	c, err := checkpoint.Read(filepath.Join(dir, "last"))
	if err != nil {
		return err
	}
	c = artifact.Averaged(c)
	ranges, err := rangesOf(n, c, set)
	if err != nil {
		return err
	}
	for name, o := range map[string]onnxmodels.InferenceOptions{
		"folded": {}, "kept": {KeepBatchNorm: true},
		"float16": {Precision: onnxmodels.PrecisionFloat16},
		"int8":    {Precision: onnxmodels.PrecisionInt8, Ranges: ranges},
	} {
		for _, input := range []string{onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW} {
			o.Input = input
			model, err := n.Inference(c, o)
			if err != nil {
				return err
			}
			if err := inferForm(ctx, filepath.Join(dir, name+"-"+input), model, set); err != nil {
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

// rangesOf returns the ranges of the network's values for the images that the
// models get.
func rangesOf(n *onnxmodels.Network, c *checkpoint.Checkpoint, set *dataset.Set) (onnxmodels.Ranges, error) {
	model, err := n.Inference(c, onnxmodels.InferenceOptions{})
	if err != nil {
		return nil, err
	}
	data, err := modelfile.Marshal(model)
	if err != nil {
		return nil, err
	}
	pure, err := interp.New(data)
	if err != nil {
		return nil, err
	}
	values, err := pure.Values(set.Images(0, slices.Max(inferred)))
	if err != nil {
		return nil, err
	}
	ranges := onnxmodels.Ranges{}
	for _, v := range values {
		ranges.Observe(v.Name, v.Floats)
	}
	return ranges, nil
}

// inferForm writes one model, and its outputs in both runtimes, to files whose
// paths begin with prefix.
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

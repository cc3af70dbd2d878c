package main

import (
	"context"
	"errors"
	"io"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/verify"
	"onnxlab/pipeline/internal/cli"
)

// verifyGiven compares the runtimes on noise if the model was not written by 'export model'.
// given tells whether that is so.
func (o *verifyOptions) verifyGiven(ctx context.Context, stdout, stderr io.Writer) (given bool, err error) {
	if o.model == "" {
		return false, nil
	}
	m, err := modelfile.Read(o.model)
	if err != nil {
		return true, cli.BadData(err)
	}
	if height, width, err := importer.ImageSize(m); err == nil {
		if err := o.size.RefuseOther(o.model, height, width); err != nil {
			return true, err
		}
	}
	if _, err := onnxmodels.SignatureOf(m); err == nil {
		return false, nil
	}
	if o.layers || o.record != "" || o.against != "" {
		return true, cli.BadUsage(errors.New("--layers, --record and --against need a model that 'pipeline export model' wrote"))
	}
	data, err := modelfile.Marshal(m)
	if err != nil {
		return true, err
	}
	s := newSubject(o.model, data)
	report, err := o.compareGiven(ctx, m, s, stderr)
	if err != nil {
		return true, err
	}
	return true, o.conclude(stdout, s, report)
}

func (o *verifyOptions) compareGiven(ctx context.Context, m *modelfile.Model, s subject, stderr io.Writer) (verify.Report, error) {
	e, err := configs.Load("", nil)
	if err != nil {
		return verify.Report{}, err
	}
	model, err := verify.NewGiven(m, o.size.Height, o.size.Width)
	if errors.Is(err, importer.ErrOpenSize) {
		return verify.Report{}, cli.BadUsagef("model %q: %w: give --size", s.path, err)
	}
	if err != nil {
		return verify.Report{}, cli.BadDataf("read model %q: %w", s.path, err)
	}
	run, done, err := ortRun(ctx, e.Runtime, s, model, stderr)
	if err != nil {
		return verify.Report{}, err
	}
	outputs, err := model.RunWith(ctx, o.count, "ONNX Runtime", run)
	if err = errors.Join(err, done()); err != nil {
		return verify.Report{}, s.failedInORT(err)
	}
	pure, err := model.Run(ctx, o.count)
	if err != nil {
		return verify.Report{}, cli.BadDataf("run %q in pure Go: %w", s.path, err)
	}
	if !o.tolerant {
		o.tolerance = givenTolerance
	}
	report, err := verify.Compare(outputs, pure, o.tolerance)
	if err != nil {
		return report, err
	}
	report.Native, err = o.compareInference(ctx, m, e, s, stderr)
	return report, err
}

// compareInference compares, on bytes of noise, the inference model that 'predict' makes from a given
// model and runs with onnxlab's kernels. The result is nil if the kernels compute no part of it, or if
// 'predict' refuses the model.
func (o *verifyOptions) compareInference(ctx context.Context, m *modelfile.Model, e *configs.Experiment, s subject, stderr io.Writer) (*verify.Report, error) {
	usual := onnxmodels.Normalization{} // what images mean does not matter here
	inference, err := onnxmodels.InferenceOf(m, onnxmodels.InputOptions{Normalization: &usual, Height: o.size.Height, Width: o.size.Width})
	if err != nil {
		return nil, nil
	}
	data, err := modelfile.Marshal(inference)
	if err != nil {
		return nil, err
	}
	made := newSubject(s.path, data)
	if made.model, err = interp.New(data); err != nil {
		return nil, nil
	}
	height, width := made.model.Size()
	images := noise(o.count * height * width * made.model.Channels())
	native, err := ortNative(ctx, e.Runtime, made, images, stderr)
	if err != nil || native == nil {
		return nil, err
	}
	report, err := o.compareWith(ctx, inORT{outputs: *native}, made, images)
	return &report, err
}

// givenTolerance is the tolerance for given models. They may have a hundred layers more than
// the study's network, and the rounding errors of all layers add up.
const givenTolerance = 1e-4

// runGiven runs a given model on an image.
type runGiven = func(*interp.Value) ([]float32, error)

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

// verifyOwn compares the runtimes on a model that export model has not written, on noise.
// It tells whether the model is such a one.
func (o *verifyOptions) verifyOwn(ctx context.Context, stdout, stderr io.Writer) (own bool, err error) {
	if o.model == "" {
		return false, nil
	}
	m, err := modelfile.Read(o.model)
	if err != nil {
		return true, cli.BadData(err)
	}
	if _, err := onnxmodels.FormOf(m); err == nil {
		return false, nil
	}
	if o.layers || o.record != "" || o.against != "" {
		return true, cli.BadUsage(errors.New("--layers, --record and --against are for models that export model writes"))
	}
	data, err := modelfile.Marshal(m)
	if err != nil {
		return true, err
	}
	s := newSubject(o.model, data)
	report, err := o.compareOwn(ctx, m, s, stderr)
	if err != nil {
		return true, err
	}
	return true, o.conclude(stdout, s, report)
}

func (o *verifyOptions) compareOwn(ctx context.Context, m *modelfile.Model, s subject, stderr io.Writer) (verify.Report, error) {
	e, err := configs.Load("", nil)
	if err != nil {
		return verify.Report{}, err
	}
	model, err := verify.NewOwn(m, o.size.Height, o.size.Width)
	if errors.Is(err, importer.ErrOpenSize) {
		return verify.Report{}, cli.BadUsagef("model %q: %w: give --size", s.path, err)
	}
	if err != nil {
		return verify.Report{}, cli.BadDataf("read model %q: %w", s.path, err)
	}
	run, done, err := nativeRun(ctx, e.Runtime, s, model, stderr)
	if err != nil {
		return verify.Report{}, err
	}
	native, err := model.RunWith(ctx, o.count, "ONNX Runtime", run)
	if err = errors.Join(err, done()); err != nil {
		return verify.Report{}, s.failedNative(err)
	}
	pure, err := model.Run(ctx, o.count)
	if err != nil {
		return verify.Report{}, cli.BadDataf("run %q in pure Go: %w", s.path, err)
	}
	tolerance := o.tolerance
	if !o.tolerant {
		tolerance = ownTolerance
	}
	return verify.Compare(native, pure, tolerance)
}

// ownTolerance is that of given models, which have a hundred layers more than the
// study's network: the rounding of each adds up.
const ownTolerance = 1e-4

// runOwn runs a model on an image.
type runOwn = func(*interp.Value) ([]float32, error)

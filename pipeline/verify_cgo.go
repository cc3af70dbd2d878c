//go:build cgo

package main

import (
	"context"
	"errors"
	"io"

	"onnxlab/configs"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/verify"
	"onnxlab/ort/session"
	"onnxlab/pipeline/internal/cli"
)

// ortOutputs runs the model in ONNX Runtime, on the CPU. With --layers it also compares
// the outputs of all nodes.
func ortOutputs(ctx context.Context, o *verifyOptions, e *configs.Experiment, s subject, images []uint8, stderr io.Writer) (run inORT, err error) {
	if err := cli.OpenLibrary(ctx, e.Runtime, stderr); err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	options := session.Options{Threads: e.Runtime.Threads}
	if run.outputs, err = session.Outputs(ctx, s.data, s.model, images, options); err != nil {
		return run, s.failedInORT(err)
	}
	if run.native, err = kernelOutputs(ctx, s, images, options); err != nil {
		return run, err
	}
	if o.layers {
		run.layers, err = compareLayers(ctx, s, images, options)
	}
	return run, err
}

// ortNative runs the model in ONNX Runtime with onnxlab's kernels. The result is nil if the kernels
// compute no part of this model.
func ortNative(ctx context.Context, r configs.Runtime, s subject, images []uint8, stderr io.Writer) (_ *verify.Outputs, err error) {
	if err := cli.OpenLibrary(ctx, r, stderr); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	return kernelOutputs(ctx, s, images, session.Options{Threads: r.Threads})
}

// kernelOutputs is ortNative once the library is open.
func kernelOutputs(ctx context.Context, s subject, images []uint8, o session.Options) (*verify.Outputs, error) {
	native, ok, err := session.NativeOutputs(ctx, s.data, s.model, images, o)
	switch {
	case err != nil:
		return nil, s.failedInORT(err)
	case !ok:
		return nil, nil
	}
	return &native, nil
}

// compareLayers compares the output of each node in both runtimes.
func compareLayers(ctx context.Context, s subject, images []uint8, options session.Options) (layers []verify.Layer, err error) {
	probe, err := session.NewLayerProbe(s.data, s.model, options)
	if err != nil {
		return nil, s.failedInORT(err)
	}
	defer func() { err = errors.Join(err, probe.Close()) }()
	for batch := range s.model.Batches(images) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		inORT, err := probe.Values(batch)
		if err != nil {
			return nil, s.failedInORT(err)
		}
		values, err := s.model.Values(batch)
		if err != nil {
			return nil, err
		}
		compared, err := verify.Layers(inORT, values)
		if err != nil {
			return nil, err
		}
		layers = verify.Join(layers, compared)
	}
	return layers, nil
}

// ortRun returns a function that runs a given model in ONNX Runtime, on the CPU.
func ortRun(ctx context.Context, r configs.Runtime, s subject, model *verify.Given, stderr io.Writer) (run runGiven, done func() error, err error) {
	if err := cli.OpenLibrary(ctx, r, stderr); err != nil {
		return nil, nil, err
	}
	probe, err := session.NewProbe(s.data, model.Input, []string{model.Output}, session.Options{Threads: r.Threads})
	if err != nil {
		return nil, nil, errors.Join(s.failedInORT(err), session.Close())
	}
	run = func(v *interp.Value) ([]float32, error) {
		outputs, err := probe.Run(v)
		if err != nil {
			return nil, err
		}
		return outputs[0], nil
	}
	return run, func() error { return errors.Join(probe.Close(), session.Close()) }, nil
}

//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"onnxlab/configs"
	"onnxlab/onnxmodels/verify"
	"onnxlab/trainloop/session"
)

// nativeOutputs runs the model in ONNX Runtime, on the CPU. The layers' values
// are nil unless they are asked for.
func nativeOutputs(ctx context.Context, o *verifyOptions, e *configs.Experiment, s subject, images []uint8, stderr io.Writer) (
	outputs verify.Outputs, layers map[string][]float32, err error,
) {
	if err := openLibrary(ctx, e.Runtime, stderr); err != nil {
		return outputs, nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	options := session.Options{Threads: e.Runtime.Threads}
	if outputs, err = session.Outputs(s.data, s.model, images, options); err == nil && o.layers {
		layers, err = session.Layers(s.data, s.model, images, options)
	}
	if err != nil {
		err = &dataError{fmt.Errorf("run %q in ONNX Runtime: %w", s.path, err)}
	}
	return outputs, layers, err
}

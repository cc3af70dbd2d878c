//go:build !cgo

package main

import (
	"context"
	"fmt"
	"io"

	"onnxlab/configs"
	"onnxlab/onnxmodels/verify"
	"onnxlab/ort/session"
)

// nativeOutputs fails: this build compares with recorded outputs only.
func nativeOutputs(context.Context, *verifyOptions, *configs.Experiment, subject, []uint8, io.Writer) (
	verify.Outputs, []verify.Layer, error,
) {
	return verify.Outputs{}, nil, fmt.Errorf("%w; give outputs that another build recorded with --record by --against FILE", session.ErrNoCgo)
}

// nativeRun fails: this build has no ONNX Runtime to compare with.
func nativeRun(context.Context, configs.Runtime, subject, *verify.Own, io.Writer) (runOwn, func() error, error) {
	return nil, nil, session.ErrNoCgo
}

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

// nativeOutputs fails: this build can compare only with recorded outputs.
func nativeOutputs(context.Context, *verifyOptions, *configs.Experiment, subject, []uint8, io.Writer) (
	verify.Outputs, []verify.Layer, error,
) {
	return verify.Outputs{}, nil, fmt.Errorf("%w; record outputs with another build (--record FILE), and give them with --against FILE", session.ErrNoCgo)
}

// nativeRun fails: this build has no ONNX Runtime to compare with.
func nativeRun(context.Context, configs.Runtime, subject, *verify.Own, io.Writer) (runGiven, func() error, error) {
	return nil, nil, session.ErrNoCgo
}

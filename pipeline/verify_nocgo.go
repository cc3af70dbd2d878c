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

// ortOutputs fails: this build can compare only with recorded outputs.
func ortOutputs(context.Context, *verifyOptions, *configs.Experiment, subject, []uint8, io.Writer) (inORT, error) {
	return inORT{}, fmt.Errorf("%w; record outputs with another build (--record FILE), and give them with --against FILE", session.ErrNoCgo)
}

// ortNative fails: this build has no ONNX Runtime.
func ortNative(context.Context, configs.Runtime, subject, []uint8, io.Writer) (*verify.Outputs, error) {
	return nil, session.ErrNoCgo
}

// ortRun fails: this build has no ONNX Runtime to compare with.
func ortRun(context.Context, configs.Runtime, subject, *verify.Given, io.Writer) (runGiven, func() error, error) {
	return nil, nil, session.ErrNoCgo
}

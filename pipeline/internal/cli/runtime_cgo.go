//go:build cgo

package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels/interp"
	"onnxlab/ort/session"
)

// These need ONNX Runtime. runtime_nocgo.go has their counterparts for builds without cgo.

// DefaultRuntime is what inference models run in.
const DefaultRuntime = RuntimeORT

// NeedsLibrary marks a command that does nothing without ONNX Runtime.
func NeedsLibrary(cmd *cobra.Command) *cobra.Command { return cmd }

// OpenLibrary finds or fetches the native library and opens it.
func OpenLibrary(ctx context.Context, r configs.Runtime, progress io.Writer) error {
	return session.Open(ctx, session.LibraryOptions{Library: r.Library, Device: r.Device, Progress: progress})
}

// openORT makes a model ready to run in ONNX Runtime.
func openORT(ctx context.Context, data []byte, r configs.Runtime, stderr io.Writer) (evaluation.Predictor, func() error, error) {
	if err := OpenLibrary(ctx, r, stderr); err != nil {
		return nil, nil, err
	}
	m, err := session.NewModel(data, session.Options{Device: r.Device, Threads: r.Threads, TF32: r.TF32})
	if err != nil {
		return nil, nil, errors.Join(BadData(err), session.Close())
	}
	return m, func() error { return errors.Join(m.Close(), session.Close()) }, nil
}

// OpenPlain makes a model ready to run with ONNX Runtime's own operators only. The library
// must be open.
func OpenPlain(data []byte, r configs.Runtime) (evaluation.Predictor, func() error, error) {
	m, err := session.NewModel(data, session.Options{Device: r.Device, Threads: r.Threads, TF32: r.TF32, Plain: true})
	if err != nil {
		return nil, nil, &dataError{err}
	}
	return m, m.Close, nil
}

// OpenValues makes a model ready to return the outputs of all its nodes by name. data is the
// model's file, and m the same model in pure Go.
func OpenValues(ctx context.Context, data []byte, m *interp.Model, r configs.Runtime, stderr io.Writer) (
	values func(images []uint8) (map[string][]float32, error), end func() error, err error,
) {
	if err := OpenLibrary(ctx, r, stderr); err != nil {
		return nil, nil, err
	}
	p, err := session.NewLayerProbe(data, m, session.Options{Threads: r.Threads})
	if err != nil {
		return nil, nil, errors.Join(err, session.Close())
	}
	return p.Values, func() error { return errors.Join(p.Close(), session.Close()) }, nil
}

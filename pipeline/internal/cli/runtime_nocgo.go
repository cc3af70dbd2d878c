//go:build !cgo

package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels/interp"
	"onnxlab/ort/session"
)

// A build without cgo has only what needs no ONNX Runtime. The rest fails here.

// DefaultRuntime is what inference models run in.
const DefaultRuntime = RuntimeGo

// NeedsLibrary makes a command that does nothing without ONNX Runtime say so,
// before it looks for data or fetches anything.
func NeedsLibrary(cmd *cobra.Command) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return fmt.Errorf("%s: %w", strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" "), session.ErrNoCgo)
	}
	return cmd
}

// OpenLibrary fails.
func OpenLibrary(context.Context, configs.Runtime, io.Writer) error { return session.ErrNoCgo }

// openORT fails.
func openORT(context.Context, []byte, configs.Runtime, io.Writer) (evaluation.Predictor, func() error, error) {
	return nil, nil, fmt.Errorf("%w; --runtime %s runs it in this one", session.ErrNoCgo, RuntimeGo)
}

// OpenPlain fails.
func OpenPlain([]byte, configs.Runtime) (evaluation.Predictor, func() error, error) {
	return nil, nil, session.ErrNoCgo
}

// OpenValues makes a model ready to return the outputs of all its nodes by name, in pure
// Go.
func OpenValues(_ context.Context, _ []byte, m *interp.Model, _ configs.Runtime, _ io.Writer) (
	values func(images []uint8) (map[string][]float32, error), end func() error, err error,
) {
	values = func(images []uint8) (map[string][]float32, error) {
		list, err := m.Values(images)
		byName := map[string][]float32{}
		for _, v := range list {
			byName[v.Name] = v.Floats // nil for integers
		}
		return byName, err
	}
	return values, func() error { return nil }, nil
}

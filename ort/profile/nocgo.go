//go:build !cgo

package profile

import (
	"context"

	"onnxlab/internal/onnxpb"
	"onnxlab/ort/session"
)

// Run returns session.ErrNoCgo.
func Run(context.Context, *onnxpb.Model, Feeds, []string, Options) (Trace, error) {
	return Trace{}, session.ErrNoCgo
}

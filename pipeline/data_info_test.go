package main

import (
	"context"
	"errors"
	"io"
	"testing"

	"onnxlab/configs"
	"onnxlab/pipeline/internal/cli"
)

// TestDataInfoInterrupted: drawing the set to describe, which takes seconds, can be
// interrupted.
func TestDataInfoInterrupted(t *testing.T) {
	d := configs.Data{Source: "synthetic", Train: 20, Validation: 8}
	data, err := cli.LoadData(t.Context(), d, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	train, validation := data.Train, data.Validation
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := describeData(ctx, d, train, validation); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	if info, err := describeData(t.Context(), d, train, validation); err != nil || info.Train.Images != 20 || info.Validation.SHA256 != validation.Hash() {
		t.Errorf("afterwards: %+v, %v", info, err)
	}
}

package onnxmodels

import (
	"fmt"

	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// OwnOptions say how a model with an input of its own takes images.
type OwnOptions struct {
	// Normalization converts bytes to the model's input; nil means the one that
	// NormalizationOf finds.
	Normalization *Normalization
	// Height and Width are the size of images, for models that leave it open.
	Height, Width int
}

// InferenceOf turns a classifier from elsewhere into an inference model as FormOf reads it: bytes
// in, logits and probabilities out. A model that is one already is returned unchanged. Errors say
// why a model cannot be read; importer.ErrOpenSize is one of them.
func InferenceOf(m *modelfile.Model, o OwnOptions) (*modelfile.Model, error) {
	if _, err := FormOf(m); err == nil {
		return m, nil
	}
	if _, _, _, err := importer.SizeFor(m, o.Height, o.Width); err != nil {
		return nil, err
	}
	read, err := importer.Read(m, importer.Options{Height: o.Height, Width: o.Width})
	if err != nil {
		return nil, err
	}
	if o.Normalization == nil {
		found, err := NormalizationOf(m)
		if err != nil {
			return nil, fmt.Errorf("normalisation: %w", err)
		}
		o.Normalization = &found
	}
	n, err := Given(read, GivenOptions{Normalization: o.Normalization, BatchNorm: BatchNormFreeze})
	if err != nil {
		return nil, err
	}
	return n.Inference(n.Initialize(0), InferenceOptions{})
}

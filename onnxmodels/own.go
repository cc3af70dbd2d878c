package onnxmodels

import (
	"fmt"

	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// OwnOptions say how a model in a form of its own takes images.
type OwnOptions struct {
	// Normalization is what becomes of bytes; nil is what NormalizationOf finds.
	Normalization *Normalization
	// Height and Width are the size of images of a model that leaves it open.
	Height, Width int
}

// InferenceOf returns a classifier from outside as an inference model, which FormOf tells the
// form of: bytes in, logits and probabilities out. A model that is one already is returned as
// it is. What keeps a model from being read is an error, importer.ErrOpenSize among them.
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

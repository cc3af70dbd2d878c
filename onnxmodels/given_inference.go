package onnxmodels

import (
	"errors"
	"fmt"
	"slices"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/lower/native"
	"onnxlab/onnxmodels/modelfile"
)

// InputOptions say how a model with an input of its own takes images.
type InputOptions struct {
	// Normalization converts bytes to the model's input; nil means the one that
	// NormalizationOf finds.
	Normalization *Normalization
	// Height and Width are the size of images, for models that leave it open.
	Height, Width int
}

// InferenceOf turns a given classifier into an inference model as SignatureOf reads it: bytes
// in, logits and probabilities out. A model that is one already is returned unchanged. Errors say
// why a model cannot be read; importer.ErrOpenSize and a *NormalizationError are among them.
func InferenceOf(m *modelfile.Model, o InputOptions) (*modelfile.Model, error) {
	if _, err := SignatureOf(m); err == nil {
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
			return nil, &NormalizationError{err.Error()}
		}
		o.Normalization = &found
	}
	n, err := Given(read, GivenOptions{Normalization: o.Normalization, BatchNorm: BatchNormFreeze})
	if err != nil {
		return nil, err
	}
	return n.Inference(n.Initialize(0), InferenceOptions{})
}

// Lowered returns an inference model in which onnxlab's own operators replace those of ONNX
// Runtime. Sessions of package session have these operators. block is the number of channels in
// their blocks (session.Block). Inputs, outputs and metadata stay the same, and results change
// only by rounding.
//
// Lowered returns an error if the model has such operators already, computes in anything but
// float32 or cannot be read by package importer, or if one of its convolutions has no operator
// here: then the model would run slower, because ONNX Runtime plans its own convolutions
// together.
func Lowered(m *modelfile.Model, block int) (*modelfile.Model, error) {
	signature, err := SignatureOf(m)
	if err != nil {
		return nil, fmt.Errorf("lower: %w", err)
	}
	if block == 0 || signature.Precision != PrecisionFloat32 {
		return nil, fmt.Errorf("lower: there are no operators for %s on blocks of %d channels", signature.Precision, block)
	}
	if slices.ContainsFunc(m.GetGraph().GetNode(), func(n *onnxpb.Node) bool { return n.GetDomain() == native.Domain }) {
		return nil, errors.New("lower: it has such operators already")
	}
	read, err := importer.Read(m, importer.Options{})
	if err != nil {
		return nil, fmt.Errorf("lower: %w", err)
	}
	n, err := Given(read, GivenOptions{BatchNorm: BatchNormFreeze})
	if err != nil {
		return nil, fmt.Errorf("lower: %w", err)
	}
	b := newBuilder("inference")
	b.constants = n.Initialize(0)
	b.classify(n.forward(b, n.given.input(b)), signature.Loss)
	if b.Err() == nil {
		lower.FoldBatchNorm(b.Graph)
		native.LowerInference(b.Graph, block)
	}
	for _, n := range b.Nodes {
		if n.Op == "Conv" && n.Domain != native.Domain {
			return nil, fmt.Errorf("lower: there is no operator for %q", n.Name)
		}
	}
	var properties []graph.Property
	for _, p := range m.GetMetadataProps() {
		properties = append(properties, graph.Property{Key: p.GetKey(), Value: p.GetValue()})
	}
	return b.Model(properties...)
}

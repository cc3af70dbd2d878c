package onnxmodels

import (
	"errors"
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Normalized returns a network with the same layers whose input is normalised first: (x −
// Mean)/Deviation for images x in 0..1, with one number each for red, green and blue, as
// is usual for photographs. The normalisation becomes part of the models, so callers still
// feed plain images. For given models, use GivenOptions.Normalization instead.
func (n *Network) Normalized(by Normalization) (*Network, error) {
	if n.given != nil || n.features > 0 {
		return nil, errors.New("normalise network: it is a given model: use GivenOptions.Normalization")
	}
	for _, list := range [][]float32{by.Mean, by.Deviation} {
		if len(list) > 1 && len(list) != n.channels {
			return nil, fmt.Errorf("normalise network: %v has %d numbers: give one for each channel (%d), or one for all", list, len(list), n.channels)
		}
	}
	if slices.Contains(by.Deviation, 0) {
		return nil, fmt.Errorf("normalise network: a deviation is 0: %v", by.Deviation)
	}
	normalized := *n
	normalized.normalization = by
	return &normalized, nil
}

// apply normalises planes [n, 3, h, w] of 0..1.
func (n Normalization) apply(b *Builder, x *graph.Value) *graph.Value {
	constant := func(name string, list []float32) *graph.Value {
		return b.As(b.compute, b.Floats(name, []int{len(list), 1, 1}, list))
	}
	if len(n.Mean) > 0 {
		x = b.Binary("Sub", "image.centred", x, constant("image.mean", n.Mean))
	}
	if len(n.Deviation) > 0 {
		inverse := make([]float32, len(n.Deviation))
		for i, d := range n.Deviation {
			inverse[i] = 1 / d
		}
		x = b.Binary("Mul", "image.normalised", x, constant("image.inverse_deviation", inverse))
	}
	return x
}

package onnxmodels

import "fmt"

// This file holds what the networks of stages have in common.

// maxWidthFactor is the largest width factor.
const maxWidthFactor = 64

// checkStaged checks the options that all networks of stages have.
func checkStaged(network string, factor float64, classes int, activation string) error {
	if !(factor > 0 && factor <= maxWidthFactor) {
		return fmt.Errorf("%s: width factor %v is outside 0..%d (0 excluded)", network, factor, maxWidthFactor)
	}
	if classes < 2 {
		return fmt.Errorf("%s: %d classes, want at least 2", network, classes)
	}
	if err := checkActivation(activation); err != nil {
		return fmt.Errorf("%s: %w", network, err)
	}
	return nil
}

// stridesOr returns the given strides of the stages, or the usual ones if none are given.
func stridesOr(network string, given, usual []int) ([]int, error) {
	if len(given) == 0 {
		return usual, nil
	}
	if len(given) != len(usual) {
		return nil, fmt.Errorf("%s: %d strides for %d stages", network, len(given), len(usual))
	}
	for _, s := range given {
		if s < 1 {
			return nil, fmt.Errorf("%s: stride %d is below 1", network, s)
		}
	}
	return given, nil
}

// classifier returns a global average pool, dropout unless its rate is 0, and a dense layer.
func classifier(rate float32, classes int) []Layer {
	layers := []Layer{GlobalAveragePool("pool")}
	if rate != 0 {
		layers = append(layers, Dropout("dropout", rate))
	}
	return append(layers, Dense("dense", classes))
}

package onnxmodels

import "onnxlab/onnxmodels/lower"

// Range is between what a value of a model lies.
type Range = lower.Range

// Ranges are those of values by their names, as they are measured on images of the kind
// that a model is for: hundreds of those that it was trained on.
type Ranges map[string]Range

// Observe widens the range of a value so that it holds all of these numbers.
func (r Ranges) Observe(name string, values []float32) {
	if len(values) == 0 {
		return
	}
	known, ok := r[name]
	if !ok {
		known = Range{Min: values[0], Max: values[0]}
	}
	for _, v := range values {
		known.Min, known.Max = min(known.Min, v), max(known.Max, v)
	}
	r[name] = known
}

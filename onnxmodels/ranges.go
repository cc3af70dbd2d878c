package onnxmodels

import "onnxlab/onnxmodels/lower"

// Range is the range of a value of a model.
type Range = lower.Range

// Ranges maps the names of values to their ranges, measured on images of the kind that the model
// is for: a few hundred of its training images.
type Ranges map[string]Range

// Observe widens the range of a value so that it includes all of these numbers.
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

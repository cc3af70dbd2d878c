package interp

import "onnxlab/onnxmodels/op"

// Value is a tensor with its name in the graph.
type Value struct {
	Name string
	*op.Tensor
}

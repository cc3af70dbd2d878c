package interp

import "onnxlab/onnxmodels/op"

// Value is a tensor under a name of the graph.
type Value struct {
	Name string
	*op.Tensor
}

package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Operators that read and write elements at indices.

// gatherOperator is Gather along an axis.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Gather", Takes: Takes("data", "indices"), Gives: Gives("output"), Fields: Fields("axis", int64(0))},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, indices := n.In("data"), n.In("indices")
		axis, err := axisOf(x, n.Int("axis"))
		if err != nil {
			return nil, err
		}
		return typed(x.Elem, slices.Concat(x.Shape[:axis], indices.Shape, x.Shape[axis+1:]))
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x, indices := in[0], in[1]
		axis, err := axisIn(n.Int("axis"), len(x.Shape))
		if err != nil {
			return nil, err
		}
		y, err := empty(x.Elem, slices.Concat(x.Shape[:axis], indices.Shape, x.Shape[axis+1:])...)
		if err != nil {
			return nil, err
		}
		size, inner := x.Shape[axis], product(x.Shape[axis+1:])
		for outer := range product(x.Shape[:axis]) {
			for _, k := range indices.Ints {
				at, err := axisIn(k, size)
				if err != nil {
					return nil, fmt.Errorf("index %d is outside the dimension %d of input %s", k, axis, x)
				}
				from := (outer*size + at) * inner
				y.extend(x, from, from+inner)
			}
		}
		return one(y)
	},
	Moves: true,
})

// Gather appends the parts of x at the indices along a dimension, in whose
// place are those of the indices.
func (b Builder) Gather(name string, x, indices *graph.Value, axis int) *graph.Value {
	return b.one("Gather", name, []*graph.Value{x, indices}, graph.Attribute{Name: "axis", Value: int64(axis)})
}

// scatterElements is ScatterElements.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "ScatterElements", Takes: Takes("data", "indices", "updates"), Gives: Gives("output"),
		Fields: Fields("axis", int64(0), "reduction", "none"),
	},
	Infer: same,
})

// ScatterAdd appends the vector `into` with each element of the vector
// `updates` added at its index.
func (b Builder) ScatterAdd(name string, into, indices, updates *graph.Value) *graph.Value {
	return b.one("ScatterElements", name, []*graph.Value{into, indices, updates},
		graph.Attribute{Name: "axis", Value: int64(0)}, graph.Attribute{Name: "reduction", Value: "add"})
}

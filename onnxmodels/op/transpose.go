package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Transpose permutes the dimensions; without a permutation it reverses their order.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Transpose", Takes: Takes("data"), Gives: Gives("transposed"), Fields: Fields("perm", []int64(nil))},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("data")
		order, err := permutation(n.Ints("perm"), len(x.Shape))
		if err != nil {
			return nil, fmt.Errorf("%w of %s", err, x)
		}
		shape := make(graph.Shape, len(order))
		for i, d := range order {
			shape[i] = x.Shape[d]
		}
		return typed(x.Elem, shape)
	},
	// dx = dy with the inverse permutation
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		order, err := permutation(n.Ints("perm"), len(n.In("data").Shape))
		if err != nil {
			b.Fail("differentiate %q: %w", n.Name, err)
			return dy
		}
		back := make([]int, len(order))
		for i, d := range order {
			back[d] = i
		}
		return []*graph.Value{b.Transpose(n.Name, dy[0], back...)}
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x := in[0]
		order, err := permutation(n.Ints("perm"), len(x.Shape))
		if err != nil {
			return nil, err
		}
		own := strides(x.Shape, x.Shape)
		shape, from := make([]int, len(order)), make([]int, len(order))
		for i, d := range order {
			shape[i], from[i] = x.Shape[d], own[d]
		}
		y, err := strided(x, shape, from, 0)
		if err != nil {
			return nil, err
		}
		return one(y)
	},
	Moves: true,
})

// In models, two Transposes in a row become one, or none if they cancel.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "Transpose", Takes: Takes("data"), Gives: Gives("transposed"), Fields: Fields("perm", []int64(nil))},
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x := n.In("data")
		order, err := permutation(n.Ints("perm"), len(x.Shape))
		if err != nil {
			return nil, fmt.Errorf("%w of %s", err, x)
		}
		if before := x.Producer(); before.Is("", "Transpose") {
			x = before.In("data")
			first, err := permutation(before.Ints("perm"), len(x.Shape))
			if err != nil {
				return nil, err
			}
			for i, d := range order {
				order[i] = first[d]
			}
		}
		if slices.IsSorted(order) {
			return []*graph.Value{x}, nil
		}
		return []*graph.Value{b.Transpose(n.Name, x, order...)}, nil
	},
})

// permutation returns the dimensions in their new order. Without perm it reverses them.
func permutation(perm []int64, rank int) ([]int, error) {
	order, seen := make([]int, rank), make([]bool, rank)
	for i := range order {
		order[i] = rank - 1 - i
	}
	if perm == nil {
		return order, nil
	}
	if len(perm) != rank {
		return nil, fmt.Errorf("attribute \"perm\" is %v, which is not a permutation of the %d dimensions", perm, rank)
	}
	for i, p := range perm {
		if p < 0 || int(p) >= rank || seen[p] {
			return nil, fmt.Errorf("attribute \"perm\" is %v, which is not a permutation of the %d dimensions", perm, rank)
		}
		order[i], seen[p] = int(p), true
	}
	return order, nil
}

// Transpose appends a permutation of the dimensions of x.
func (b Builder) Transpose(name string, x *graph.Value, order ...int) *graph.Value {
	perm := make([]int64, len(order))
	for i, p := range order {
		perm[i] = int64(p)
	}
	return b.one("Transpose", name, []*graph.Value{x}, graph.Attribute{Name: "perm", Value: perm})
}

package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Operators that write elements at indices into a copy of a tensor. An element replaces the one
// that is there, or is combined with it by a reduction: sum, product, maximum or minimum.

var (
	_ = scatter("ScatterElements", Fields("axis", int64(0), "reduction", "none"), scatterElementsGradient, func(n *graph.Node, in []*Tensor) ([]int, int, error) {
		at, err := lineOffsets(in[0], in[1], n.Int("axis"))
		if err == nil && in[2].Len() != len(at) {
			err = fmt.Errorf("updates %s do not fit indices %s", in[2], in[1])
		}
		return at, 1, err
	})
	_ = scatter("ScatterND", Fields("reduction", "none"), scatterNDGradient, func(_ *graph.Node, in []*Tensor) ([]int, int, error) {
		at, part, err := sliceOffsets(in[0], in[1], 0)
		size := product(part)
		if err == nil && in[2].Len() != len(at)*size {
			err = fmt.Errorf("updates %s do not fit indices %s", in[2], in[1])
		}
		return at, size, err
	})
)

// scatter declares an operator that writes slices. begins returns the offset of each slice in the
// output, and the number of elements in a slice.
func scatter(name string, fields []graph.Field, gradient func(b *Backward, n *graph.Node, dy *graph.Value) []*graph.Value, begins func(n *graph.Node, in []*Tensor) (at []int, size int, err error)) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Op: name, Takes: Takes("data", "indices", "updates"), Gives: Gives("output"), Fields: fields},
		From:   11,
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x, indices, updates := n.In("data"), n.In("indices"), n.In("updates")
			if x.Elem != updates.Elem {
				return nil, errDiffer(x, updates)
			}
			err := error(nil)
			if name == "ScatterElements" {
				if _, err = axisOf(x, n.Int("axis")); err == nil {
					err = sameRank(x, indices)
				}
			} else {
				_, _, err = depthOf(x, indices, 0)
			}
			if reduction := n.Text("reduction"); err == nil && !isReduction(reduction) {
				err = fmt.Errorf("attribute \"reduction\" is %q, want none, add, mul, max or min", reduction)
			}
			if err != nil {
				return nil, err
			}
			return FirstType(n)
		},
		Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
			if r := n.Text("reduction"); r != "none" && r != "add" {
				b.Fail("differentiate %q: %s has no gradient for the reduction %q", n.Name, name, r)
				return make([]*graph.Value, 3)
			}
			return gradient(b, n, dy[0])
		},
		Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
			at, size, err := begins(n, in)
			if err != nil {
				return nil, err
			}
			y, err := empty(in[0].Elem, in[0].Shape...)
			if err != nil {
				return nil, err
			}
			y.extend(in[0], 0, in[0].Len())
			write(y, in[2], at, size, n.Text("reduction"))
			return one(y)
		},
	})
}

func isReduction(name string) bool {
	switch name {
	case "none", "add", "mul", "max", "min":
		return true
	}
	return false
}

// write writes the slices of x, each of size elements, to y at the offsets at.
func write(y, x *Tensor, at []int, size int, reduction string) {
	for i, to := range at {
		for k := range size {
			to, from := to+k, i*size+k
			switch {
			case reduction == "none" && y.Ints != nil:
				y.Ints[to] = x.Ints[from]
			case y.Ints != nil:
				y.Ints[to] = wrap(y.Elem, reducedInts(reduction, y.Ints[to], x.Ints[from], y.Elem))
			case reduction == "none":
				y.set(to, x.At(from))
			default:
				y.set(to, reducedFloats(reduction, y.At(to), x.At(from)))
			}
		}
	}
}

// reducedFloats combines two elements by a reduction other than "none".
func reducedFloats(reduction string, a, b float64) float64 {
	switch reduction {
	case "add":
		return a + b
	case "mul":
		return a * b
	case "max":
		return math.Max(a, b)
	}
	return math.Min(a, b)
}

// reducedInts does the same for integers of a type.
func reducedInts(reduction string, a, b int64, elem graph.Elem) int64 {
	switch {
	case reduction == "add":
		return a + b
	case reduction == "mul":
		return a * b
	case (reduction == "max") == isLess(elem, a, b):
		return b
	}
	return a
}

// The gradient with respect to data is dy, with zeros where updates replaced elements. The gradient
// with respect to updates is dy at the indices.

func scatterElementsGradient(b *Backward, n *graph.Node, dy *graph.Value) []*graph.Value {
	indices, axis := n.In("indices"), graph.Attribute{Name: "axis", Value: n.Int("axis")}
	grads := make([]*graph.Value, 3)
	if b.Wants(n.In("data")) {
		grads[0] = b.scatterDataGradient(n, dy)
	}
	if b.Wants(n.In("updates")) {
		grads[2] = b.one("GatherElements", n.Name+".updates", []*graph.Value{dy, indices}, axis)
	}
	return grads
}

func scatterNDGradient(b *Backward, n *graph.Node, dy *graph.Value) []*graph.Value {
	grads := make([]*graph.Value, 3)
	if b.Wants(n.In("data")) {
		grads[0] = b.scatterDataGradient(n, dy)
	}
	if b.Wants(n.In("updates")) {
		grads[2] = b.one("GatherND", n.Name+".updates", []*graph.Value{dy, n.In("indices")})
	}
	return grads
}

// scatterDataGradient appends dy with 0 at the elements of the data that updates replaced.
func (b *Backward) scatterDataGradient(n *graph.Node, dy *graph.Value) *graph.Value {
	if n.Text("reduction") == "add" {
		return dy
	}
	updates := n.In("updates")
	zeros := b.As(dy.Elem, b.Zeros(n.Name+".zeros", b.ShapeOf(n.Name+".zeros.shape", updates), updates.Shape))
	return b.one(n.Op, n.Name+".data", []*graph.Value{dy, n.In("indices"), zeros}, n.Attributes...)
}

// Scatter is the older name of ScatterElements.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "Scatter", Takes: Takes("data", "indices", "updates"), Gives: Gives("output"), Fields: Fields("axis", int64(0))},
	From:   9,
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		return []*graph.Value{b.one("ScatterElements", n.Name, n.Inputs, n.Attributes...)}, nil
	},
})

// ScatterAdd appends the vector `into` with each element of the vector `updates` added at its
// index.
func (b Builder) ScatterAdd(name string, into, indices, updates *graph.Value) *graph.Value {
	return b.one("ScatterElements", name, []*graph.Value{into, indices, updates},
		graph.Attribute{Name: "axis", Value: int64(0)}, graph.Attribute{Name: "reduction", Value: "add"})
}

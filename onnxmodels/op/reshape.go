package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Operators that change the shape of a tensor but not the order of its elements.

// Reshape gives a tensor another shape. A size of 0 keeps a dimension, and one size of −1 is computed from
// the number of elements.
var _ = Register(&Operator{
	Schema:   graph.Schema{Op: "Reshape", Takes: Takes("data", "shape"), Gives: Gives("reshaped"), Fields: Fields("allowzero", int64(0))},
	Infer:    inferReshape,
	Gradient: restoreShape, // dx = dy in the shape of x
	Eval:     evalReshape,
	Moves:    true,
})

// In models, sizes that the model computes become constants if they are known.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "Reshape", Takes: Takes("data", "shape"), Gives: Gives("reshaped"), Fields: Fields("allowzero", int64(0))},
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x, sizes := n.In("data"), n.In("shape")
		types, err := inferReshape(n)
		if err != nil {
			return nil, err
		}
		shape, attributes := types[0].Shape, n.Attributes
		if list := constantSizes(x.Shape, shape); !sizes.Constant() && list != nil {
			sizes, attributes = b.Ints(n.Name+".sizes", list...), nil
		}
		if shape == nil {
			return nil, fmt.Errorf("the shape of its output is not known before the model runs")
		}
		return b.Do("", "Reshape", Call{Name: n.Name, Inputs: []*graph.Value{x, sizes}, Attributes: attributes, Types: types}), nil
	},
})

// constantSizes returns the sizes with which Reshape turns a shape into another: −1 for the only
// symbol, or 0 for a symbol that stays at its index. It returns nil if that is not possible,
// because more than one symbol moves.
func constantSizes(from, to graph.Shape) []int64 {
	if to == nil {
		return nil
	}
	list, open := make([]int64, len(to)), 0
	for i, d := range to {
		switch {
		case d.Symbol == "" && d.Size != 0:
			list[i] = d.Size
		case i < len(from) && from[i] == d:
			list[i] = 0
		default:
			list[i] = -1
			open++
		}
	}
	if open > 1 {
		return nil
	}
	return list
}

// maxRank is the most dimensions that a tensor may have. Networks need 4 or 5.
const maxRank = 64

// inferReshape returns the new shape if its sizes are known. Otherwise the shape is nil, and the
// caller of Builder.Do must give the type.
func inferReshape(n *graph.Node) ([]graph.Type, error) {
	x, sizes := n.In("data"), n.In("shape")
	list := sizes.Known()
	if list == nil && !sizes.Constant() {
		return typed(x.Elem, nil)
	}
	if len(list) > maxRank {
		return nil, fmt.Errorf("the shape for input %s has %d dimensions, more than %d", x, len(list), maxRank)
	}
	shape, open := make(graph.Shape, len(list)), -1
	for i, d := range list {
		switch {
		case d.Symbol != "":
			shape[i] = d
		case d.Size == -1 && open < 0:
			open = i
		case d.Size == 0 && !n.Flag("allowzero") && i < len(x.Shape):
			shape[i] = x.Shape[i]
		case d.Size < 0:
			return nil, fmt.Errorf("shape %v for input %s is negative", list, x)
		default:
			shape[i] = d
		}
	}
	if open >= 0 {
		rest, err := quotient(x.Shape, slices.Delete(slices.Clone(shape), open, open+1))
		if _, static := x.Shape.Elements(); err != nil && static {
			return nil, fmt.Errorf("%v does not fit input %s", list, x)
		} else if err != nil {
			rest = graph.Symbol(n.Name + ".rest") // for example half of the batch
		}
		shape[open] = rest
	}
	have, static := x.Shape.Elements()
	want, both := shape.Elements()
	if static && both && have != want {
		return nil, fmt.Errorf("input %s does not have the elements of the shape %s", x, shape)
	}
	return typed(x.Elem, shape)
}

// quotient returns the product of some dimensions divided by the product of others, or an error
// if that is not a dimension.
func quotient(of, by graph.Shape) (graph.Dim, error) {
	size := func(s graph.Shape) (n int64, symbols map[string]int) {
		n, symbols = 1, map[string]int{}
		for _, d := range s {
			n *= d.Size
			if d.Symbol != "" {
				symbols[d.Symbol]++
			}
		}
		return n, symbols
	}
	n, above := size(of)
	m, below := size(by)
	left := graph.Dim{}
	for symbol, times := range above {
		switch times - below[symbol] {
		case 0:
		case 1:
			if left.Symbol != "" {
				return left, fmt.Errorf("two symbols are left")
			}
			left.Symbol = symbol
		default:
			return left, fmt.Errorf("%s is left %d times", symbol, times-below[symbol])
		}
		delete(below, symbol)
	}
	if len(below) > 0 || m == 0 || n%m != 0 {
		return left, fmt.Errorf("%s divided by %s is not a dimension", of, by)
	}
	left.Size = n / m
	return left, nil
}

// Reshape appends x with another shape. The operator reads the shape from the tensor `sizes`,
// which is constant (with −1 for the one symbolic size) or computed.
func (b Builder) Reshape(name string, x, sizes *graph.Value, shape graph.Shape) *graph.Value {
	if x == nil {
		b.Fail("Reshape %q: input data is missing", name)
		return x
	}
	return b.Do("", "Reshape", Call{Name: name, Inputs: []*graph.Value{x, sizes}, Types: []graph.Type{{Elem: x.Elem, Shape: shape}}})[0]
}

// View appends x with other, fixed sizes.
func (b Builder) View(name string, x *graph.Value, sizes ...int) *graph.Value {
	list := make([]int64, len(sizes))
	for i, n := range sizes {
		list[i] = int64(n)
	}
	return b.Reshape(name, x, b.Ints(name+".sizes", list...), graph.Static(sizes...))
}

// Shaped appends x with another shape, which must have as many elements. At most one of its
// dimensions may be a symbol that x does not have at the same index.
func (b Builder) Shaped(name string, x *graph.Value, shape graph.Shape) *graph.Value {
	if x.Shape.Equal(shape) {
		return x
	}
	list := constantSizes(x.Shape, shape)
	if list == nil {
		b.Fail("Reshape %q: from %s to %s, more than one symbolic dimension moves", name, x, shape)
		return x
	}
	return b.Reshape(name, x, b.Ints(name+".sizes", list...), shape)
}

func evalReshape(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x := in[0]
	if err := in[1].want("shape", graph.Int64, 1); err != nil {
		return nil, err
	}
	sizes := in[1].Ints
	if n := len(sizes); n > maxRank {
		return nil, fmt.Errorf("the shape for input %s has %d dimensions, more than %d", x, n, maxRank)
	}
	shape, left := make([]int, len(sizes)), -1
	known := 1
	for i, d := range sizes {
		switch {
		case d == -1 && left < 0:
			left = i
			continue
		case d == 0 && !n.Flag("allowzero") && i < len(x.Shape):
			d = int64(x.Shape[i])
		case d < 0 || d > ElementLimit:
			return nil, fmt.Errorf("shape %v for input %s is negative or too large", sizes, x)
		}
		if shape[i] = int(d); known <= ElementLimit {
			known *= shape[i]
		}
	}
	total := product(x.Shape)
	if left >= 0 && known > 0 {
		shape[left] = total / known
		known *= shape[left]
	}
	if known != total {
		return nil, fmt.Errorf("shape %v does not fit input %s", sizes, x)
	}
	return one(x.reshaped(shape...))
}

// Flatten gives a matrix whose rows are the dimensions before the axis and whose
// columns are those from the axis on.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Flatten", Takes: Takes("input"), Gives: Gives("output"), Fields: Fields("axis", int64(1))},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("input")
		axis, err := flattenAxis(n.Int("axis"), len(x.Shape))
		if err != nil {
			return nil, fmt.Errorf("input %s has no dimension %d", x, n.Int("axis"))
		}
		shape := make(graph.Shape, 2)
		for i, part := range []graph.Shape{x.Shape[:axis], x.Shape[axis:]} {
			if shape[i], err = quotient(part, nil); err != nil {
				return nil, fmt.Errorf("input %s has more than one symbolic dimension", x)
			}
		}
		return typed(x.Elem, shape)
	},
	Gradient: restoreShape, // dx = dy in the shape of x
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		s := in[0].Shape
		d, err := flattenAxis(n.Int("axis"), len(s))
		if err != nil {
			return nil, fmt.Errorf("axis %d is outside the dimensions of input %s", n.Int("axis"), in[0])
		}
		return one(in[0].reshaped(product(s[:d]), product(s[d:])))
	},
	Moves: true,
})

// flattenAxis returns the axis of Flatten, counted from 0. It may be the rank, one behind the last
// dimension.
func flattenAxis(axis int64, rank int) (int, error) {
	if axis < 0 {
		axis += int64(rank)
	}
	if axis < 0 || axis > int64(rank) {
		return 0, fmt.Errorf("axis %d is outside %d dimensions", axis, rank)
	}
	return int(axis), nil
}

// Flatten appends x as a matrix [n, product of the other dimensions], where n is its first
// dimension.
func (b Builder) Flatten(name string, x *graph.Value) *graph.Value {
	return b.one("Flatten", name, []*graph.Value{x}, graph.Attribute{Name: "axis", Value: int64(1)})
}

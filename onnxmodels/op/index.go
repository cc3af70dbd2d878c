package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Operators that read elements at indices. Negative indices count from the end, in their
// gradients too.

// Gather picks slices along an axis by their indices.
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
	Gradient: gatherGradient,
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

// Gather appends the slices of x at the indices along a dimension, which is replaced by the
// dimensions of the indices.
func (b Builder) Gather(name string, x, indices *graph.Value, axis int) *graph.Value {
	return b.one("Gather", name, []*graph.Value{x, indices}, graph.Attribute{Name: "axis", Value: int64(axis)})
}

// GatherGrad (com.microsoft) gives a tensor of the shape that is 0 except at the indices,
// where dY is added up.
var _ = Register(&Operator{
	Schema: graph.Schema{Domain: Microsoft, Op: "GatherGrad", Takes: Takes("shape", "indices", "dY"), Gives: Gives("dX"), Fields: Fields("axis", int64(0))},
	Infer:  func(n *graph.Node) ([]graph.Type, error) { return typed(n.In("dY").Elem, n.In("shape").Known()) },
})

// gatherGradient returns dx: dy added up at the indices. For a single constant index, that is dy
// padded with zeros.
func gatherGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, indices, d := n.In("data"), n.In("indices"), dy[0]
	axis, err := axisOf(x, n.Int("axis"))
	if err != nil {
		b.Fail("differentiate %q: %w", n.Name, err)
		return []*graph.Value{nil, nil}
	}
	size := x.Shape[axis]
	if at := TensorOf(indices); at != nil && at.Len() == 1 && size.Symbol == "" {
		if start, err := axisIn(at.Ints[0], int(size.Size)); err == nil {
			wide := slices.Concat(x.Shape[:axis], graph.Static(1), x.Shape[axis+1:])
			d = b.Shaped(n.Name+".part", d, wide)
			return []*graph.Value{b.spread(n.Name, d, x, []cut{{axis: axis, start: int64(start), end: int64(start) + 1, step: 1}}), nil}
		}
	}
	dx := b.Do(Microsoft, "GatherGrad", Call{
		Name: n.Name, Inputs: []*graph.Value{b.ShapeOf(n.Name+".shape", x), indices, d},
		Attributes: []graph.Attribute{{Name: "axis", Value: int64(axis)}}, Types: []graph.Type{x.Type()},
	})[0]
	return []*graph.Value{dx, nil}
}

// GatherElements picks one or more elements of each line along an axis.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "GatherElements", Takes: Takes("data", "indices"), Gives: Gives("output"), Fields: Fields("axis", int64(0))},
	From:   11,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		if _, err := axisOf(n.In("data"), n.Int("axis")); err != nil {
			return nil, err
		}
		if err := sameRank(n.In("data"), n.In("indices")); err != nil {
			return nil, err
		}
		return typed(n.In("data").Elem, n.In("indices").Shape)
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		return []*graph.Value{b.elementsGrad(n.Name, dy[0], n.In("data"), n.In("indices"), n.Int("axis")), nil}
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		at, err := lineOffsets(in[0], in[1], n.Int("axis"))
		if err != nil {
			return nil, err
		}
		y, err := picked(in[0], in[1].Shape, func(i int) int { return at[i] })
		return []*Tensor{y}, err
	},
	Moves: true,
})

func sameRank(x, indices *graph.Value) error {
	if len(x.Shape) != len(indices.Shape) {
		return fmt.Errorf("input %s and indices %s differ in rank", x, indices)
	}
	return nil
}

// lineOffsets returns the offsets in x of the elements that the indices name. An index is the
// position along the axis; in the other dimensions the element has the position of the index
// itself.
func lineOffsets(x, indices *Tensor, along int64) ([]int, error) {
	axis, err := axisIn(along, len(x.Shape))
	if err != nil {
		return nil, err
	}
	fits := len(x.Shape) == len(indices.Shape)
	for i := 0; fits && i < len(x.Shape); i++ {
		fits = i == axis || indices.Shape[i] <= x.Shape[i]
	}
	if !fits {
		return nil, fmt.Errorf("indices %s do not fit input %s along dimension %d", indices, x, axis)
	}
	steps := elementStrides(x.Shape)
	size, step := x.Shape[axis], steps[axis]
	steps[axis] = 0
	at := make([]int, indices.Len())
	walk(indices.Shape, steps, steps, func(to, n, i, _, by, _ int) {
		for k := range n {
			var line int
			if line, err = axisIn(indices.Ints[to+k], size); err != nil {
				err = fmt.Errorf("index %d is outside the dimension %d of input %s", indices.Ints[to+k], axis, x)
				return
			}
			at[to+k] = i + k*by + line*step
		}
	})
	return at, err
}

// elementStrides returns, for each dimension of a tensor, the distance in memory between
// neighbouring elements, in elements.
func elementStrides(shape []int) []int {
	steps, n := make([]int, len(shape)), 1
	for i := len(shape) - 1; i >= 0; i-- {
		steps[i] = n
		n *= shape[i]
	}
	return steps
}

// GatherElementsGrad is the gradient of GatherElements (com.microsoft).
var _ = Register(&Operator{
	Schema: graph.Schema{Domain: Microsoft, Op: "GatherElementsGrad", Takes: Takes("dY", "shape", "indices"), Gives: Gives("dX"), Fields: Fields("axis", int64(0))},
	Infer:  func(n *graph.Node) ([]graph.Type, error) { return typed(n.In("dY").Elem, n.In("shape").Known()) },
})

// elementsGrad appends the gradient of GatherElements: dy added up at the positions in x that the
// indices name (com.microsoft GatherElementsGrad).
func (b *Backward) elementsGrad(name string, dy, x, indices *graph.Value, axis int64) *graph.Value {
	return b.Do(Microsoft, "GatherElementsGrad", Call{
		Name: name, Inputs: []*graph.Value{dy, b.ShapeOf(name+".shape", x), indices},
		Attributes: []graph.Attribute{{Name: "axis", Value: axis}}, Types: []graph.Type{x.Type()},
	})[0]
}

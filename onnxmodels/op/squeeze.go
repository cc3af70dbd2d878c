package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Operators that drop and add dimensions of size 1.

// Squeeze drops the dimensions of size 1 that the axes name, or all of them
// if there are no axes.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Squeeze", Takes: Takes("data", "axes?"), Gives: Gives("squeezed")},
	From:   13,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("data")
		axes, err := axesOf(n.In("axes"), len(x.Shape))
		if err != nil {
			return nil, err
		}
		shape := graph.Shape{}
		for i, d := range x.Shape {
			drop := d == graph.Fixed(1) && axes == nil || slices.Contains(axes, i)
			if drop && d != graph.Fixed(1) {
				return nil, fmt.Errorf("dimension %d of input %s is not 1", i, x)
			}
			if !drop {
				shape = append(shape, d)
			}
		}
		return typed(x.Elem, shape)
	},
	Gradient: restoreShape,
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		axes, err := axesFrom(in, 1, len(in[0].Shape))
		if err != nil {
			return nil, err
		}
		shape := []int{}
		for i, d := range in[0].Shape {
			drop := d == 1 && axes == nil || slices.Contains(axes, i)
			if drop && d != 1 {
				return nil, fmt.Errorf("dimension %d of input %s is not 1", i, in[0])
			}
			if !drop {
				shape = append(shape, d)
			}
		}
		return one(in[0].reshaped(shape...))
	},
	Moves: true,
})

// Unsqueeze adds dimensions of size 1, at the indices in the result that
// the axes name.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Unsqueeze", Takes: Takes("data", "axes"), Gives: Gives("expanded")},
	From:   13,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, list := n.In("data"), n.In("axes")
		axes, err := axesOf(list, len(x.Shape)+len(list.Ints()))
		if err != nil {
			return nil, err
		}
		return typed(x.Elem, unsqueezed(x.Shape, axes, graph.Fixed(1)))
	},
	Gradient: restoreShape,
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		axes, err := axesFrom(in, 1, len(in[0].Shape)+len(in[1].Ints))
		if err != nil {
			return nil, err
		}
		return one(in[0].reshaped(unsqueezed(in[0].Shape, axes, 1)...))
	},
	Moves: true,
})

// unsqueezed returns the shape with the unit inserted at the axes.
func unsqueezed[D any](shape []D, axes []int, unit D) []D {
	rank := len(shape) + len(axes)
	wide := make([]D, 0, rank)
	for len(wide) < rank {
		if slices.Contains(axes, len(wide)) {
			wide = append(wide, unit)
		} else {
			wide, shape = append(wide, shape[0]), shape[1:]
		}
	}
	return wide
}

// Until opset 12 the axes were attributes.
var _ = RegisterVariants(
	axesVariant("Squeeze", Gives("squeezed"), []int64(nil)),
	axesVariant("Unsqueeze", Gives("expanded"), Required{[]int64(nil)}),
)

func axesVariant(name string, gives []graph.Operand, axes any) *Variant {
	return &Variant{
		Schema: graph.Schema{Op: name, Takes: Takes("data"), Gives: gives, Fields: Fields("axes", axes)},
		Until:  12,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			inputs := []*graph.Value{n.In("data")}
			if axes := n.Ints("axes"); axes != nil {
				inputs = append(inputs, b.Ints(n.Name+".axes", axes...))
			}
			return []*graph.Value{b.one(name, n.Name, inputs)}, nil
		},
	}
}

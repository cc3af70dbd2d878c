package op

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// reduceSum is ReduceSum, whose axes are an input.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "ReduceSum", Takes: Takes("data", "axes?"), Gives: Gives("reduced"),
		Fields: Fields("keepdims", int64(1), "noop_with_empty_axes", int64(0)),
	},
	From: 13,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		var axes []int64
		if v := n.In("axes"); v != nil {
			axes = v.Ints()
		}
		return inferReduced(n, n.In("data"), axes)
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value { // dx = dy, expanded
		x := n.In("data")
		var axes []int64
		if v := n.In("axes"); v != nil {
			axes = v.Ints()
		}
		return []*graph.Value{b.expandLike(n.Name, b.keepDims(n, x, dy[0], axes), x), nil}[:len(n.Inputs)]
	},
})

// reduceMean is ReduceMean, whose axes are an attribute.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "ReduceMean", Takes: Takes("data"), Gives: Gives("reduced"),
		Fields: Fields("axes", []int64(nil), "keepdims", int64(1)),
	},
	Until: 17,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		return inferReduced(n, n.In("data"), n.Ints("axes"))
	},
	// dx = dy/n, expanded. How many elements each mean was taken over may depend on
	// the batch.
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		x, y, name := n.In("data"), n.Out("reduced"), n.Name
		d := b.Binary("Div", name+".scaled", b.keepDims(n, x, dy[0], n.Ints("axes")), b.As(x.Elem, b.ratio(name, x, y)))
		return []*graph.Value{b.expandLike(name, d, x)}
	},
})

// The axes of reductions became an input, of ReduceSum with opset 13 and of the others with
// 18.
var _ = RegisterForms(
	axesAttributeForm("ReduceSum", 12),
	axesInputForm("ReduceMean"),
)

// axesAttributeForm is a reduction whose axes are an attribute until an opset.
func axesAttributeForm(name string, until int) *Form {
	return &Form{
		Schema: graph.Schema{Op: name, Takes: Takes("data"), Gives: Gives("reduced"), Fields: Fields("axes", []int64(nil), "keepdims", int64(1))},
		Until:  until,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			inputs := []*graph.Value{n.In("data")}
			if axes := n.Ints("axes"); len(axes) > 0 {
				inputs = append(inputs, b.Ints(n.Name+".axes", axes...))
			}
			return []*graph.Value{b.one(name, n.Name, inputs, keepdims(n.Flag("keepdims")))}, nil
		},
	}
}

// axesInputForm is a reduction whose axes are an input since opset 18.
func axesInputForm(name string) *Form {
	return &Form{
		Schema: graph.Schema{
			Op: name, Takes: Takes("data", "axes?"), Gives: Gives("reduced"),
			Fields: Fields("keepdims", int64(1), "noop_with_empty_axes", int64(0)),
		},
		From: 18,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x := n.In("data")
			axes, err := axesOf(n.In("axes"), len(x.Shape))
			if err != nil {
				return nil, err
			}
			if len(axes) == 0 && n.Flag("noop_with_empty_axes") {
				return []*graph.Value{b.Unary("Identity", n.Name, x)}, nil
			}
			attributes := []graph.Attribute{keepdims(n.Flag("keepdims"))}
			if len(axes) > 0 {
				list := make([]int64, len(axes))
				for i, a := range axes {
					list[i] = int64(a)
				}
				attributes = append(attributes, graph.Attribute{Name: "axes", Value: list})
			}
			return []*graph.Value{b.one(name, n.Name, []*graph.Value{x}, attributes...)}, nil
		},
	}
}

// argMax is ArgMax.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "ArgMax", Takes: Takes("data"), Gives: Gives("reduced"),
		Fields: Fields("axis", int64(0), "keepdims", int64(1), "select_last_index", int64(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		types, err := inferReduced(n, n.In("data"), []int64{n.Int("axis")})
		if err != nil {
			return nil, err
		}
		types[0].Elem = graph.Int64
		return types, nil
	},
})

// inferReduced is x without the axes, or with them of size 1. No axes are all of them.
func inferReduced(n *graph.Node, x *graph.Value, axes []int64) ([]graph.Type, error) {
	var reduced []int
	for _, a := range axes {
		axis, err := axisOf(x, a)
		if err != nil {
			return nil, err
		}
		reduced = append(reduced, axis)
	}
	shape := graph.Shape{}
	for i, d := range x.Shape {
		switch {
		case len(axes) > 0 && !slices.Contains(reduced, i):
			shape = append(shape, d)
		case n.Flag("keepdims"):
			shape = append(shape, graph.Fixed(1))
		}
	}
	return typed(x.Elem, shape)
}

// ReduceSum appends the sum of x over the axes, counted from 0, which are kept as 1
// if keep.
func (b Builder) ReduceSum(name string, x *graph.Value, keep bool, axes ...int64) *graph.Value {
	return b.one("ReduceSum", name, []*graph.Value{x, b.Ints(name+".axes", axes...)}, keepdims(keep))
}

// ReduceMean appends the mean of x over the axes, counted from 0, which are kept as 1
// if keep.
func (b Builder) ReduceMean(name string, x *graph.Value, keep bool, axes ...int64) *graph.Value {
	return b.one("ReduceMean", name, []*graph.Value{x}, graph.Attribute{Name: "axes", Value: axes}, keepdims(keep))
}

// ArgMax appends the index of the largest element along the last dimension,
// which is dropped.
func (b Builder) ArgMax(name string, x *graph.Value) *graph.Value {
	return b.one("ArgMax", name, []*graph.Value{x}, graph.Attribute{Name: "axis", Value: int64(-1)}, keepdims(false))
}

func keepdims(keep bool) graph.Attribute {
	return graph.Attribute{Name: "keepdims", Value: flag(keep)}
}

// reduceAllL2 is the L2 norm of all inputs' elements together (com.microsoft).
var _ = Register(&Operator{
	Schema: graph.Schema{Domain: Microsoft, Op: "ReduceAllL2", Takes: Takes("X*"), Gives: Gives("Y")},
	Infer:  func(*graph.Node) ([]graph.Type, error) { return typed(graph.Float, graph.Shape{}) },
})

// L2Norm appends the L2 norm of all values' elements together, a float scalar, which
// is finite only if they are (com.microsoft ReduceAllL2).
func (b Builder) L2Norm(name string, values ...*graph.Value) *graph.Value {
	return b.in(Microsoft, "ReduceAllL2", name, values)
}

// ratio is how many elements x has for each of y, a constant if both sizes are
// fixed.
func (b *Backward) ratio(name string, x, y *graph.Value) *graph.Value {
	numerator, fixed := x.Shape.Elements()
	if denominator, both := y.Shape.Elements(); fixed && both {
		return b.Scalar(name+".count", float32(numerator)/float32(denominator))
	}
	size := func(v *graph.Value) *graph.Value {
		return b.Cast(name+".float_size", b.SizeOf(name+".size", v), graph.Float)
	}
	return b.Binary("Div", name+".count", size(x), size(y))
}

// keepDims returns the gradient of a reduction of x in the shape that the
// reduction has when it keeps the reduced dimensions as 1.
func (b *Backward) keepDims(n *graph.Node, x, dy *graph.Value, axes []int64) *graph.Value {
	if len(dy.Shape) == len(x.Shape) {
		return dy
	}
	shape := slices.Clone(x.Shape)
	for i := range shape {
		if len(axes) == 0 {
			shape[i] = graph.Fixed(1)
		}
	}
	for _, a := range axes {
		axis, err := axisOf(x, a)
		if err != nil {
			b.Fail("differentiate %q: %w", n.Name, err)
			return dy
		}
		shape[axis] = graph.Fixed(1)
	}
	return b.Shaped(n.Name+".kept", dy, shape)
}

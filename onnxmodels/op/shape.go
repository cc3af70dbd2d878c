package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Operators that return shapes, and operators that make tensors of a shape that an input holds.

// Shape gives the sizes of the dimensions from start to end. Negative numbers count
// from the end.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Shape", Takes: Takes("data"), Gives: Gives("shape"), Fields: Fields("start", int64(0), "end", int64(1<<62))},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		start, end := shapeRange(n, len(n.In("data").Shape))
		return typed(graph.Int64, graph.Static(end-start))
	},
	Known: func(n *graph.Node) []graph.Dim {
		start, end := shapeRange(n, len(n.In("data").Shape))
		return append([]graph.Dim{}, n.In("data").Shape[start:end]...)
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		start, end := shapeRange(n, len(in[0].Shape))
		y := &Tensor{Elem: graph.Int64, Shape: []int{end - start}, Ints: []int64{}}
		for _, d := range in[0].Shape[start:end] {
			y.Ints = append(y.Ints, int64(d))
		}
		return one(y)
	},
})

// shapeRange returns the range [start, end) of dimensions that a Shape node returns.
func shapeRange(n *graph.Node, rank int) (start, end int) {
	clamp := func(v int64) int {
		if v < 0 {
			v += int64(rank)
		}
		return int(max(0, min(v, int64(rank))))
	}
	start, end = clamp(n.Int("start")), clamp(n.Int("end"))
	return start, max(start, end)
}

// Size gives the number of elements.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Size", Takes: Takes("data"), Gives: Gives("size")},
	Infer:  func(*graph.Node) ([]graph.Type, error) { return typed(graph.Int64, graph.Shape{}) },
	Known: func(n *graph.Node) []graph.Dim {
		if size, err := quotient(n.In("data").Shape, nil); err == nil {
			return []graph.Dim{size}
		}
		return nil
	},
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		return one(&Tensor{Elem: graph.Int64, Shape: []int{}, Ints: []int64{int64(product(in[0].Shape))}})
	},
})

// ShapeOf returns the sizes of x as a vector of integers, which is constant if they are fixed.
func (b Builder) ShapeOf(name string, x *graph.Value) *graph.Value {
	if _, static := x.Shape.Elements(); static {
		sizes := make([]int64, len(x.Shape))
		for i, d := range x.Shape {
			sizes[i] = d.Size
		}
		return b.Ints(name, sizes...)
	}
	return b.one("Shape", name, []*graph.Value{x})
}

// SizeOf returns the number of elements of x as an integer scalar, which is constant if it is
// fixed.
func (b Builder) SizeOf(name string, x *graph.Value) *graph.Value {
	if n, static := x.Shape.Elements(); static {
		return b.IntTensor(name, nil, []int64{int64(n)})
	}
	return b.one("Size", name, []*graph.Value{x})
}

// Expand repeats a tensor to the shape that an input holds.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Expand", Takes: Takes("input", "shape"), Gives: Gives("output")},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, to := n.In("input"), n.In("shape").Known()
		if to == nil && !n.In("shape").Constant() {
			return typed(x.Elem, nil)
		}
		shape, ok := broadcast(x.Shape, to)
		if !ok {
			return nil, fmt.Errorf("input %s cannot be expanded to %s", x, graph.Shape(to))
		}
		return typed(x.Elem, shape)
	},
	// dx = dy summed over the dimensions that were repeated
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		return []*graph.Value{b.reduceTo(n.Name, dy[0], n.In("input")), nil}
	},
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		if err := in[1].want("shape", graph.Int64, 1); err != nil {
			return nil, err
		}
		to := make([]int, len(in[1].Ints))
		for i, d := range in[1].Ints {
			to[i] = int(d)
		}
		shape, err := broadcastSizes(in[0].Shape, to)
		if err != nil {
			return nil, err
		}
		y, err := expanded(in[0], shape)
		if err != nil {
			return nil, err
		}
		return one(y)
	},
	Moves: true,
})

// expanded repeats a tensor's elements to fill a shape that it can be broadcast to.
func expanded(x *Tensor, shape []int) (*Tensor, error) {
	if both, err := broadcastSizes(x.Shape, shape); err != nil || !slices.Equal(both, shape) {
		return nil, fmt.Errorf("input %s cannot be expanded to %v", x, shape)
	}
	return strided(x, shape, strides(x.Shape, shape), 0)
}

// Expand appends x broadcast to the shape that the tensor `sizes` holds.
func (b Builder) Expand(name string, x, sizes *graph.Value, shape graph.Shape) *graph.Value {
	return b.Do("", "Expand", Call{Name: name, Inputs: []*graph.Value{x, sizes}, Types: []graph.Type{{Elem: x.Elem, Shape: shape}}})[0]
}

// ConstantOfShape gives a tensor filled with one value, by default 0 in float32.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "ConstantOfShape", Takes: Takes("input"), Gives: Gives("output"), Fields: Fields("value", (*graph.Literal)(nil))},
	From:   9,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		fill, err := fillOf(n)
		if err != nil {
			return nil, err
		}
		known := n.In("input").Known()
		if known == nil && !n.In("input").Constant() {
			return typed(fill.Elem, nil)
		}
		return typed(fill.Elem, append(graph.Shape{}, known...))
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		if err := in[0].want("shape", graph.Int64, 1); err != nil {
			return nil, err
		}
		shape := make([]int, len(in[0].Ints))
		for i, d := range in[0].Ints {
			shape[i] = int(d)
		}
		if _, err := elements(shape); err != nil {
			return nil, err
		}
		fill, err := fillOf(n)
		if err != nil {
			return nil, err
		}
		y, err := strided(fill, shape, make([]int, len(shape)), 0)
		return []*Tensor{y}, err
	},
})

// fillOf returns the value with which ConstantOfShape fills the tensor.
func fillOf(n *graph.Node) (*Tensor, error) {
	given, _ := n.Attribute("value").(*graph.Literal)
	if given == nil {
		return newFloats(1)
	}
	fill := FromBytes(given.Elem, given.Sizes, given.Data)
	if fill == nil || fill.Len() != 1 {
		return nil, fmt.Errorf("attribute \"value\" is not one element of a supported type")
	}
	return fill, nil
}

// Zeros appends a tensor of float zeros of the shape that `sizes` holds.
func (b Builder) Zeros(name string, sizes *graph.Value, shape graph.Shape) *graph.Value {
	return b.Do("", "ConstantOfShape", Call{Name: name, Inputs: []*graph.Value{sizes}, Types: []graph.Type{{Elem: graph.Float, Shape: shape}}})[0]
}

// In models, the shapes of these operators' outputs must be known, up to symbols.
var _ = RegisterVariants(
	shapedVariant(8, graph.Schema{Op: "Expand", Takes: Takes("input", "shape"), Gives: Gives("output")}),
	shapedVariant(9, graph.Schema{Op: "ConstantOfShape", Takes: Takes("input"), Gives: Gives("output"), Fields: Fields("value", (*graph.Literal)(nil))}),
)

func shapedVariant(from int, s graph.Schema) *Variant {
	return &Variant{Schema: s, From: from, Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		y := b.one(n.Op, n.Name, n.Inputs, n.Attributes...)
		if b.Err() == nil && y.Shape == nil {
			return nil, fmt.Errorf("the shape of its output is not known before the model runs")
		}
		return []*graph.Value{y}, nil
	}}
}

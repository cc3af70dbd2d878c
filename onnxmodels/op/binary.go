package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Operators of two inputs of one element type, broadcast as ONNX (and NumPy)
// broadcasts. In the comments dy is the gradient by the output; gradients are summed
// over what was broadcast.
var (
	_ = binary("Add", addGradient, func(a, b float32) float32 { return a + b }) // da = db = dy
	_ = binary("Sub", subGradient, func(a, b float32) float32 { return a - b }) // da = dy, db = −dy
	_ = binary("Mul", mulGradient, func(a, b float32) float32 { return a * b }) // da = dy·b, db = dy·a
	_ = binary("Div", nil, func(a, b float32) float32 { return a / b })
	_ = Register(&Operator{
		Schema: graph.Schema{Op: "Mod", Takes: Takes("A", "B"), Gives: Gives("C"), Fields: Fields("fmod", int64(0))},
		Infer:  inferBinary,
	})
	_ = compare("Equal")
	_ = compare("Less")
	_ = extremum("Max")
	_ = extremum("Min")
)

// binary declares an arithmetic operator of two inputs.
func binary(name string, gradient func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value, f func(a, b float32) float32) *Operator {
	return Register(&Operator{
		Schema:   graph.Schema{Op: name, Takes: Takes("A", "B"), Gives: Gives("C")},
		Infer:    inferBinary,
		Gradient: gradient,
		Eval:     func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) { return combined(in[0], in[1], f) },
	})
}

// compare declares an operator that gives a boolean for each pair of elements.
func compare(name string) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Op: name, Takes: Takes("A", "B"), Gives: Gives("C")},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			types, err := inferBinary(n)
			if err != nil {
				return nil, err
			}
			types[0].Elem = graph.Bool
			return types, nil
		},
	})
}

// extremum declares an operator of any number of inputs.
func extremum(name string) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Op: name, Takes: Takes("data_0*"), Gives: Gives("max")},
		Infer:  inferBinary,
	})
}

// inferBinary is the shape that all inputs have together.
func inferBinary(n *graph.Node) ([]graph.Type, error) {
	t := n.Inputs[0].Type()
	for _, v := range n.Inputs[1:] {
		if v.Elem != t.Elem {
			return nil, fmt.Errorf("inputs %s and %s differ in type", n.Inputs[0], v)
		}
		shape, ok := broadcast(t.Shape, v.Shape)
		if !ok {
			return nil, fmt.Errorf("inputs %s and %s cannot be broadcast", n.Inputs[0], v)
		}
		t.Shape = shape
	}
	return []graph.Type{t}, nil
}

// broadcast returns the shape that a and b have together, if there is one.
func broadcast(a, b graph.Shape) (graph.Shape, bool) {
	if len(b) > len(a) {
		a, b = b, a
	}
	shape := append(graph.Shape{}, a...)
	offset := len(a) - len(b)
	for i, d := range b {
		switch one := graph.Fixed(1); {
		case shape[offset+i] == one:
			shape[offset+i] = d
		case d != one && d != shape[offset+i]:
			return nil, false
		}
	}
	return shape, true
}

func addGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := make([]*graph.Value, len(n.Inputs))
	for i, in := range n.Inputs {
		if b.Wants(in) {
			grads[i] = b.reduceTo(n.Name, dy[0], in)
		}
	}
	return grads
}

func subGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := addGradient(b, n, dy)
	if grads[1] != nil {
		grads[1] = b.Unary("Neg", n.Name+".negated", grads[1])
	}
	return grads
}

func mulGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := make([]*graph.Value, 2)
	for i, in := range n.Inputs {
		if b.Wants(in) {
			grads[i] = b.reduceTo(n.Name, b.Binary("Mul", n.Name, dy[0], n.Inputs[1-i]), in)
		}
	}
	return grads
}

// Binary appends an elementwise operator of two inputs of one element type: "Add",
// "Sub", "Mul", "Div", "Mod", "Max", "Min".
func (b Builder) Binary(op, name string, x, y *graph.Value) *graph.Value {
	return b.one(op, name, []*graph.Value{x, y})
}

// Compare appends "Equal" or "Less": a boolean for each pair of elements.
func (b Builder) Compare(op, name string, x, y *graph.Value) *graph.Value {
	return b.one(op, name, []*graph.Value{x, y})
}

// Sum adds values of one type and shape.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Sum", Takes: Takes("data_0*"), Gives: Gives("sum")},
	Infer:  inferBinary,
})

// Sum appends the sum of values of one type and shape.
func (b Builder) Sum(name string, values ...*graph.Value) *graph.Value {
	return b.one("Sum", name, values)
}

// combined applies f to each pair of elements.
func combined(a, b *Tensor, f func(a, b float32) float32) ([]*Tensor, error) {
	for i, v := range []*Tensor{a, b} {
		if err := v.want(fmt.Sprintf("input %d", i), graph.Float, -1); err != nil {
			return nil, err
		}
	}
	shape, err := broadcastSizes(a.Shape, b.Shape)
	if err != nil {
		return nil, err
	}
	y, err := newFloats(shape...)
	if err != nil {
		return nil, err
	}
	as, bs := strides(a.Shape, shape), strides(b.Shape, shape)
	walk(shape, as, bs, func(to, n, i, j, di, dj int) {
		for k := range n {
			y.Floats[to+k] = f(a.Floats[i+k*di], b.Floats[j+k*dj])
		}
	})
	return one(y)
}

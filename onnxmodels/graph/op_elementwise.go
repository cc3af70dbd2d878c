package graph

import "strings"

// Unary appends an elementwise operator of one input whose output has the
// input's type and shape: "Relu", "Neg", "Sqrt", "Exp", "Identity", ….
func (g *Graph) Unary(op, name string, x *Value) *Value {
	if !g.given(op, name, x) {
		return x
	}
	return g.op(op, name, x.Elem, x.Shape, []*Value{x})
}

// Binary appends an elementwise operator of two inputs of one element type,
// broadcast as ONNX (and NumPy) broadcasts: "Add", "Sub", "Mul", "Div", "Mod",
// "Max", "Min".
func (g *Graph) Binary(op, name string, a, b *Value) *Value {
	if !g.given(op, name, a, b) {
		return a
	}
	return g.op(op, name, a.Elem, g.broadcast(op, name, a, b), []*Value{a, b})
}

// Compare appends "Equal" or "Less": a boolean for each pair of elements.
func (g *Graph) Compare(op, name string, a, b *Value) *Value {
	if !g.given(op, name, a, b) {
		return a
	}
	return g.op(op, name, Bool, g.broadcast(op, name, a, b), []*Value{a, b})
}

// broadcast returns the shape that a and b have together.
func (g *Graph) broadcast(op, name string, a, b *Value) Shape {
	if a.Elem != b.Elem {
		g.Fail("%s %q: inputs %s and %s differ in type", op, name, a, b)
		return a.Shape
	}
	long, short := a.Shape, b.Shape
	if len(short) > len(long) {
		long, short = short, long
	}
	shape := append(Shape(nil), long...)
	offset := len(long) - len(short)
	for i, d := range short {
		switch one := (Dim{Size: 1}); {
		case shape[offset+i] == one:
			shape[offset+i] = d
		case d != one && d != shape[offset+i]:
			g.Fail("%s %q: inputs %s and %s cannot be broadcast", op, name, a, b)
		}
	}
	return shape
}

// Sum appends the sum of values of one type and shape.
func (g *Graph) Sum(name string, values ...*Value) *Value {
	if len(values) == 0 {
		g.Fail("Sum %q: there are no inputs", name)
		return nil
	}
	for _, v := range values {
		if !g.same("Sum", name, values[0], v) {
			return v
		}
	}
	return g.op("Sum", name, values[0].Elem, values[0].Shape, values)
}

// Cast appends a conversion of x to another element type.
func (g *Graph) Cast(name string, x *Value, to Elem) *Value {
	if !g.given("Cast", name, x) {
		return x
	}
	return g.op("Cast", name, to, x.Shape, []*Value{x}, Attribute{"to", int64(to)})
}

// As returns x in the element type: itself, or a conversion of it. Conversions of
// constants are done when a session starts.
func (g *Graph) As(elem Elem, x *Value) *Value {
	if x.Elem == elem {
		return x
	}
	return g.Cast(strings.TrimPrefix(x.Name, g.prefix)+"."+elem.String(), x, elem)
}

// Norm appends the L2 norm of all values' elements together, a float scalar, which
// is finite only if they are (com.microsoft ReduceAllL2).
func (g *Graph) Norm(name string, values ...*Value) *Value {
	return g.node(Microsoft, "ReduceAllL2", name, values, nil, typed{".out", Float, Shape{}})[0]
}

// ReluGrad appends the gradient of y = Relu(x), given y (com.microsoft).
func (g *Graph) ReluGrad(name string, dy, y *Value) *Value {
	g.same("ReluGrad", name, dy, y)
	return g.node(Microsoft, "ReluGrad", name, []*Value{dy, y}, nil, like(".out", y))[0]
}

// HardSigmoid appends max(0, min(1, alpha·x + beta)).
func (g *Graph) HardSigmoid(name string, x *Value, alpha, beta float32) *Value {
	return g.op("HardSigmoid", name, x.Elem, x.Shape, []*Value{x}, Attribute{"alpha", alpha}, Attribute{"beta", beta})
}

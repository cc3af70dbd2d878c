package op

import (
	"cmp"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Elementwise operators of one input. In the comments, dy is the gradient with respect to the
// output y. A step function has a gradient of 0 everywhere and passes none on.
var (
	_ = unary("Abs", numbers, rule{ // dx = dy·sign(x)
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			return b.Binary("Mul", n.Name, dy, b.Unary("Sign", n.Name+".sign", n.In("X")))
		},
		float: math.Abs,
		whole: absOf,
	})
	_ = unary("Neg", signed, rule{ // dx = −dy
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { return b.Unary("Neg", n.Name, dy) },
		float:    func(x float64) float64 { return -x },
		whole:    func(_ graph.Elem, x int64) int64 { return -x },
	})
	_ = unary("Sign", numbers, rule{from: 9, names: inputOutput, gradient: noGradient, float: signOf, whole: func(elem graph.Elem, x int64) int64 {
		return int64(cmp.Compare(ordered(elem, x), ordered(elem, 0)))
	}})
	_ = unary("Floor", floats, rule{gradient: noGradient, float: math.Floor})
	_ = unary("Ceil", floats, rule{gradient: noGradient, float: math.Ceil})
	_ = unary("Round", floats, rule{from: 11, gradient: noGradient, float: math.RoundToEven})
	_ = unary("Reciprocal", floats, rule{ // dx = −dy·y²
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			y := n.Out("Y")
			return b.Unary("Neg", n.Name, b.Binary("Mul", n.Name+".y2", b.Binary("Mul", n.Name+".y", dy, y), y))
		},
		float: func(x float64) float64 { return 1 / x },
	})
	_ = unary("Sqrt", floats, rule{ // dx = dy/2y, or 0 where y is 0, so that a norm of zeros has the gradient 0
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			y := n.Out("Y")
			slope := b.Binary("Div", n.Name+".slope", dy, b.Binary("Add", n.Name+".twice", y, y))
			return b.where(n.Name, b.Compare("Greater", n.Name+".is_positive", y, b.number(n.Name+".zero", y, 0)), slope, nil)
		},
		float: math.Sqrt,
	})
	_ = unary("Exp", floats, rule{ // dx = dy·y
		names: inputOutput,
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			return b.Binary("Mul", n.Name, dy, n.Out("output"))
		},
		float: math.Exp,
	})
	_ = unary("Log", floats, rule{ // dx = dy/x
		names: inputOutput,
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			return b.Binary("Div", n.Name, dy, n.In("input"))
		},
		float: math.Log,
	})
	_ = unary("Erf", numbers, rule{ // dx = dy·(2/√π)·e^−x²
		from: 9, names: inputOutput,
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			x, name := n.In("input"), n.Name
			bell := b.Unary("Exp", name+".bell", b.Unary("Neg", name+".minus", b.Binary("Mul", name+".square", x, x)))
			return b.scaled(name, b.Binary("Mul", name+".dy", dy, bell), 2/math.SqrtPi)
		},
		float: math.Erf,
	})
)

// inputOutput are the operand names of newer operators; older ones have X and Y.
var inputOutput = [2]string{"input", "output"}

// rule describes an elementwise operator of one input.
type rule struct {
	// from is the first opset that has the operator.
	from int
	// names are the names of the input and the output; X and Y if they are empty.
	names    [2]string
	fields   []graph.Field
	gradient func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value
	// float computes one element, which is then rounded to its type. An operator with
	// attributes has formula instead, which returns that function for a node.
	float   func(x float64) float64
	formula func(n *graph.Node) func(x float64) float64
	// whole computes one element of a tensor of integers, which is then wrapped. If it is
	// nil, float computes integers too.
	whole func(elem graph.Elem, x int64) int64
}

// unary declares an operator of one input of the kind, whose output has the same type.
func unary(name string, k kind, r rule) *Operator {
	if r.names[0] == "" {
		r.names = [2]string{"X", "Y"}
	}
	o := &Operator{
		Schema: graph.Schema{Op: name, Takes: Takes(r.names[0]), Gives: Gives(r.names[1]), Fields: r.fields},
		Infer:  k.same, From: r.from,
		Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
			switch {
			case in[0].Ints != nil && r.whole != nil:
				return mappedInts(in[0], r.whole)
			case r.formula != nil:
				return mapped(in[0], r.formula(n))
			}
			return mapped(in[0], r.float)
		},
	}
	if r.gradient != nil {
		o.Gradient = func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{r.gradient(b, n, dy[0])}
		}
	}
	return Register(o)
}

// noGradient is the gradient of step functions.
func noGradient(*Backward, *graph.Node, *graph.Value) *graph.Value { return nil }

func absOf(elem graph.Elem, x int64) int64 {
	if x < 0 && elem != graph.Uint64 {
		return -x
	}
	return x
}

// signOf returns −1, 0 or 1, or NaN for NaN.
func signOf(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}

// Unary appends an elementwise operator of one input whose output has the
// input's type and shape: "Relu", "Neg", "Sqrt", "Exp", "Identity", ….
func (b Builder) Unary(op, name string, x *graph.Value) *graph.Value {
	return b.one(op, name, []*graph.Value{x})
}

package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Elementwise operators of one input. In the comments dy is the gradient by the output
// y.
var (
	_ = unary("Identity", func(_ *Backward, _ *graph.Node, dy *graph.Value) *graph.Value { return dy }, nil) // dx = dy
	_ = unary("Relu", reluGradient, func(x float32) float32 { return max(x, 0) })                            // dx = dy where y > 0
	_ = unary("Neg", negGradient, func(x float32) float32 { return -x })                                     // dx = −dy
	_ = unary("Log", logGradient, float(math.Log))                                                           // dx = dy/x
	_ = unary("Exp", nil, float(math.Exp))
	_ = unary("Sqrt", nil, float(math.Sqrt))
	_ = unary("Reciprocal", nil, func(x float32) float32 { return 1 / x })
	_ = Register(&Operator{
		Schema: graph.Schema{Domain: Microsoft, Op: "ReluGrad", Takes: Takes("dY", "X"), Gives: Gives("dX")},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			return same(n)
		},
	})
	_ = Register(&Operator{
		Schema: graph.Schema{Op: "HardSigmoid", Takes: Takes("X"), Gives: Gives("Y"), Fields: Fields("alpha", float32(0.2), "beta", float32(0.5))},
		Infer:  same,
	})
)

// unary declares an operator of one input that keeps its type.
func unary(name string, gradient func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value, f func(x float32) float32) *Operator {
	o := &Operator{Schema: graph.Schema{Op: name, Takes: Takes("X"), Gives: Gives("Y")}, Infer: same}
	if gradient != nil {
		o.Gradient = func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{gradient(b, n, dy[0])}
		}
	}
	o.Eval = func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		if f == nil {
			return one(in[0])
		}
		return mapped(in[0], f)
	}
	return Register(o)
}

// float makes a function of float64 one of float32.
func float(f func(float64) float64) func(float32) float32 {
	return func(x float32) float32 { return float32(f(float64(x))) }
}

// mapped applies f to each element.
func mapped(x *Tensor, f func(float32) float32) ([]*Tensor, error) {
	if err := x.want("input", graph.Float, -1); err != nil {
		return nil, err
	}
	y, err := newFloats(x.Shape...)
	if err != nil {
		return nil, err
	}
	for i, v := range x.Floats {
		y.Floats[i] = f(v)
	}
	return one(y)
}

func reluGradient(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
	return b.ReluGrad(n.Name, dy, n.Out("Y"))
}

func negGradient(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
	return b.Unary("Neg", n.Name, dy)
}

func logGradient(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
	return b.Binary("Div", n.Name, dy, n.In("X"))
}

// Unary appends an elementwise operator of one input whose output has the
// input's type and shape: "Relu", "Neg", "Sqrt", "Exp", "Identity", ….
func (b Builder) Unary(op, name string, x *graph.Value) *graph.Value {
	return b.one(op, name, []*graph.Value{x})
}

// ReluGrad appends the gradient of y = Relu(x), given y (com.microsoft).
func (b Builder) ReluGrad(name string, dy, y *graph.Value) *graph.Value {
	return b.in(Microsoft, "ReluGrad", name, []*graph.Value{dy, y})
}

// HardSigmoid appends max(0, min(1, alpha·x + beta)).
func (b Builder) HardSigmoid(name string, x *graph.Value, alpha, beta float32) *graph.Value {
	return b.one("HardSigmoid", name, []*graph.Value{x}, graph.Attribute{Name: "alpha", Value: alpha}, graph.Attribute{Name: "beta", Value: beta})
}

// Cast converts elements to the type that the attribute names.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Cast", Takes: Takes("input"), Gives: Gives("output"), Fields: Fields("to", Required{int64(0)})},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		elem := graph.Elem(n.Int("to"))
		if elem.Size() == 0 {
			return nil, fmt.Errorf("attribute \"to\": %s is not supported", elem)
		}
		return typed(elem, n.In("input").Shape)
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		return []*graph.Value{b.As(n.In("input").Elem, dy[0])} // dx = dy in the type of x
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		return castTo(in[0], graph.Elem(n.Int("to")))
	},
})

// Cast appends a conversion of x to another element type.
func (b Builder) Cast(name string, x *graph.Value, to graph.Elem) *graph.Value {
	return b.one("Cast", name, []*graph.Value{x}, graph.Attribute{Name: "to", Value: int64(to)})
}

// As returns x in the element type: itself, or a conversion of it. Conversions of
// constants are done when a session starts.
func (b Builder) As(elem graph.Elem, x *graph.Value) *graph.Value {
	if x.Elem == elem {
		return x
	}
	return b.Cast(b.Local(x.Name)+"."+elem.String(), x, elem)
}

// castTo converts to float32 and int64.
func castTo(x *Tensor, to graph.Elem) ([]*Tensor, error) {
	y := &Tensor{Elem: to, Shape: x.Shape}
	switch {
	case to == x.Elem:
		return one(x)
	case to == graph.Float:
		y.Floats = make([]float32, len(x.Ints))
		for i, v := range x.Ints {
			y.Floats[i] = float32(v)
		}
	case to == graph.Int64 && x.Elem == graph.Float:
		y.Ints = make([]int64, len(x.Floats))
		for i, v := range x.Floats {
			y.Ints[i] = int64(v)
		}
	case to == graph.Int64:
		y.Ints = x.Ints
	default:
		return nil, fmt.Errorf("a conversion from %s to %s is not supported in pure Go", x.Elem, to)
	}
	return one(y)
}

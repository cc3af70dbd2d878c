package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Elementwise operators of one input. In the comments dy is the gradient by the output
// y.
var (
	_ = unary("Relu", reluGradient, func(x float64) float64 { return max(x, 0) }) // dx = dy where y > 0
	_ = unary("Neg", negGradient, func(x float64) float64 { return -x })          // dx = −dy
	_ = unary("Log", logGradient, math.Log)                                       // dx = dy/x
	_ = unary("Exp", nil, math.Exp)
	_ = unary("Sqrt", nil, math.Sqrt)
	_ = unary("Reciprocal", nil, func(x float64) float64 { return 1 / x })
	_ = Register(&Operator{
		Schema: graph.Schema{Op: "Identity", Takes: Takes("input"), Gives: Gives("output")},
		Infer:  same,
		// dx = dy
		Gradient: func(_ *Backward, _ *graph.Node, dy []*graph.Value) []*graph.Value { return dy },
		Eval:     func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) { return one(in[0]) },
		Moves:    true,
	})
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

// unary declares an operator of one input that keeps its type. f computes one element,
// which is then rounded to it.
func unary(name string, gradient func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value, f func(x float64) float64) *Operator {
	o := &Operator{Schema: graph.Schema{Op: name, Takes: Takes("X"), Gives: Gives("Y")}, Infer: same}
	if gradient != nil {
		o.Gradient = func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{gradient(b, n, dy[0])}
		}
	}
	o.Eval = func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) { return mapped(in[0], f) }
	return Register(o)
}

// mapped applies f to each element.
func mapped(x *Tensor, f func(float64) float64) ([]*Tensor, error) {
	y, err := newTensor(x.Elem, x.Shape...)
	if err != nil {
		return nil, err
	}
	for i := range y.Len() {
		y.set(i, f(x.At(i)))
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
		y, err := Converted(in[0], graph.Elem(n.Int("to")))
		if err != nil {
			return nil, err
		}
		return one(y)
	},
	Known: func(n *graph.Node) []graph.Dim {
		if v := n.In("input"); v.Elem == graph.Int64 || v.Elem == graph.Int32 {
			return v.Known()
		}
		return nil
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

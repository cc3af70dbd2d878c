package op

import (
	"math"

	"onnxlab/onnxmodels/graph"
)

// Activations that saturate at two levels, and activations made of these.
var (
	_ = unary("Sigmoid", floats, rule{ // dx = dy·y·(1 − y)
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			return b.SigmoidGrad(n.Name, dy, n.Out("Y"))
		},
		float: sigmoid,
	})
	// max(0, min(1, alpha·x + beta)); dx = alpha·dy where 0 < y < 1
	_ = unary("HardSigmoid", floats, rule{
		fields: Fields("alpha", float32(0.2), "beta", float32(0.5)),
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			name := n.Name
			within := b.inside(name+".inside", b.shifted(name+".centred", n.Out("Y"), -0.5), 0.5)
			return b.scaled(name, b.Binary("Mul", name+".dy", dy, within), float64(n.Float("alpha")))
		},
		formula: func(n *graph.Node) func(float64) float64 {
			alpha, beta := float64(n.Float("alpha")), float64(n.Float("beta"))
			return func(x float64) float64 { return max(0, min(1, alpha*x+beta)) }
		},
	})
	// x·max(0, min(1, x/6 + 1/2))
	_ = unary("HardSwish", floats, rule{
		from: 14, gradient: hardSwishGradient,
		float: func(x float64) float64 { return x * max(0, min(1, x/6+0.5)) },
	})
	_ = unary("Softplus", floats, rule{ // dx = dy·sigmoid(x)
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			return b.Binary("Mul", n.Name, dy, b.Unary("Sigmoid", n.Name+".sigmoid", n.In("X")))
		},
		float: func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) },
	})
	_ = unary("Softsign", floats, rule{ // dx = dy/(1 + |x|)²
		names: inputOutput,
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			below := b.shifted(n.Name+".below", b.Unary("Abs", n.Name+".abs", n.In("input")), 1)
			return b.Binary("Div", n.Name, b.Binary("Div", n.Name+".once", dy, below), below)
		},
		float: func(x float64) float64 { return x / (1 + math.Abs(x)) },
	})
)

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// hardSwishGradient returns dx = dy·(h + t) where |t| < 1/2 and dy·h elsewhere, with
// h = max(0, min(1, x/6 + 1/2)) and t = h − 1/2.
func hardSwishGradient(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
	name := n.Name
	h := b.HardSigmoid(name+".gate", n.In("X"), 1./6, 0.5)
	t := b.shifted(name+".centred", h, -0.5)
	sloped := b.Binary("Mul", name+".sloped", t, b.inside(name+".inside", t, 0.5))
	return b.Binary("Mul", name, dy, b.Binary("Add", name+".slope", h, sloped))
}

// HardSigmoid appends max(0, min(1, alpha·x + beta)).
func (b Builder) HardSigmoid(name string, x *graph.Value, alpha, beta float32) *graph.Value {
	return b.one("HardSigmoid", name, []*graph.Value{x}, graph.Attribute{Name: "alpha", Value: alpha}, graph.Attribute{Name: "beta", Value: beta})
}

// Mish is x·tanh(softplus(x)).
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "Mish", Takes: Takes("X"), Gives: Gives("Y")},
	From:   18,
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x := n.In("X")
		gate := b.Unary("Tanh", n.Name+".gate", b.Unary("Softplus", n.Name+".softplus", x))
		return []*graph.Value{b.Binary("Mul", n.Name, x, gate)}, nil
	},
})

package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Activations that are the identity above 0, or above a threshold.
var (
	_ = unary("Relu", signed, rule{ // dx = dy where y > 0
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			return b.ReluGrad(n.Name, dy, n.Out("Y"))
		},
		float: func(x float64) float64 { return max(x, 0) },
		whole: func(_ graph.Elem, x int64) int64 { return max(x, 0) },
	})
	_ = unary("LeakyRelu", floats, rule{ // dx = dy where x > 0, else alpha·dy
		fields: Fields("alpha", float32(0.01)),
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			of := n.Out("Y")
			if n.Float("alpha") < 0 {
				of = n.In("X") // with a negative alpha, y is positive on both sides of 0
			}
			return b.fused("LeakyReluGrad", n.Name, dy, of, graph.Attribute{Name: "alpha", Value: n.Float("alpha")})
		},
		formula: func(n *graph.Node) func(float64) float64 {
			alpha := float64(n.Float("alpha"))
			return func(x float64) float64 {
				if x < 0 {
					return alpha * x
				}
				return x
			}
		},
	})
	_ = unary("ThresholdedRelu", floats, rule{ // dx = dy where x > alpha
		fields: Fields("alpha", float32(1)),
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			x, alpha := n.In("X"), float64(n.Float("alpha"))
			if alpha >= 0 {
				return b.ReluGrad(n.Name, dy, n.Out("Y"))
			}
			return b.where(n.Name, b.Compare("Less", n.Name+".above", b.number(n.Name+".alpha", x, alpha), x), dy, nil)
		},
		formula: func(n *graph.Node) func(float64) float64 {
			alpha := float64(n.Float("alpha"))
			return func(x float64) float64 {
				if x > alpha {
					return x
				}
				return x * 0 // NaN stays NaN
			}
		},
	})
	// dx = dy where x > 0, else dy·(y + alpha)
	_ = unary("Elu", floats, rule{
		fields: Fields("alpha", float32(1)),
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			return b.exponentialGradient(n, dy, 1, float64(n.Float("alpha")))
		},
		formula: func(n *graph.Node) func(float64) float64 { return exponential(1, float64(n.Float("alpha"))) },
	})
	// dx = gamma·dy where x > 0, else dy·(y + gamma·alpha)
	_ = unary("Selu", floats, rule{
		fields: Fields("alpha", float32(1.67326319217681884765625), "gamma", float32(1.05070102214813232421875)),
		gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
			return b.exponentialGradient(n, dy, float64(n.Float("gamma")), float64(n.Float("alpha")))
		},
		formula: func(n *graph.Node) func(float64) float64 {
			return exponential(float64(n.Float("gamma")), float64(n.Float("alpha")))
		},
	})
)

// exponential returns the function that is gamma·x above 0 and gamma·alpha·(e^x − 1) below.
func exponential(gamma, alpha float64) func(x float64) float64 {
	return func(x float64) float64 {
		if x > 0 {
			return gamma * x
		}
		return gamma * alpha * math.Expm1(x)
	}
}

// exponentialGradient appends the gradient of the function that exponential returns.
func (b *Backward) exponentialGradient(n *graph.Node, dy *graph.Value, gamma, alpha float64) *graph.Value {
	x, y, name := n.In("X"), n.Out("Y"), n.Name
	below := b.shifted(name+".below", y, gamma*alpha)
	if gamma == 1 && alpha == 1 {
		return b.Binary("Mul", name, dy, b.Binary("Min", name+".slope", below, b.number(name+".one", x, 1)))
	}
	of := y
	if gamma*alpha <= 0 || gamma <= 0 {
		of = x // with these factors, y does not have the sign of x
	}
	isBelow := b.Compare("Less", name+".is_below", of, b.number(name+".zero", x, 0))
	return b.Binary("Mul", name, dy, b.where(name+".slope", isBelow, below, b.number(name+".above", x, gamma)))
}

// Celu becomes alpha·Elu(x/alpha).
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "Celu", Takes: Takes("X"), Gives: Gives("Y"), Fields: Fields("alpha", float32(1))},
	From:   12,
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x, alpha := n.In("X"), float64(n.Float("alpha"))
		if err := floats.check(x); err != nil {
			return nil, err
		}
		switch alpha {
		case 0:
			return nil, fmt.Errorf("attribute \"alpha\" is 0, want another number")
		case 1:
			return []*graph.Value{b.Unary("Elu", n.Name, x)}, nil
		}
		elu := b.Unary("Elu", n.Name+".elu", b.scaled(n.Name+".in", x, 1/alpha))
		return []*graph.Value{b.scaled(n.Name, elu, alpha)}, nil
	},
})

// PRelu gives x where x ≥ 0, else slope·x. The slope is broadcast.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "PRelu", Takes: Takes("X", "slope!"), Gives: Gives("Y")},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		types, err := numbers.broadcast(n)
		if err == nil && !types[0].Shape.Equal(n.In("X").Shape) {
			return nil, fmt.Errorf("the slope %s cannot be broadcast to %s", n.In("slope"), n.In("X"))
		}
		return types, err
	},
	// dx = dy where x ≥ 0, else dy·slope; dslope = dy·x where x < 0
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		x, slope, name := n.In("X"), n.In("slope"), n.Name
		grads := make([]*graph.Value, 2)
		zero := b.number(name+".zero", x, 0)
		if b.Wants(x) {
			below := b.Compare("Less", name+".is_below", x, zero)
			grads[0] = b.where(name+".dx", below, b.Binary("Mul", name+".below", dy[0], slope), dy[0])
		}
		if b.Wants(slope) {
			share := b.Binary("Mul", name+".share", dy[0], b.Binary("Min", name+".x_below", x, zero))
			grads[1] = b.reduceTo(name+".dslope", share, slope)
		}
		return grads
	},
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		y, err := preluOf.of(in[0], in[1])
		return []*Tensor{y}, err
	},
})

var preluOf = pairwise(
	func(x, slope float64) float64 {
		if x < 0 {
			return slope * x
		}
		return x
	},
	func(elem graph.Elem, x, slope int64) int64 {
		if x < 0 && elem != graph.Uint64 {
			return slope * x
		}
		return x
	},
)

package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Activations x·Φ(x) and x·σ(αx). Opset 17 has none of them, but ONNX Runtime has operators for
// float32 (com.microsoft), each with a gradient in one pass. Models that write an activation as
// several operators get these too: see Builder.activation.

var (
	// x·(1 + erf(x/√2))/2
	_ = microsoftUnary("Gelu", "GeluGrad", func(*graph.Node) func(float64) float64 {
		return func(x float64) float64 { return x * (1 + math.Erf(x/math.Sqrt2)) / 2 }
	})
	// x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2
	_ = microsoftUnary("FastGelu", "FastGeluGrad", func(*graph.Node) func(float64) float64 {
		return func(x float64) float64 { return x * (1 + math.Tanh(geluScale*(x+geluCubic*x*x*x))) / 2 }
	})
	// x·σ(alpha·x)
	_ = microsoftUnary("QuickGelu", "QuickGeluGrad", func(n *graph.Node) func(float64) float64 {
		alpha := float64(n.Float("alpha"))
		return func(x float64) float64 { return x * sigmoid(alpha*x) }
	}, "alpha", float32(1.702))
)

const (
	geluScale = 0.7978845608028654 // √(2/π)
	geluCubic = 0.044715
)

// microsoftUnary declares an activation. gradient is the name of the operator that computes its
// gradient and takes the same attributes.
func microsoftUnary(name, gradient string, f func(n *graph.Node) func(float64) float64, fields ...any) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Domain: Microsoft, Op: name, Takes: Takes("X"), Gives: Gives("Y"), Fields: Fields(fields...)},
		Infer:  floats.same,
		Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{b.fused(gradient, n.Name, dy[0], n.In("X"), n.Attributes...)}
		},
		Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) { return mapped(in[0], f(n)) },
	})
}

// Gelu appends x·(1 + erf(x/√2))/2.
func (b Builder) Gelu(name string, x *graph.Value) *graph.Value {
	if x.Elem == graph.Float {
		return b.in(Microsoft, "Gelu", name, []*graph.Value{x})
	}
	erf := b.Unary("Erf", name+".erf", b.scaled(name+".scaled", x, 1/math.Sqrt2))
	return b.Binary("Mul", name, b.scaled(name+".half", x, 0.5), b.shifted(name+".gate", erf, 1))
}

// FastGelu appends x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2.
func (b Builder) FastGelu(name string, x *graph.Value) *graph.Value {
	if x.Elem == graph.Float {
		return b.in(Microsoft, "FastGelu", name, []*graph.Value{x})
	}
	cubic := b.shifted(name+".cubic", b.scaled(name+".scaled", b.Binary("Mul", name+".square", x, x), geluCubic), 1)
	tanh := b.Unary("Tanh", name+".tanh", b.scaled(name+".in", b.Binary("Mul", name+".x", x, cubic), geluScale))
	return b.Binary("Mul", name, b.scaled(name+".half", x, 0.5), b.shifted(name+".gate", tanh, 1))
}

// Swish appends x·σ(alpha·x).
func (b Builder) Swish(name string, x *graph.Value, alpha float32) *graph.Value {
	if x.Elem == graph.Float {
		return b.in(Microsoft, "QuickGelu", name, []*graph.Value{x}, graph.Attribute{Name: "alpha", Value: alpha})
	}
	in := x
	if alpha != 1 {
		in = b.scaled(name+".in", x, float64(alpha))
	}
	return b.Binary("Mul", name, x, b.Unary("Sigmoid", name+".gate", in))
}

var _ = RegisterVariants(
	&Variant{
		Schema: graph.Schema{Op: "Gelu", Takes: Takes("X"), Gives: Gives("Y"), Fields: Fields("approximate", "none")},
		From:   20,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			switch how := n.Text("approximate"); how {
			case "none":
				return []*graph.Value{b.Gelu(n.Name, n.In("X"))}, nil
			case "tanh":
				return []*graph.Value{b.FastGelu(n.Name, n.In("X"))}, nil
			default:
				return nil, fmt.Errorf("attribute \"approximate\" is %q, want none or tanh", how)
			}
		},
	},
	&Variant{
		Schema: graph.Schema{Op: "Swish", Takes: Takes("X"), Gives: Gives("Y"), Fields: Fields("alpha", float32(1))},
		From:   24,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			return []*graph.Value{b.Swish(n.Name, n.In("X"), n.Float("alpha"))}, nil
		},
	},
	&Variant{
		Schema: graph.Schema{Op: "SwiGLU", Takes: Takes("A", "B"), Gives: Gives("Y"), Fields: Fields("alpha", float32(1))},
		From:   28,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			gate := b.Swish(n.Name+".gate", n.In("A"), n.Float("alpha"))
			return []*graph.Value{b.Binary("Mul", n.Name, gate, n.In("B"))}, nil
		},
	},
	biasVariant("BiasGelu", Takes("A", "B!"), Gives("C"), Builder.Gelu),
	biasVariant("FastGelu", Takes("X", "bias?!"), Gives("Y"), Builder.FastGelu),
)

// biasVariant is the variant of an operator of ONNX Runtime that adds a bias before an activation.
func biasVariant(name string, takes, gives []graph.Operand, activation func(b Builder, name string, x *graph.Value) *graph.Value) *Variant {
	return &Variant{
		Schema: graph.Schema{Domain: Microsoft, Op: name, Takes: takes, Gives: gives},
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x := n.Inputs[0]
			if len(n.Inputs) > 1 && n.Inputs[1] != nil {
				x = b.Binary("Add", n.Name+".biased", x, n.Inputs[1])
			}
			return []*graph.Value{activation(b, n.Name, x)}, nil
		},
	}
}

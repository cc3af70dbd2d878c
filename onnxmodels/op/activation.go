package op

import (
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// This file recognises activations that models write as several operators: x·σ(x), HardSwish
// and both kinds of Gelu. As one operator, an activation and its gradient take fewer passes
// over the images.

// Such an activation ends in a product or a quotient, so these two operators are checked when
// a model is imported.
var _ = RegisterVariants(productVariant("Mul"), productVariant("Div"))

func productVariant(name string) *Variant {
	return &Variant{
		Schema: graph.Schema{Op: name, Takes: Takes("A", "B"), Gives: Gives("C")},
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			if y := b.activation(n); y != nil {
				return []*graph.Value{y}, nil
			}
			return []*graph.Value{b.Binary(name, n.Name, n.In("A"), n.In("B"))}, nil
		},
	}
}

// gated is an activation of the form scale·x·gate(x); apply appends it as one operator.
type gated struct {
	x     *graph.Value
	scale float64
	apply func(name string, x *graph.Value) *graph.Value
}

// activation appends the activation whose last operator is n. It returns nil if n does not end
// an activation.
func (b Builder) activation(n *graph.Node) *graph.Value {
	types, err := inferBinary(n)
	if err != nil {
		return nil
	}
	for _, gate := range factorsOf(n, 3, nil).factors {
		for _, a := range b.gatedBy(gate.Producer()) {
			p := factorsOf(n, 3, a.x)
			whole := len(p.factors) == 2 && slices.Contains(p.factors, a.x) && slices.Contains(p.factors, gate)
			if whole && near(p.scale, a.scale) && a.x.Elem == graph.Float && a.x.Shape.Equal(types[0].Shape) {
				return a.apply(n.Name, a.x)
			}
		}
	}
	return nil
}

// gatedBy lists the activations whose gate may be the output of the node.
func (b Builder) gatedBy(gate *graph.Node) []gated {
	hardSwish := func(name string, x *graph.Value) *graph.Value { return b.Unary("HardSwish", name, x) }
	swish := func(alpha float64) func(name string, x *graph.Value) *graph.Value {
		return func(name string, x *graph.Value) *graph.Value { return b.Swish(name, x, float32(alpha)) }
	}
	switch {
	case gate.Is("", "Sigmoid"):
		x := gate.In("X")
		part, alpha := multipleOf(x)
		return []gated{{x, 1, swish(1)}, {part, 1, swish(alpha)}}
	case gate.Is("", "HardSigmoid") && near(float64(gate.Float("alpha")), 1./6) && near(float64(gate.Float("beta")), 0.5):
		return []gated{{gate.In("X"), 1, hardSwish}}
	case gate.Is("", "Clip"):
		x, added := addendsOf(gate.In("input"))
		low, _ := numberOf(gate.In("min"))
		if high, _ := numberOf(gate.In("max")); x != nil && added == 3 && low == 0 && high == 6 {
			return []gated{{x, 1. / 6, hardSwish}}
		}
	case gate.Is("", "Add"):
		if f, added := addendsOf(gate.Out("C")); f != nil && added == 1 {
			return b.geluOf(f.Producer())
		}
	}
	return nil
}

// geluOf lists the Gelu activations whose gate is 1 + f, where f is Erf of x/√2 or Tanh of
// √(2/π)·(x + 0.044715·x³).
func (b Builder) geluOf(f *graph.Node) []gated {
	switch {
	case f.Is("", "Erf"):
		if x, scale := multipleOf(f.In("input")); near(scale, 1/math.Sqrt2) {
			return []gated{{x, 0.5, b.Gelu}}
		}
	case f.Is("", "Tanh"):
		sum, scale := multipleOf(f.In("input"))
		n := sum.Producer()
		if !near(scale, geluScale) || !n.Is("", "Add") {
			return nil
		}
		for i, x := range n.Inputs {
			if p := factorsOfValue(n.Inputs[1-i], 3, x); near(p.scale, geluCubic) && p.isCube(x) {
				return []gated{{x, 0.5, b.FastGelu}}
			}
		}
	}
	return nil
}

// factored is a product: the number scale times the factors, none of which is constant.
type factored struct {
	scale   float64
	factors []*graph.Value
}

// isCube tells whether the factors are x·x·x.
func (p factored) isCube(x *graph.Value) bool {
	if len(p.factors) == 1 {
		n := p.factors[0].Producer()
		if !n.Is("", "Pow") || n.In("X") != x {
			return false
		}
		exponent, ok := numberOf(n.In("Y"))
		return ok && exponent == 3
	}
	return slices.Equal(p.factors, []*graph.Value{x, x, x})
}

// factorsOf returns the factors of a product, or of a quotient by a number. Factors that are
// products themselves are expanded, down to the given depth; x is never expanded.
func factorsOf(n *graph.Node, depth int, x *graph.Value) factored {
	a := factorsOfValue(n.In("A"), depth-1, x)
	if n.Op == "Mul" {
		b := factorsOfValue(n.In("B"), depth-1, x)
		return factored{a.scale * b.scale, slices.Concat(a.factors, b.factors)}
	}
	if c, ok := numberOf(n.In("B")); ok {
		return factored{a.scale / c, a.factors}
	}
	return factored{scale: 1}
}

func factorsOfValue(v *graph.Value, depth int, x *graph.Value) factored {
	if c, ok := numberOf(v); ok {
		return factored{scale: c}
	}
	if n := v.Producer(); depth > 0 && v != x && (n.Is("", "Mul") || n.Is("", "Div")) {
		if p := factorsOf(n, depth, x); len(p.factors) > 0 {
			return p
		}
	}
	return factored{1, []*graph.Value{v}}
}

// multipleOf writes v as scale·of, for a number scale, which may be 1.
func multipleOf(v *graph.Value) (of *graph.Value, scale float64) {
	if p := factorsOfValue(v, 1, nil); len(p.factors) == 1 {
		return p.factors[0], p.scale
	}
	return v, 1
}

// addendsOf writes v as of + added, for a number added. It returns nil if v is not such a sum.
func addendsOf(v *graph.Value) (of *graph.Value, added float64) {
	n := v.Producer()
	if !n.Is("", "Add") {
		return nil, 0
	}
	for i, in := range n.Inputs {
		if c, ok := numberOf(in); ok {
			return n.Inputs[1-i], c
		}
	}
	return nil, 0
}

// near reports whether a is b, up to the rounding of constants in models.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-4*math.Abs(b) }

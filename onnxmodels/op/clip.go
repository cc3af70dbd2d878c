package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Clip bounds x by two scalars, either of which may be left out: min(max, max(min, x)).
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Clip", Takes: Takes("input", "min?", "max?"), Gives: Gives("output")},
	From:   11,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("input")
		for _, bound := range n.Inputs[1:] {
			if bound == nil {
				continue
			}
			if size, static := bound.Shape.Elements(); size != 1 || !static || len(bound.Shape) > 1 || bound.Elem != x.Elem {
				return nil, fmt.Errorf("the bound %s is not a single number of the type of %s", bound, x)
			}
		}
		return numbers.same(n)
	},
	Gradient: clipGradient,
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		y := in[0]
		for i, f := range []arithmetic{largerOf, smallerOf} {
			if 1+i >= len(in) || in[1+i] == nil {
				continue
			}
			if in[1+i].Len() != 1 {
				return nil, fmt.Errorf("the bound %s is not a single number", in[1+i])
			}
			var err error
			if y, err = f.of(y, in[1+i].reshaped()); err != nil {
				return nil, err
			}
		}
		return one(y)
	},
})

// clipGradient returns dx = dy where y is strictly between the bounds, else 0. The gradient with
// respect to a bound is the sum of dy where y equals the bound.
func clipGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, y, low, high, name := n.In("input"), n.Out("output"), n.In("min"), n.In("max"), n.Name
	grads := make([]*graph.Value, len(n.Inputs))
	for i, bound := range n.Inputs[1:] {
		if b.Wants(bound) {
			at := b.Compare("Equal", name+".is_bound", y, bound)
			grads[1+i] = b.reduceTo(name+".dbound", b.where(name+".at_bound", at, dy[0], nil), bound)
		}
	}
	if !b.Wants(x) {
		return grads
	}
	if from, to, ok := constantBounds(low, high); ok {
		if halfWidth(y.Elem, from, to) > 0 { // else nothing leads on
			grads[0] = b.in(Marked, "ClipGrad", name, []*graph.Value{dy[0], y},
				graph.Attribute{Name: "low", Value: from}, graph.Attribute{Name: "high", Value: to})
		}
		return grads
	}
	d := dy[0]
	if low != nil {
		d = b.where(name+".above", b.Compare("Less", name+".is_above", low, y), d, nil)
	}
	if high != nil {
		d = b.where(name+".below", b.Compare("Less", name+".is_below", y, high), d, nil)
	}
	grads[0] = d
	return grads
}

// constantBounds returns both bounds in float32, and whether both are finite constants.
func constantBounds(low, high *graph.Value) (from, to float32, ok bool) {
	if low == nil || high == nil || !low.Constant() || !high.Constant() {
		return 0, 0, false
	}
	f, t := TensorOf(low).At(0), TensorOf(high).At(0)
	const most = math.MaxFloat32 / 4
	return float32(f), float32(t), math.Abs(f) < most && math.Abs(t) < most
}

// ClipGrad is the gradient of a Clip whose result is Y, between two constant bounds.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Marked, Op: "ClipGrad", Takes: Takes("dY", "Y"), Gives: Gives("dX"), Fields: Fields("low", float32(0), "high", float32(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) { return like(n.In("Y")) },
})

// Between appends dy where y is strictly between the bounds, and 0 where it is at one of them.
// It finds that by the distance of y from the middle of the bounds, without a comparison.
func (b Builder) Between(name string, dy, y *graph.Value, from, to float32) *graph.Value {
	middle := rounded(y.Elem, float64(from)/2+float64(to)/2)
	within := b.inside(name+".inside", b.shifted(name+".centred", y, -float64(middle)), halfWidth(y.Elem, from, to))
	return b.Binary("Mul", name, dy, within)
}

// halfWidth returns the distance of the bounds from their middle, as a number of the type.
func halfWidth(elem graph.Elem, from, to float32) float32 {
	middle := rounded(elem, float64(from)/2+float64(to)/2)
	return min(rounded(elem, float64(to-middle)), rounded(elem, float64(middle-from)))
}

// steepness returns an alpha with which HardSigmoid goes from 0 to 1 between half and the next
// number of the type: see inside.
func steepness(elem graph.Elem, half float32) float32 {
	bits := map[graph.Elem]int{graph.Float16: 11, graph.BFloat16: 8, graph.Double: 53}[elem]
	if bits == 0 {
		bits = 24
	}
	_, exponent := math.Frexp(float64(half))
	return float32(math.Ldexp(1, bits+2-exponent))
}

// Until opset 10 the bounds were attributes. Clip with only a lower bound of 0 becomes Relu.
var _ = RegisterVariants(
	&Variant{
		Schema: graph.Schema{
			Op: "Clip", Takes: Takes("input"), Gives: Gives("output"),
			Fields: Fields("min", float32(-math.MaxFloat32), "max", float32(math.MaxFloat32)),
		},
		Until: 10,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x := n.In("input")
			if err := floats.check(x); err != nil {
				return nil, err
			}
			bound := func(name string) *graph.Value { return b.number(n.Name+"."+name, x, float64(n.Float(name))) }
			return []*graph.Value{b.clip(n.Name, x, bound("min"), bound("max"))}, nil
		},
	},
	&Variant{
		Schema: graph.Schema{Op: "Clip", Takes: Takes("input", "min?", "max?"), Gives: Gives("output")},
		From:   11,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			return []*graph.Value{b.clip(n.Name, n.In("input"), n.In("min"), n.In("max"))}, nil
		},
	},
)

// clip appends x clipped to two bounds, either of which may be nil. Bounds at the limits of
// float32 or beyond have no effect and are left out.
func (b Builder) clip(name string, x, low, high *graph.Value) *graph.Value {
	from, hasFrom := numberOf(low)
	if hasFrom && from <= -math.MaxFloat32 {
		low = nil
	}
	if to, ok := numberOf(high); ok && to >= math.MaxFloat32 {
		high = nil
	}
	switch {
	case low == nil && high == nil:
		return b.Unary("Identity", name, x)
	case hasFrom && from == 0 && high == nil && x.Elem.Floating():
		return b.Unary("Relu", name, x)
	}
	return b.one("Clip", name, []*graph.Value{x, low, high})
}

// numberOf returns the only element of v, and whether v is a constant of one element.
func numberOf(v *graph.Value) (float64, bool) {
	if v == nil || !v.Constant() {
		return 0, false
	}
	t := TensorOf(v)
	if t == nil || t.Len() != 1 {
		return 0, false
	}
	return t.At(0), true
}

// Shrink gives 0 where |x| ≤ lambd; elsewhere x moved towards 0 by the bias.
var _ = unary("Shrink", numbers, rule{ // dx = dy where |x| > lambd
	from: 9, names: inputOutput, fields: Fields("bias", float32(0), "lambd", float32(0.5)),
	gradient: func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
		x, name := n.In("input"), n.Name
		size := b.Unary("Abs", name+".abs", x)
		return b.where(name, b.Compare("Less", name+".is_beyond", b.number(name+".lambd", x, float64(n.Float("lambd"))), size), dy, nil)
	},
	formula: func(n *graph.Node) func(float64) float64 {
		bias, limit := float64(n.Float("bias")), float64(n.Float("lambd"))
		return func(x float64) float64 {
			switch {
			case x < -limit:
				return x + bias
			case x > limit:
				return x - bias
			}
			return 0
		}
	},
})

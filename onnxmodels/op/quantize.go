package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Quantized numbers are integers q that stand for (q − zero point)·scale. Scale and zero
// point are scalars, or have one element for each place along an axis.
//
// The attributes are those of opset 13: later ones, of blocks and of types of 8 bits of
// floating point, are not supported.

// quantizeLinear is the nearest integer to x/scale, ties to even, plus the zero point,
// within the range of its type.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "QuantizeLinear", Takes: Takes("x", "y_scale", "y_zero_point?"), Gives: Gives("y"),
		Fields: Fields("axis", int64(1)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, elem := n.In("x"), graph.Uint8
		if zero := n.In("y_zero_point"); zero != nil {
			elem = zero.Elem
		}
		if _, _, ok := integerRange(elem); !ok || x.Elem != graph.Float {
			return nil, fmt.Errorf("from %s to %s: want float32 to int8 or uint8", x.Elem, elem)
		}
		if err := checkScale(n, "y_scale", "y_zero_point"); err != nil {
			return nil, err
		}
		return typed(elem, x.Shape)
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x := in[0]
		if err := x.want("x", graph.Float, -1); err != nil {
			return nil, err
		}
		steps, err := newSteps(x, in[1:], n.Int("axis"))
		if err != nil {
			return nil, err
		}
		elem := graph.Uint8
		if steps.zero != nil {
			elem = steps.zero.Elem
		}
		least, most, ok := integerRange(elem)
		if !ok {
			return nil, fmt.Errorf("zero point is %s, want int8 or uint8", steps.zero)
		}
		y := &Tensor{Elem: elem, Shape: x.Shape, Ints: make([]int64, len(x.Floats))}
		steps.each(func(i int, scale float32, zero int64) {
			q := math.RoundToEven(float64(x.Floats[i]/scale)) + float64(zero)
			y.Ints[i] = int64(min(max(q, float64(least)), float64(most)))
		})
		return one(y)
	},
})

// dequantizeLinear is (x − zero point)·scale.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "DequantizeLinear", Takes: Takes("x", "x_scale", "x_zero_point?"), Gives: Gives("y"),
		Fields: Fields("axis", int64(1)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("x")
		if _, _, ok := integerRange(x.Elem); !ok && x.Elem != graph.Int32 {
			return nil, fmt.Errorf("input %s, want int8, uint8 or int32", x)
		}
		if zero := n.In("x_zero_point"); zero != nil && zero.Elem != x.Elem {
			return nil, fmt.Errorf("input %s does not go with the zero point %s", x, zero)
		}
		if err := checkScale(n, "x_scale", "x_zero_point"); err != nil {
			return nil, err
		}
		return typed(graph.Float, x.Shape)
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x := in[0]
		if _, _, ok := integerRange(x.Elem); !ok && x.Elem != graph.Int32 {
			return nil, fmt.Errorf("x is %s, want int8, uint8 or int32", x)
		}
		steps, err := newSteps(x, in[1:], n.Int("axis"))
		if err != nil {
			return nil, err
		}
		if steps.zero != nil && steps.zero.Elem != x.Elem {
			return nil, fmt.Errorf("x is %s, the zero point %s", x, steps.zero)
		}
		y, err := newFloats(x.Shape...)
		if err != nil {
			return nil, err
		}
		steps.each(func(i int, scale float32, zero int64) { y.Floats[i] = float32(x.Ints[i]-zero) * scale })
		return one(y)
	},
})

// integerRange is that of the types that numbers are quantized to.
func integerRange(e graph.Elem) (least, most int64, ok bool) {
	switch e {
	case graph.Uint8:
		return 0, math.MaxUint8, true
	case graph.Int8:
		return math.MinInt8, math.MaxInt8, true
	}
	return 0, 0, false
}

// checkScale checks a scale and its zero point, which may be left out.
func checkScale(n *graph.Node, scaleName, zeroName string) error {
	x, scale, zero := n.Inputs[0], n.In(scaleName), n.In(zeroName)
	if scale.Elem != graph.Float {
		return fmt.Errorf("scale %s, want float32", scale)
	}
	if zero != nil && !zero.Shape.Equal(scale.Shape) {
		return fmt.Errorf("zero point %s is not of the shape of the scale %s", zero, scale)
	}
	if len(scale.Shape) == 0 {
		return nil
	}
	axis, err := axisOf(x, n.Int("axis"))
	if err != nil {
		return err
	}
	if len(scale.Shape) != 1 || scale.Shape[0] != x.Shape[axis] && scale.Shape[0] != graph.Fixed(1) {
		return fmt.Errorf("scale %s does not fit dimension %d of %s", scale, axis, x)
	}
	return nil
}

// steps are the scale and the zero point of each element of a tensor.
type steps struct {
	scale, zero *Tensor // zero may be nil
	of          *Tensor
	inner       int // elements for each place along the axis
}

// newSteps reads the inputs scale and zero point for the elements of x.
func newSteps(x *Tensor, in []*Tensor, axis int64) (*steps, error) {
	s := &steps{scale: in[0], of: x, inner: 1}
	if err := s.scale.want("scale", graph.Float, -1); err != nil {
		return nil, err
	}
	if len(in) > 1 {
		s.zero = in[1]
	}
	if s.zero != nil && s.zero.Len() != s.scale.Len() || s.zero != nil && s.zero.Ints == nil {
		return nil, fmt.Errorf("zero point is %s, the scale %s", s.zero, s.scale)
	}
	if s.scale.Len() == 1 {
		return s, nil
	}
	place, err := axisIn(axis, len(x.Shape))
	if err != nil {
		return nil, err
	}
	if len(s.scale.Shape) != 1 || s.scale.Shape[0] != x.Shape[place] {
		return nil, fmt.Errorf("scale is %s, want [%d]", s.scale, x.Shape[place])
	}
	s.inner = product(x.Shape[place+1:])
	return s, nil
}

// each calls f with every element's scale and zero point.
func (s *steps) each(f func(i int, scale float32, zero int64)) {
	channels := s.scale.Len()
	for i := range s.of.Len() {
		c := 0
		if channels > 1 {
			c = i / s.inner % channels
		}
		zero := int64(0)
		if s.zero != nil {
			zero = s.zero.Ints[c]
		}
		f(i, s.scale.Floats[c], zero)
	}
}

// Quantize appends the integers for x, of the type of the zero point, which like scale is
// a scalar.
func (b Builder) Quantize(name string, x, scale, zero *graph.Value) *graph.Value {
	return b.one("QuantizeLinear", name, []*graph.Value{x, scale, zero})
}

// Dequantize appends what the integers x stand for. Scale and zero point, which may be
// nil for 0, are scalars or have an element for each place along the axis.
func (b Builder) Dequantize(name string, x, scale, zero *graph.Value, axis int) *graph.Value {
	return b.one("DequantizeLinear", name, []*graph.Value{x, scale, zero}, graph.Attribute{Name: "axis", Value: int64(axis)})
}

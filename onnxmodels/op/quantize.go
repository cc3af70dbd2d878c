package op

import (
	"fmt"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Quantized numbers are integers q that stand for (q − zero point)·scale. Scale and zero
// point are scalars, or have one element for each index along an axis. Blocks of indices, types
// of fewer than 8 bits and 8-bit floating-point types are not supported.

// QuantizeLinear gives x/scale rounded to the nearest integer, ties to even, plus the
// zero point, limited to the range of its type.
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
			return nil, fmt.Errorf("cannot quantize %s to %s: want float32 to integers of 8 or 16 bits", x.Elem, elem)
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
		steps, err := newQuantization(n, x, in[1:])
		if err != nil {
			return nil, err
		}
		elem := graph.Uint8
		if steps.zero != nil {
			elem = steps.zero.Elem
		}
		least, most, ok := integerRange(elem)
		if !ok {
			return nil, fmt.Errorf("zero point is %s, want integers of 8 or 16 bits", steps.zero)
		}
		y := &Tensor{Elem: elem, Shape: x.Shape, Ints: make([]int64, len(x.Floats))}
		steps.each(func(i int, scale float32, zero int64) {
			q := math.RoundToEven(float64(x.Floats[i]/scale)) + float64(zero)
			y.Ints[i] = int64(min(max(q, float64(least)), float64(most)))
		})
		return one(y)
	},
})

// DequantizeLinear gives (x − zero point)·scale.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "DequantizeLinear", Takes: Takes("x", "x_scale", "x_zero_point?"), Gives: Gives("y"),
		Fields: Fields("axis", int64(1)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("x")
		if _, _, ok := integerRange(x.Elem); !ok && x.Elem != graph.Int32 {
			return nil, fmt.Errorf("input %s, want integers of 8, 16 or 32 bits", x)
		}
		if zero := n.In("x_zero_point"); zero != nil && zero.Elem != x.Elem {
			return nil, fmt.Errorf("input %s and the zero point %s differ in type", x, zero)
		}
		if err := checkScale(n, "x_scale", "x_zero_point"); err != nil {
			return nil, err
		}
		return typed(graph.Float, x.Shape)
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x := in[0]
		if _, _, ok := integerRange(x.Elem); !ok && x.Elem != graph.Int32 {
			return nil, fmt.Errorf("x is %s, want integers of 8, 16 or 32 bits", x)
		}
		steps, err := newQuantization(n, x, in[1:])
		if err != nil {
			return nil, err
		}
		if steps.zero != nil && steps.zero.Elem != x.Elem {
			return nil, fmt.Errorf("x is %s and the zero point %s: they differ in type", x, steps.zero)
		}
		y, err := newFloats(x.Shape...)
		if err != nil {
			return nil, err
		}
		steps.each(func(i int, scale float32, zero int64) { y.Floats[i] = float32(x.Ints[i]-zero) * scale })
		return one(y)
	},
})

// Since opset 19 there are attributes for blocks and 8-bit floating-point types, which are not
// supported, and output_dtype, which names the type of the integers if there is no zero point.
var _ = RegisterVariants(
	&Variant{
		Schema: graph.Schema{
			Op: "QuantizeLinear", Takes: Takes("x", "y_scale", "y_zero_point?"), Gives: Gives("y"),
			Fields: Fields("axis", int64(1), "block_size", int64(0), "output_dtype", int64(0), "precision", int64(0), "saturate", int64(1)),
		},
		From: 19,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			scale, zero := n.In("y_scale"), n.In("y_zero_point")
			if to := graph.Elem(n.Int("output_dtype")); to != 0 && zero == nil {
				elements, fixed := scale.Shape.Elements()
				if !fixed || to.Size() == 0 {
					return nil, fmt.Errorf("attribute \"output_dtype\": %s with the scale %s is not supported", to, scale)
				}
				zero = b.Constant(n.Name+".zero_point", to, scale.Shape.Sizes(), make([]byte, elements*to.Size()))
			}
			return b.unblocked(n, n.In("x"), scale, zero)
		},
	},
	&Variant{
		Schema: graph.Schema{
			Op: "DequantizeLinear", Takes: Takes("x", "x_scale", "x_zero_point?"), Gives: Gives("y"),
			Fields: Fields("axis", int64(1), "block_size", int64(0), "output_dtype", int64(0)),
		},
		From: 19,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			return b.unblocked(n, n.In("x"), n.In("x_scale"), n.In("x_zero_point"))
		},
	},
)

// unblocked appends the operator of the node n without the attributes that opset 17 does not have.
func (b Builder) unblocked(n *graph.Node, inputs ...*graph.Value) ([]*graph.Value, error) {
	if block := n.Int("block_size"); block != 0 {
		return nil, fmt.Errorf("attribute \"block_size\" is %d: scales of blocks are not supported", block)
	}
	return []*graph.Value{b.one(n.Op, n.Name, inputs, graph.Attribute{Name: "axis", Value: n.Int("axis")})}, nil
}

// integerRange returns the range of a type that numbers can be quantized to; ok is false for other
// types.
func integerRange(e graph.Elem) (least, most int64, ok bool) {
	switch e {
	case graph.Uint8:
		return 0, math.MaxUint8, true
	case graph.Int8:
		return math.MinInt8, math.MaxInt8, true
	case graph.Uint16:
		return 0, math.MaxUint16, true
	case graph.Int16:
		return math.MinInt16, math.MaxInt16, true
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
		return fmt.Errorf("zero point %s does not have the shape of the scale %s", zero, scale)
	}
	if len(scale.Shape) == 0 || scale.Shape.Equal(graph.Static(1)) {
		return nil // one for all elements
	}
	axis, err := axisOf(x, n.Int("axis"))
	if err != nil {
		return err
	}
	if !scale.Shape.Equal(graph.Shape{x.Shape[axis]}) {
		return fmt.Errorf("scale %s does not fit dimension %d of %s", scale, axis, x)
	}
	return nil
}

// quantization holds the scales and zero points for the elements of a tensor.
type quantization struct {
	scale, zero *Tensor // zero may be nil
	of          *Tensor
	inner       int // elements for each index along the axis
}

// newQuantization reads the inputs scale and zero point of a node for the elements of x.
func newQuantization(n *graph.Node, x *Tensor, in []*Tensor) (*quantization, error) {
	s := &quantization{scale: in[0], of: x, inner: 1}
	if err := s.scale.want("scale", graph.Float, -1); err != nil {
		return nil, err
	}
	if len(in) > 1 {
		s.zero = in[1]
	}
	if s.zero != nil && (s.zero.Ints == nil || s.zero.Len() != s.scale.Len()) {
		return nil, fmt.Errorf("zero point is %s and scale %s: want one integer for each scale", s.zero, s.scale)
	}
	if s.scale.Len() == 1 {
		return s, nil
	}
	axis, err := axisIn(n.Int("axis"), len(x.Shape))
	if err != nil {
		return nil, err
	}
	if !slices.Equal(s.scale.Shape, x.Shape[axis:axis+1]) {
		return nil, fmt.Errorf("scale is %s, want [%d]", s.scale, x.Shape[axis])
	}
	s.inner = product(x.Shape[axis+1:])
	return s, nil
}

// each calls f with the scale and the zero point of every element i.
func (s *quantization) each(f func(i int, scale float32, zero int64)) {
	scales := s.scale.Len()
	for i := range s.of.Len() {
		k, zero := 0, int64(0)
		if scales > 1 {
			k = i / s.inner % scales
		}
		if s.zero != nil {
			zero = s.zero.Ints[k]
		}
		f(i, s.scale.Floats[k], zero)
	}
}

// Quantize appends the integers that stand for x, in the type of the zero point. Scale and zero
// point are scalars.
func (b Builder) Quantize(name string, x, scale, zero *graph.Value) *graph.Value {
	return b.one("QuantizeLinear", name, []*graph.Value{x, scale, zero})
}

// Dequantize appends the numbers that the integers x stand for. Scale and zero point are scalars
// or have one element for each index along the axis; a zero point of nil means 0.
func (b Builder) Dequantize(name string, x, scale, zero *graph.Value, axis int) *graph.Value {
	return b.one("DequantizeLinear", name, []*graph.Value{x, scale, zero}, graph.Attribute{Name: "axis", Value: int64(axis)})
}

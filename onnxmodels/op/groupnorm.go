package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Normalisations that models have and graphs do not. Some become LayerNormalization, because ONNX
// Runtime computes it and its gradient in few passes; the others become ordinary operators.
var _ = RegisterVariants(
	&Variant{
		Schema: graph.Schema{
			Op: "InstanceNormalization", Takes: Takes("input", "scale!", "B!"), Gives: Gives("output"),
			Fields: Fields("epsilon", float32(1e-5)),
		},
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x := n.In("input")
			if len(x.Shape) < 3 {
				return nil, fmt.Errorf("input %s, want images [n, c, …]", x)
			}
			y, err := b.normaliseGroups(n.Name, x, x.Shape[1].Size, n.Float("epsilon"))
			if err != nil {
				return nil, err
			}
			return []*graph.Value{b.scaleChannels(n.Name, y, n.In("scale"), n.In("B"))}, nil
		},
	},
	// At first, scale and bias had one number for each group, but exporters wrote one for each
	// channel.
	&Variant{
		Schema: graph.Schema{
			Op: "GroupNormalization", Takes: Takes("X", "scale!", "bias!"), Gives: Gives("Y"),
			Fields: Fields("epsilon", float32(1e-5), "num_groups", Required{int64(0)}),
		},
		From: 18, Until: 20,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) { return b.groupNorm(n, true) },
	},
	&Variant{
		Schema: graph.Schema{
			Op: "GroupNormalization", Takes: Takes("X", "scale!", "bias!"), Gives: Gives("Y"),
			Fields: Fields("epsilon", float32(1e-5), "num_groups", Required{int64(0)}, "stash_type", int64(1)),
		},
		From:  21,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) { return b.groupNorm(n, false) },
	},
	&Variant{
		Schema: graph.Schema{
			Op: "RMSNormalization", Takes: Takes("X", "scale!"), Gives: Gives("Y"),
			Fields: Fields("axis", int64(-1), "epsilon", float32(1e-5), "stash_type", int64(1)),
		},
		From:  23,
		Build: rmsNorm,
	},
	&Variant{
		Schema: graph.Schema{Op: "MeanVarianceNormalization", Takes: Takes("X"), Gives: Gives("Y"), Fields: Fields("axes", []int64{0, 2, 3})},
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x, axes := n.In("X"), n.Ints("axes")
			centred := b.Binary("Sub", n.Name+".centred", x, b.ReduceMean(n.Name+".mean", x, true, axes...))
			variance := b.ReduceMean(n.Name+".variance", b.Binary("Mul", n.Name+".squares", centred, centred), true, axes...)
			deviation := b.Binary("Add", n.Name+".positive", b.Unary("Sqrt", n.Name+".deviation", variance), b.As(x.Elem, b.Scalar(n.Name+".epsilon", 1e-9)))
			return []*graph.Value{b.Binary("Div", n.Name, centred, deviation)}, nil
		},
	},
	&Variant{
		Schema: graph.Schema{Op: "LpNormalization", Takes: Takes("input"), Gives: Gives("output"), Fields: Fields("axis", int64(-1), "p", int64(2))},
		Build:  lpNorm,
	},
)

// normaliseGroups normalises each group of channels of x [n, c, …] to mean 0 and variance 1.
func (b Builder) normaliseGroups(name string, x *graph.Value, groups int64, epsilon float32) (*graph.Value, error) {
	if groups < 1 || len(x.Shape) < 3 || x.Shape[1].Symbol != "" || x.Shape[1].Size%groups != 0 {
		return nil, fmt.Errorf("the channels of input %s cannot be cut into %d equal groups", x, groups)
	}
	size, err := quotient(x.Shape[1:], graph.Shape{graph.Dim{Size: groups}})
	if err != nil || size.Symbol != "" {
		return nil, fmt.Errorf("input %s has images without a fixed size", x)
	}
	ones := make([]float32, size.Size)
	for i := range ones {
		ones[i] = 1
	}
	grouped := b.Shaped(name+".grouped", x, graph.Shape{x.Shape[0], graph.Dim{Size: groups}, size})
	scale := b.As(x.Elem, b.Floats(name+".ones", []int{len(ones)}, ones))
	y := b.one("LayerNormalization", name+".normalised", []*graph.Value{grouped, scale},
		graph.Attribute{Name: "axis", Value: int64(-1)}, graph.Attribute{Name: "epsilon", Value: epsilon})
	return b.Shaped(name+".images", y, x.Shape), nil
}

// scaleChannels appends x·scale + bias for each channel of x [n, c, …].
func (b Builder) scaleChannels(name string, x, scale, bias *graph.Value) *graph.Value {
	shape := graph.Shape{scale.Shape[0]}
	for range x.Shape[2:] {
		shape = append(shape, graph.Fixed(1))
	}
	scaled := b.Binary("Mul", name+".scaled", x, b.Shaped(name+".scale", scale, shape))
	return b.Binary("Add", name, scaled, b.Shaped(name+".bias", bias, shape))
}

// groupNorm appends GroupNormalization. ofGroups says that scale and bias may hold one number for
// each group instead of each channel.
func (b Builder) groupNorm(n *graph.Node, ofGroups bool) ([]*graph.Value, error) {
	x, groups, scale, bias := n.In("X"), n.Int("num_groups"), n.In("scale"), n.In("bias")
	y, err := b.normaliseGroups(n.Name, x, groups, n.Float("epsilon"))
	if err != nil {
		return nil, err
	}
	if ofGroups && scale.Shape[0].Size == groups && x.Shape[1].Size != groups {
		scale, bias = b.perChannel(n.Name+".scale", scale, x.Shape[1].Size), b.perChannel(n.Name+".bias", bias, x.Shape[1].Size)
	}
	return []*graph.Value{b.scaleChannels(n.Name, y, scale, bias)}, nil
}

// perChannel repeats each group's number for each of its channels.
func (b Builder) perChannel(name string, v *graph.Value, channels int64) *graph.Value {
	groups := v.Shape[0].Size
	column := b.Shaped(name+".column", v, graph.Static(int(groups), 1))
	wide := graph.Static(int(groups), int(channels/groups))
	rows := b.Expand(name+".rows", column, b.Ints(name+".sizes", groups, channels/groups), wide)
	return b.Shaped(name+".channels", rows, graph.Static(int(channels)))
}

// rmsNorm appends x/√(mean x² + epsilon)·scale over the dimensions from axis on (Zhang and
// Sennrich 2019).
func rmsNorm(b Builder, n *graph.Node) ([]*graph.Value, error) {
	x := n.In("X")
	axis, err := axisOf(x, n.Int("axis"))
	if err != nil {
		return nil, err
	}
	var axes []int64
	for i := axis; i < len(x.Shape); i++ {
		axes = append(axes, int64(i))
	}
	wide := b.As(graph.Elem(n.Int("stash_type")), x)
	mean := b.ReduceMean(n.Name+".mean", b.Binary("Mul", n.Name+".squares", wide, wide), true, axes...)
	root := b.Unary("Sqrt", n.Name+".root", b.Binary("Add", n.Name+".positive", mean, b.As(wide.Elem, b.Scalar(n.Name+".epsilon", n.Float("epsilon")))))
	y := b.As(x.Elem, b.Binary("Div", n.Name+".normalised", wide, root))
	return []*graph.Value{b.Binary("Mul", n.Name, y, n.In("scale"))}, nil
}

// lpNorm appends x divided by its norm along an axis. A norm of 0 is replaced by the smallest
// positive number, so that a row of zeros stays zero.
func lpNorm(b Builder, n *graph.Node) ([]*graph.Value, error) {
	x := n.In("input")
	axis, err := axisOf(x, n.Int("axis"))
	if err != nil {
		return nil, err
	}
	r := reduced{n.Name + ".norm", x, true, []int64{int64(axis)}}
	var norm *graph.Value
	switch p := n.Int("p"); p {
	case 1:
		norm = reduceL1(b, r)
	case 2:
		norm = reduceL2(b, r)
	default:
		return nil, fmt.Errorf("attribute \"p\" is %d, but only 1 and 2 are supported", p)
	}
	least := b.As(x.Elem, b.Scalar(n.Name+".least", math.SmallestNonzeroFloat32))
	return []*graph.Value{b.Binary("Div", n.Name, x, b.Binary("Max", n.Name+".positive", norm, least))}, nil
}

package native

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower/cpu"
	"onnxlab/onnxmodels/op"
)

// Domain is that of onnxlab's own operators, whose kernels sessions are given: on images
// in blocks of the number of channels that the attribute "block" says.
const Domain = "onnxlab"

// A convolution, and its gradient by the weight, may compute what its X is made of by
// itself, so that it is never in memory: of bytes, if "scale" is not 0, or of the x of a
// normalisation whose Scale, Bias, Mean and InverseDeviation are inputs.
var _ = []*op.Operator{
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "Conv",
			Takes: op.Takes("X", "W", "B?", "Scale?", "Bias?", "Mean?", "InverseDeviation?"),
			Gives: op.Gives("Y", "Moments? .moments"),
			// A turned weight is [c, m, 3, 3] and turned by 180 degrees: the gradient
			// by the input of a convolution, from that by its result.
			Fields: op.Fields("block", int64(0), "turned", int64(0), "relu", int64(0), "scale", float32(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x, weight := n.In("X"), n.In("W")
			channels := weight.Shape[0]
			if n.Flag("turned") {
				channels = weight.Shape[1]
			}
			return []graph.Type{
				{Elem: graph.Float, Shape: graph.Shape{x.Shape[0], channels, x.Shape[2], x.Shape[3]}},
				momentsOf(n.Name, channels),
			}, nil
		},
		Cost: func(n *graph.Node) int64 { return costOf(n.Out("Y"), n.In("W")) },
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "ConvWeightGrad",
			Takes:  op.Takes("X", "dY", "Scale?", "Bias?", "Mean?", "InverseDeviation?"),
			Gives:  op.Gives("dW .dw"),
			Fields: op.Fields("block", int64(0), "relu", int64(0), "scale", float32(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			shape := graph.Shape{n.In("dY").Shape[1], n.In("X").Shape[1], graph.Fixed(3), graph.Fixed(3)}
			return []graph.Type{{Elem: graph.Float, Shape: shape}}, nil
		},
		Cost: func(n *graph.Node) int64 { return costOf(n.In("dY"), n.Out("dW")) },
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "BatchNorm",
			Takes:  op.Takes("X", "Scale", "Bias", "Moments?"),
			Gives:  op.Gives("Y? .y", "Mean .mean", "InverseDeviation .inverse", "Variance .variance"),
			Fields: op.Fields("block", int64(0), "relu", int64(0), "pool", int64(1), "epsilon", float32(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x, pool := n.In("X"), int(n.Int("pool"))
			channels := graph.Type{Elem: graph.Float, Shape: graph.Shape{x.Shape[1]}}
			y := graph.Shape{x.Shape[0], x.Shape[1], graph.Fixed(x.Size(2) / pool), graph.Fixed(x.Size(3) / pool)}
			return []graph.Type{{Elem: graph.Float, Shape: y}, channels, channels, channels}, nil
		},
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "BatchNormGrad",
			Takes:  op.Takes("dY", "X", "Scale", "Bias", "Mean", "InverseDeviation"),
			Gives:  op.Gives("dX .dx", "dScale .dscale", "dBias .dbias"),
			Fields: op.Fields("block", int64(0), "relu", int64(0), "pool", int64(1), "share", float32(1)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x := n.In("X")
			channels := graph.Type{Elem: graph.Float, Shape: graph.Shape{x.Shape[1]}}
			return []graph.Type{x.Type(), channels, channels}, nil
		},
	}),
}

// costOf is the multiplications of a convolution whose result is y, in the plain layout
// or any other.
func costOf(y, weight *graph.Value) int64 {
	return op.Times(op.Elements(y.Shape), op.Elements(weight.Shape[1:]))
}

// momentsOf is the type of what a convolution measures of its results: of each part of the
// tiles a pivot and the sums of the differences to it, and of their squares.
func momentsOf(name string, channels graph.Dim) graph.Type {
	return graph.Type{Elem: graph.Float, Shape: graph.Shape{graph.Symbol(name + ".parts"), graph.Fixed(3), channels}}
}

// Builder appends onnxlab's own operators, besides all others.
type Builder struct{ cpu.Builder }

// On returns a builder for the graph.
func On(g *graph.Graph, block int) Builder { return Builder{cpu.On(g, block)} }

func (b Builder) block() graph.Attribute {
	return graph.Attribute{Name: "block", Value: int64(b.Block)}
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// NativeConv appends the convolution of x [n, c, h, w], which is blocked, or
// plain if it has fewer channels than a block, with the plain weight [m, c, 3,
// 3] and pads of 1; the result is blocked. bias is [m] or nil. A turned weight is
// [c, m, 3, 3] and turned by 180 degrees.
func (b Builder) NativeConv(name string, x, weight, bias *graph.Value, turned bool) *graph.Value {
	return b.Do(Domain, "Conv", op.Call{
		Name: name, Inputs: []*graph.Value{x, weight, bias},
		Attributes: []graph.Attribute{b.block(), {Name: "turned", Value: flag(turned)}},
	})[0]
}

// NativeConvWeightGrad appends the gradient by the weight [m, c, 3, 3] of such
// a convolution of x, dy being that by its blocked result.
func (b Builder) NativeConvWeightGrad(name string, x, dy *graph.Value) *graph.Value {
	return b.Do(Domain, "ConvWeightGrad", op.Call{
		Name: name, Inputs: []*graph.Value{x, dy}, Attributes: []graph.Attribute{b.block()},
	})[0]
}

// NormOptions are what follows a normalisation in the same operator.
type NormOptions struct {
	ReLU bool
	// Pool is the height and width of windows that tile the images and of which
	// the result is the average, after the ReLU; 0 means 1.
	Pool int
}

func (b Builder) normAttributes(o NormOptions) []graph.Attribute {
	return []graph.Attribute{b.block(), {Name: "relu", Value: flag(o.ReLU)}, {Name: "pool", Value: int64(max(o.Pool, 1))}}
}

// NativeNorm appends the normalisation of the channels of a blocked x over the
// batch; its Y is blocked. The biased variance, too, is of the batch: [c].
func (b Builder) NativeNorm(name string, x, scale, bias *graph.Value, epsilon float32, o NormOptions) op.BatchNorm {
	out := b.Do(Domain, "BatchNorm", op.Call{
		Name: name, Inputs: []*graph.Value{x, scale, bias}, Want: []bool{true, true, true, true},
		Attributes: append(b.normAttributes(o), graph.Attribute{Name: "epsilon", Value: epsilon}),
	})
	return op.BatchNorm{Y: out[0], Mean: out[1], InverseDeviation: out[2], Variance: out[3]}
}

// NativeNormGrad appends the gradients by x, scale and bias of NativeNorm, from
// the blocked dy by its y, of which each pixel of a window gets the share.
func (b Builder) NativeNormGrad(name string, dy, x, scale, bias, mean, inverse *graph.Value, share float32, o NormOptions) (dx, dscale, dbias *graph.Value) {
	out := b.Do(Domain, "BatchNormGrad", op.Call{
		Name: name, Inputs: []*graph.Value{dy, x, scale, bias, mean, inverse},
		Attributes: append(b.normAttributes(o), graph.Attribute{Name: "share", Value: share}),
	})
	return out[0], out[1], out[2]
}

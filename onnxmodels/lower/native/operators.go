package native

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower/cpu"
	"onnxlab/onnxmodels/op"
)

// Domain is the domain of onnxlab's own operators, which package ort/kernels gives to
// sessions. Their images are blocked: [n, c/block, h, w, block], though shapes in the graph
// still say [n, c, h, w]. The attribute "block" is the number of channels in a block.
const Domain = "onnxlab"

// A convolution and its gradient by the weight can compute their x as they read it, so that
// it is never in memory. If X holds bytes, x = X·scale. If Scale, Bias, Mean and
// InverseDeviation are given, x is X normalised by them, with ReLU if "relu" is set.
var _ = []*op.Operator{
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "Conv",
			Takes: op.Takes("X", "W", "B?", "Scale?", "Bias?", "Mean?", "InverseDeviation?"),
			Gives: op.Gives("Y", "Moments? .moments"),
			// If "flipped" is set, W is [c, m, 3, 3] and is turned by 180 degrees before use.
			// With a convolution's weight and the gradient by its result, this gives the
			// gradient by its input.
			Fields: op.Fields("block", int64(0), "flipped", int64(0), "relu", int64(0), "scale", float32(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x, weight := n.In("X"), n.In("W")
			channels := weight.Shape[0]
			if n.Flag("flipped") {
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
			Takes: op.Takes("dY", "X", "Scale", "Bias", "Mean", "InverseDeviation"),
			Gives: op.Gives("dX .dx", "dScale .dscale", "dBias .dbias"),
			// Each pixel of a pooling window gets dY·dy_scale.
			Fields: op.Fields("block", int64(0), "relu", int64(0), "pool", int64(1), "dy_scale", float32(1)),
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

// momentsOf returns the type of a convolution's Moments. They describe each channel of its
// result in several chunks, [chunks, 3, c]: the number of pixels, their mean, and the sum of
// their squared distances to that mean.
func momentsOf(name string, channels graph.Dim) graph.Type {
	return graph.Type{Elem: graph.Float, Shape: graph.Shape{graph.Symbol(name + ".chunks"), graph.Fixed(3), channels}}
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

// NativeConv appends the convolution of x [n, c, h, w] with the weight [m, c, 3, 3] and
// pads of 1. x is blocked, or plain if it has fewer channels than a block; the result
// [n, m, h, w] is blocked. bias is [m] or nil. If flipped, the weight is [c, m, 3, 3] and is
// turned by 180 degrees before use.
func (b Builder) NativeConv(name string, x, weight, bias *graph.Value, flipped bool) *graph.Value {
	return b.Do(Domain, "Conv", op.Call{
		Name: name, Inputs: []*graph.Value{x, weight, bias},
		Attributes: []graph.Attribute{b.block(), {Name: "flipped", Value: flag(flipped)}},
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

// NativeNormGrad appends the gradients by x, scale and bias of NativeNorm, from dy, the
// blocked gradient by its y. Each pixel of a pooling window gets dy·dyScale, which is 1 over
// the number of its pixels where y is their average.
func (b Builder) NativeNormGrad(name string, dy, x, scale, bias, mean, inverse *graph.Value, dyScale float32, o NormOptions) (dx, dscale, dbias *graph.Value) {
	out := b.Do(Domain, "BatchNormGrad", op.Call{
		Name: name, Inputs: []*graph.Value{dy, x, scale, bias, mean, inverse},
		Attributes: append(b.normAttributes(o), graph.Attribute{Name: "dy_scale", Value: dyScale}),
	})
	return out[0], out[1], out[2]
}

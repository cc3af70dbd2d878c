package native

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower/cpu"
	"onnxlab/onnxmodels/op"
)

// Domain is the domain of onnxlab's own operators, which package ort/kernels gives to
// sessions. Their images are blocked: [n, c/block, h, w, block], though shapes in the graph
// still say [n, c, h, w]. The attribute "block" is the number of channels in a block.
//
// If the channels of a parameter do not make whole blocks, blocked images have more channels,
// which fill up the last block. For these, the weights and bias of a convolution and the scale,
// bias, mean and inverse deviation of a normalisation count as 0.
const Domain = "onnxlab"

// A convolution and its gradient with respect to the weight can compute their x as they read
// it, so that it is never in memory. If X holds bytes, x = X·scale. If Scale, Bias, Mean and
// InverseDeviation are given, x is X normalised by them, with ReLU if "relu" is set.
var _ = []*op.Operator{
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "Conv",
			Takes: op.Takes("X", "W", "B?", "Scale?", "Bias?", "Mean?", "InverseDeviation?", "Sum?"),
			Gives: op.Gives("Y", "Moments? .moments"),
			// With "flipped", the result is the gradient with respect to the input of another
			// convolution: W and the window are those of that convolution, and X is the
			// gradient with respect to its result. "by_taps" is a Taps. With "depthwise" each
			// channel is convolved by itself, and W is [c, 1, kh, kw]. "ceiling" bounds a ReLU
			// from above unless it is 0. Sum, which is blocked, is added to the result, and
			// with "y_relu" a ReLU follows, up to "y_ceiling" unless that is 0. Sum and
			// "y_relu" cannot be combined with Moments. With "constant" the node keeps what it
			// computes from W in its first run.
			Fields: windowFields("block", int64(0), "flipped", int64(0), "relu", int64(0), "ceiling", float32(0), "scale", float32(0), "by_taps", int64(0), "y_relu", int64(0), "y_ceiling", float32(0), "constant", int64(0), "depthwise", int64(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x, weight := n.In("X"), n.In("W")
			channels := filled(n, weight.Shape[0])
			if n.Flag("flipped") {
				channels = filled(n, weight.Shape[1])
			}
			if n.Flag("depthwise") {
				channels = x.Shape[1]
			}
			return []graph.Type{{Elem: graph.Float, Shape: windowed(n, x, channels)}, momentsOf(n.Name, channels)}, nil
		},
		Cost: func(n *graph.Node) int64 {
			if n.Flag("flipped") {
				return costOf(n.In("X"), n.In("W"))
			}
			return costOf(n.Out("Y"), n.In("W"))
		},
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "ConvWeightGrad",
			Takes: op.Takes("X", "dY", "Scale?", "Bias?", "Mean?", "InverseDeviation?"),
			Gives: op.Gives("dW .dw"),
			// "outputs" and "inputs" are the channels of the weight; 0 means those of dY and X.
			Fields: windowFields("block", int64(0), "relu", int64(0), "ceiling", float32(0), "scale", float32(0), "by_taps", int64(0), "depthwise", int64(0), "outputs", int64(0), "inputs", int64(0)),
		},
		Infer: inferWeightGrad,
		Cost:  func(n *graph.Node) int64 { return costOf(n.In("dY"), n.Out("dW")) },
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "MaxPool", Takes: op.Takes("X"), Gives: op.Gives("Y"), Fields: windowFields("block", int64(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x := n.In("X")
			return []graph.Type{{Elem: graph.Float, Shape: windowed(n, x, x.Shape[1])}}, nil
		},
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			// The gradient with respect to a result goes to the first of its window's pixels
			// that is as large.
			Domain: Domain, Op: "MaxPoolGrad", Takes: op.Takes("dY", "X"), Gives: op.Gives("dX"), Fields: windowFields("block", int64(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) { return []graph.Type{n.In("X").Type()}, nil },
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "ReorderInput", Takes: op.Takes("X"), Gives: op.Gives("Y"), Fields: op.Fields("block", int64(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x := n.In("X")
			return []graph.Type{{Elem: x.Elem, Shape: graph.Shape{x.Shape[0], filled(n, x.Shape[1]), x.Shape[2], x.Shape[3]}}}, nil
		},
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "ReorderOutput", Takes: op.Takes("X"), Gives: op.Gives("Y"),
			// "channels" is the number of channels of the result; 0 means as many as X has.
			Fields: op.Fields("block", int64(0), "channels", int64(0), "channels_last", int64(0)),
		},
		Infer: cpu.ReorderedType,
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "BatchNorm",
			Takes:  op.Takes("X", "Scale", "Bias", "Moments?"),
			Gives:  op.Gives("Y? .y", "Mean .mean", "InverseDeviation .inverse", "Variance .variance"),
			Fields: op.Fields("block", int64(0), "relu", int64(0), "ceiling", float32(0), "pool", int64(1), "epsilon", float32(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x, pool := n.In("X"), int(n.Int("pool"))
			channels := n.In("Scale").Type()
			y := graph.Shape{x.Shape[0], x.Shape[1], graph.Fixed(x.Size(2) / pool), graph.Fixed(x.Size(3) / pool)}
			return []graph.Type{{Elem: graph.Float, Shape: y}, channels, channels, channels}, nil
		},
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "BatchNormGrad",
			Takes: op.Takes("dY", "X", "Scale", "Bias", "Mean", "InverseDeviation"),
			Gives: op.Gives("dX .dx", "dScale .dscale", "dBias .dbias"),
			// Each pixel of a pooling window gets its share of dY.
			Fields: op.Fields("block", int64(0), "relu", int64(0), "ceiling", float32(0), "pool", int64(1)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			channels := n.In("Scale").Type()
			return []graph.Type{n.In("X").Type(), channels, channels}, nil
		},
	}),
}

func inferWeightGrad(n *graph.Node) ([]graph.Type, error) {
	height, width := int64(3), int64(3)
	if n.Int("height") > 0 {
		height, width = n.Int("height"), n.Int("width")
	}
	outputs, inputs := n.In("dY").Shape[1], n.In("X").Shape[1]
	if n.Flag("outputs") {
		outputs, inputs = graph.Dim{Size: n.Int("outputs")}, graph.Dim{Size: n.Int("inputs")}
	}
	if n.Flag("depthwise") {
		inputs = graph.Fixed(1)
	}
	shape := graph.Shape{outputs, inputs, graph.Dim{Size: height}, graph.Dim{Size: width}}
	return []graph.Type{{Elem: graph.Float, Shape: shape}}, nil
}

// filled returns the number of channels rounded up to whole blocks of the node.
func filled(n *graph.Node, channels graph.Dim) graph.Dim {
	return graph.Fixed(cpu.Filled(int(channels.Size), int(n.Int("block"))))
}

// costOf returns the number of multiplications of a convolution with the result y, in any
// layout.
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
type Builder struct {
	cpu.Builder
	// Windows says that windows of all sizes and strides use onnxlab's operators, not only 3x3
	// windows that leave images their size.
	Windows bool
}

// On returns a builder for the graph.
func On(g *graph.Graph, block int) Builder {
	b := Builder{Builder: cpu.On(g, block)}
	b.Reorders = Domain
	return b
}

func (b Builder) block() graph.Attribute {
	return graph.Attribute{Name: "block", Value: int64(b.Block)}
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// windowFields declares the attributes of an operator with a window: its size, the number of
// pixels by which it moves, the number of pixels by which the first window begins above and
// left of the image, and the size of the result. A height of 0 means a 3x3 window that leaves
// images their size.
func windowFields(more ...any) []graph.Field {
	return op.Fields(append([]any{
		"height", int64(0), "width", int64(0), "stride", int64(0), "top", int64(0), "left", int64(0), "y_height", int64(0), "y_width", int64(0),
	}, more...)...)
}

// windowed returns the shape of the result of an operator with a window over x.
func windowed(n *graph.Node, x *graph.Value, channels graph.Dim) graph.Shape {
	if n.Int("height") == 0 {
		return graph.Shape{x.Shape[0], channels, x.Shape[2], x.Shape[3]}
	}
	return graph.Shape{x.Shape[0], channels, graph.Dim{Size: n.Int("y_height")}, graph.Dim{Size: n.Int("y_width")}}
}

// Window describes how an operator's window moves, and the size of its result. The zero value
// is a 3x3 window that leaves images their size.
type Window struct {
	Kernel  [2]int // height, width
	Stride  int
	Before  [2]int // pixels that the first window begins above and left of the image
	Results [2]int // height and width of the result
	Taps    Taps
	// Depthwise convolves each channel by itself; x is blocked then.
	Depthwise bool
}

// Taps says when a 3x3 convolution that leaves images their size is computed tap by tap, with
// one matrix product for each element (tap) of the window, instead of by Winograd's algorithm.
// That takes fewer multiplications for images of few pixels, and less memory for few images.
type Taps int

// The values of Taps.
const (
	TapsNever Taps = iota
	TapsAlways
	TapsWhereFaster // by the number of pixels, when the convolution runs
)

func (w Window) attributes() []graph.Attribute {
	var list []graph.Attribute
	if w.Taps != TapsNever {
		list = append(list, graph.Attribute{Name: "by_taps", Value: int64(w.Taps)})
	}
	if w.Depthwise {
		list = append(list, graph.Attribute{Name: "depthwise", Value: int64(1)})
	}
	if w.Stride == 0 {
		return list
	}
	for _, a := range []struct {
		name  string
		value int
	}{
		{"height", w.Kernel[0]},
		{"width", w.Kernel[1]},
		{"stride", w.Stride},
		{"top", w.Before[0]},
		{"left", w.Before[1]},
		{"y_height", w.Results[0]},
		{"y_width", w.Results[1]},
	} {
		list = append(list, graph.Attribute{Name: a.name, Value: int64(a.value)})
	}
	return list
}

// NativeConv appends the convolution of x [n, c, h, w] with the weight [m, c, kh, kw] and the
// window w. x is blocked, or plain if it has fewer channels than a block; the result [n, m, …]
// is blocked. bias is [m] or nil.
func (b Builder) NativeConv(name string, x, weight, bias *graph.Value, w Window) *graph.Value {
	return b.Do(Domain, "Conv", op.Call{
		Name: name, Inputs: []*graph.Value{x, weight, bias}, Attributes: append(w.attributes(), b.block()),
	})[0]
}

// NativeConvInputGrad appends the gradient with respect to the input of such a convolution. w
// is the convolution's window, but with the size of the input as its Results. dy and the result
// are blocked.
func (b Builder) NativeConvInputGrad(name string, dy, weight *graph.Value, w Window) *graph.Value {
	return b.Do(Domain, "Conv", op.Call{
		Name: name, Inputs: []*graph.Value{dy, weight},
		Attributes: append(w.attributes(), b.block(), graph.Attribute{Name: "flipped", Value: int64(1)}),
	})[0]
}

// NativeConvWeightGrad appends the gradient with respect to the weight [m, c, kh, kw] of such
// a convolution of x. dy is the gradient with respect to its blocked result.
func (b Builder) NativeConvWeightGrad(name string, x, dy, weight *graph.Value, w Window) *graph.Value {
	attributes := append(w.attributes(), b.block())
	if outputs, inputs := weight.Size(0), weight.Size(1); outputs != dy.Size(1) || inputs != x.Size(1) && !w.Depthwise {
		attributes = append(attributes, graph.Attribute{Name: "outputs", Value: int64(outputs)}, graph.Attribute{Name: "inputs", Value: int64(inputs)})
	}
	return b.Do(Domain, "ConvWeightGrad", op.Call{Name: name, Inputs: []*graph.Value{x, dy}, Attributes: attributes})[0]
}

// NativeMaxPool appends the largest pixels of windows of a blocked x; the result is blocked.
func (b Builder) NativeMaxPool(name string, x *graph.Value, w Window) *graph.Value {
	return b.Do(Domain, "MaxPool", op.Call{Name: name, Inputs: []*graph.Value{x}, Attributes: append(w.attributes(), b.block())})[0]
}

// NativeMaxPoolGrad appends the gradient with respect to x of NativeMaxPool. dy is
// the gradient with respect to its result.
func (b Builder) NativeMaxPoolGrad(name string, dy, x *graph.Value, w Window) *graph.Value {
	return b.Do(Domain, "MaxPoolGrad", op.Call{Name: name, Inputs: []*graph.Value{dy, x}, Attributes: append(w.attributes(), b.block())})[0]
}

// BatchNormOptions say what follows a normalisation in the same operator.
type BatchNormOptions struct {
	ReLU bool
	// Ceiling is the largest value that the ReLU lets through; 0 means that there is none.
	Ceiling float32
	// Pool is the height and width of windows that tile the images and of which
	// the result is the average, after the ReLU; 0 means 1.
	Pool int
}

func (b Builder) normAttributes(o BatchNormOptions) []graph.Attribute {
	list := []graph.Attribute{b.block(), {Name: "relu", Value: flag(o.ReLU)}, {Name: "pool", Value: int64(max(o.Pool, 1))}}
	if o.Ceiling > 0 {
		list = append(list, graph.Attribute{Name: "ceiling", Value: o.Ceiling})
	}
	return list
}

// NativeBatchNorm appends the normalisation of the channels of a blocked x over the batch; its
// Y is blocked. The biased variance, too, is that of the batch: [c].
func (b Builder) NativeBatchNorm(name string, x, scale, bias *graph.Value, epsilon float32, o BatchNormOptions) op.BatchNorm {
	out := b.Do(Domain, "BatchNorm", op.Call{
		Name: name, Inputs: []*graph.Value{x, scale, bias}, Want: []bool{true, true, true, true},
		Attributes: append(b.normAttributes(o), graph.Attribute{Name: "epsilon", Value: epsilon}),
	})
	return op.BatchNorm{Y: out[0], Mean: out[1], InverseDeviation: out[2], Variance: out[3]}
}

// Norm has the vectors [c] that normalise the channels of images.
type Norm struct{ Scale, Bias, Mean, InverseDeviation *graph.Value }

// NativeBatchNormGrad appends the gradients with respect to x, scale and bias of
// NativeBatchNorm, from dy, the blocked gradient with respect to its y.
func (b Builder) NativeBatchNormGrad(name string, dy, x *graph.Value, n Norm, o BatchNormOptions) (dx, dscale, dbias *graph.Value) {
	out := b.Do(Domain, "BatchNormGrad", op.Call{
		Name: name, Inputs: []*graph.Value{dy, x, n.Scale, n.Bias, n.Mean, n.InverseDeviation}, Attributes: b.normAttributes(o),
	})
	return out[0], out[1], out[2]
}

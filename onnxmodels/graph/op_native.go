package graph

// Native is the domain of onnxlab's own operators, which package kernels gives
// to sessions: on images in blocks of the given number of channels.
const Native = "onnxlab"

// NativeConv appends the convolution of x [n, c, h, w], which is blocked, or
// plain if it has fewer channels than a block, with the plain weight [m, c, 3,
// 3] and pads of 1, plus the bias [m], which may be nil; the result is blocked.
// With turned, it is that with a weight [c, m, 3, 3] turned by
// 180 degrees: the gradient by the input of a convolution, from that by its
// result.
func (g *Graph) NativeConv(name string, x, weight, bias *Value, block int, turned bool) *Value {
	inputs := []*Value{x, weight}
	if bias != nil {
		inputs = append(inputs, bias)
	}
	outputs := weight.Shape[0]
	if turned {
		outputs = weight.Shape[1]
	}
	shape := Shape{x.Shape[0], outputs, x.Shape[2], x.Shape[3]}
	return g.node(Native, "Conv", name, inputs, []Attribute{{"block", int64(block)}, {"turned", flagOf(turned)}},
		typed{".out", Float, shape})[0]
}

// NativeConvWeightGrad appends the gradient by the weight [m, c, 3, 3] of such
// a convolution of x, dy being that by its blocked result.
func (g *Graph) NativeConvWeightGrad(name string, x, dy *Value, block int) *Value {
	shape := Shape{dy.Shape[1], x.Shape[1], Fixed(3), Fixed(3)}
	return g.node(Native, "ConvWeightGrad", name, []*Value{x, dy},
		[]Attribute{{"block", int64(block)}}, typed{".dw", Float, shape})[0]
}

// NativeNorm appends the normalisation of the channels of a blocked x over the
// batch and, with relu, the ReLU of that. Mean and 1/√(variance + epsilon) are
// plain, [c].
func (g *Graph) NativeNorm(name string, x, scale, bias *Value, epsilon float32, block int, relu bool) (y, mean, inverse *Value) {
	channels := Shape{x.Shape[1]}
	out := g.node(Native, "BatchNorm", name, []*Value{x, scale, bias},
		[]Attribute{{"block", int64(block)}, {"epsilon", epsilon}, {"relu", flagOf(relu)}},
		typed{".y", Float, x.Shape}, typed{".mean", Float, channels}, typed{".inverse", Float, channels})
	return out[0], out[1], out[2]
}

// NativeNormGrad appends the gradients by x, scale and bias of NativeNorm, from
// the blocked dy by its y.
func (g *Graph) NativeNormGrad(name string, dy, x, scale, bias, mean, inverse *Value, block int, relu bool) (dx, dscale, dbias *Value) {
	channels := Shape{x.Shape[1]}
	out := g.node(Native, "BatchNormGrad", name, []*Value{dy, x, scale, bias, mean, inverse},
		[]Attribute{{"block", int64(block)}, {"relu", flagOf(relu)}},
		typed{".dx", Float, x.Shape}, typed{".dscale", Float, channels}, typed{".dbias", Float, channels})
	return out[0], out[1], out[2]
}

func flagOf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

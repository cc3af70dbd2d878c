package graph

// Native is the domain of onnxlab's own operators, which package kernels gives
// to sessions: on images in blocks of the given number of channels.
const Native = "onnxlab"

// NativeConvOptions are what a convolution of onnxlab's own can have.
type NativeConvOptions struct {
	Bias *Value // [m], or nil
	// Turned means that the weight is [c, m, 3, 3] and turned by 180 degrees: the
	// gradient by the input of a convolution, from that by its result.
	Turned bool
}

// NativeConv appends the convolution of x [n, c, h, w], which is blocked, or
// plain if it has fewer channels than a block, with the plain weight [m, c, 3,
// 3] and pads of 1; the result is blocked.
func (g *Graph) NativeConv(name string, x, weight *Value, block int, o NativeConvOptions) *Value {
	inputs := []*Value{x, weight}
	if o.Bias != nil {
		inputs = append(inputs, o.Bias)
	}
	outputs := weight.Shape[0]
	if o.Turned {
		outputs = weight.Shape[1]
	}
	shape := Shape{x.Shape[0], outputs, x.Shape[2], x.Shape[3]}
	return g.node(Native, "Conv", name, inputs, []Attribute{{"block", int64(block)}, {"turned", flagOf(o.Turned)}},
		typed{".out", Float, shape})[0]
}

// NativeConvWeightGrad appends the gradient by the weight [m, c, 3, 3] of such
// a convolution of x, dy being that by its blocked result.
func (g *Graph) NativeConvWeightGrad(name string, x, dy *Value, block int) *Value {
	shape := Shape{dy.Shape[1], x.Shape[1], Fixed(3), Fixed(3)}
	return g.node(Native, "ConvWeightGrad", name, []*Value{x, dy},
		[]Attribute{{"block", int64(block)}}, typed{".dw", Float, shape})[0]
}

// NativeNormOptions are what follows a normalisation of onnxlab's own in the
// same operator.
type NativeNormOptions struct {
	ReLU bool
	// Pool is the height and width of windows that tile the images and of which
	// the result is the average, after the ReLU; 0 means 1.
	Pool int
}

func (o NativeNormOptions) attributes(block int) []Attribute {
	return []Attribute{{"block", int64(block)}, {"relu", flagOf(o.ReLU)}, {"pool", int64(max(o.Pool, 1))}}
}

// NativeNorm appends the normalisation of the channels of a blocked x over the
// batch; its Y is blocked. The biased variance, too, is of the batch: [c].
func (g *Graph) NativeNorm(name string, x, scale, bias *Value, epsilon float32, block int, o NativeNormOptions) (n BatchNorm, variance *Value) {
	channels := Shape{x.Shape[1]}
	s, pool := x.fixed(2), max(o.Pool, 1)
	shape := Shape{x.Shape[0], x.Shape[1], Fixed(s[0] / pool), Fixed(s[1] / pool)}
	out := g.node(Native, "BatchNorm", name, []*Value{x, scale, bias}, append(o.attributes(block), Attribute{"epsilon", epsilon}),
		typed{".y", Float, shape}, typed{".mean", Float, channels}, typed{".inverse", Float, channels},
		typed{".variance", Float, channels})
	return BatchNorm{out[0], out[1], out[2]}, out[3]
}

// NativeNormGrad appends the gradients by x, scale and bias of NativeNorm, from
// the blocked dy by its y, of which each pixel of a window gets the share.
func (g *Graph) NativeNormGrad(name string, dy, x, scale, bias, mean, inverse *Value, share float32, block int, o NativeNormOptions) (dx, dscale, dbias *Value) {
	channels := Shape{x.Shape[1]}
	out := g.node(Native, "BatchNormGrad", name, []*Value{dy, x, scale, bias, mean, inverse}, append(o.attributes(block), Attribute{"share", share}),
		typed{".dx", Float, x.Shape}, typed{".dscale", Float, channels}, typed{".dbias", Float, channels})
	return out[0], out[1], out[2]
}

// FuseNorm makes a NativeConv or NativeConvWeightGrad, whose blocked x is the y of
// the given NativeNorm without pool, compute that y itself from the x of that.
func (n *Node) FuseNorm(norm *Node) {
	for own := map[string]int{"Conv": 3, "ConvWeightGrad": 2}[n.Op]; len(n.Inputs) < own; {
		n.Inputs = append(n.Inputs, nil)
	}
	n.Inputs[0] = norm.Inputs[0]
	n.Inputs = append(n.Inputs, norm.Inputs[1], norm.Inputs[2], norm.Outputs[1], norm.Outputs[2])
	n.Attributes = append(n.Attributes, Attribute{"relu", norm.Int("relu", 0)})
}

// FuseMoments makes a NativeConv, which is not turned, compute the moments of its
// result too, and the NativeNorm of that take them.
func (g *Graph) FuseMoments(conv, norm *Node) {
	if len(conv.Outputs) == 1 { // else another NativeNorm takes them as well
		moments := g.value(conv.Name+".moments", Float, Shape{Symbol(conv.Name + ".parts"), Fixed(3), conv.Outputs[0].Shape[1]})
		moments.producer = conv
		conv.Outputs = append(conv.Outputs, moments)
	}
	norm.Inputs = append(norm.Inputs, conv.Outputs[1])
}

// FuseImage makes a NativeConv or NativeConvWeightGrad of few channels read its x
// from an image of bytes [n, h, w, c], of which x is `scale` times, planar.
func (n *Node) FuseImage(image *Value, scale float32) {
	n.Inputs[0] = image
	n.Attributes = append(n.Attributes, Attribute{"scale", scale})
}

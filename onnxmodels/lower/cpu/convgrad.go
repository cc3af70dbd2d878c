package cpu

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
)

// splitConvGrad computes the gradients of a convolution of stride 1 by
// convolutions, whose forward kernel is faster than that of ConvGrad.
func (b Builder) splitConvGrad() {
	lower.Each(b.Graph, op.Microsoft, "ConvGrad", func(n *graph.Node) {
		if c := b.GradientOf(n); n.Int("group") == 1 && c.isPlain() {
			b.Substitute(n, func() []*graph.Value { return c.split(n.Outputs) })
		}
	})
}

// isPlain tells whether the window moves by one pixel over images of two dimensions, is not
// dilated, and always has a pixel of the image or of the pads beside it.
func (c *ConvGrad) isPlain() bool {
	w := c.window
	for i, pad := range w.Pads {
		if pad < 0 || pad >= w.Kernel[i%2] {
			return false
		}
	}
	return len(c.x.Shape) == 4 && w.Strides == [2]int{1, 1} && w.Dilations == [2]int{}
}

// ConvGrad is the gradient of a convolution that is being rewritten.
type ConvGrad struct {
	Builder
	name          string
	window        op.Window
	dy, x, weight *graph.Value
}

// GradientOf returns the gradient that a ConvGrad node computes.
func (b Builder) GradientOf(n *graph.Node) *ConvGrad {
	return &ConvGrad{b, n.Name, op.WindowOf(n), n.In("dY"), n.In("X"), n.In("W")}
}

// split returns replacements for the outputs of ConvGrad: the gradients with respect
// to the input, the weight and the bias, nil for those that nothing uses.
func (c *ConvGrad) split(outputs []*graph.Value) []*graph.Value {
	results := make([]*graph.Value, 3)
	wants := func(i int) bool { return len(outputs) > i && outputs[i] != nil }
	if wants(0) {
		results[0] = c.inputGradient()
	}
	if c.fits() {
		if wants(1) {
			results[1] = c.weightGradient()
		}
		if wants(2) {
			results[2] = c.BiasGradient()
		}
	} else if wants(1) || wants(2) {
		_, results[1], results[2] = c.ConvGrad(c.name+".parameters", c.dy, c.x, c.weight, c.window, op.ConvOperands{Weight: wants(1), Bias: wants(2)})
	}
	return results[:len(outputs)]
}

// inputGradient appends the gradient with respect to the input: the convolution of dy
// with the weights rotated by 180 degrees and their channels exchanged.
func (c *ConvGrad) inputGradient() *graph.Value {
	turned := c.Turn180(c.name+".turned", c.Transpose(c.name+".exchanged", c.weight, 1, 0, 2, 3))
	full := op.Window{Kernel: c.window.Kernel, Strides: c.window.Strides}
	for i := range full.Pads {
		full.Pads[i] = c.window.Kernel[i%2] - 1 - c.window.Pads[i]
	}
	return c.Conv(c.name+".dx", c.dy, turned, nil, full)
}

// BiasGradient appends the gradient with respect to the bias: the sum of dy over
// images and pixels. It is 0 if a batch normalisation follows the convolution, which
// subtracts the mean and the bias with it.
func (c *ConvGrad) BiasGradient() *graph.Value {
	if c.dy.Producer().Is(op.Microsoft, "BatchNormalizationGrad") {
		return c.Floats(c.name+".no_bias", []int{c.dy.Size(1)}, make([]float32, c.dy.Size(1)))
	}
	return c.ReduceSum(c.name+".bias", c.dy, false, 0, 2, 3)
}

// fits tells whether weightGradient can be used. It needs ONNX Runtime's blocked operators, a
// known batch, output channels in whole blocks, and images in whole blocks too unless they
// are fewer than one.
func (c *ConvGrad) fits() bool {
	block, images, channels := c.Block, c.dy.Shape[0], c.dy.Shape[1].Size
	return hasOperators(block) && images.Symbol == "" && (images.Size < int64(block) || images.Size%int64(block) == 0) &&
		channels%int64(block) == 0
}

// weightGradient appends the gradient with respect to the weight as one convolution:
//
//	dw[o, c, i, j] = Σ_n Σ_h,w dy[n, o, h, w] · x[n, c, h+i, w+j]
//
// where x includes its pads. Each image of x is laid out as a plane of h rows and
// w·c columns, and dy is the kernel that slides over it, dilated by c columns. The
// result has a row for each i and a column for each pair of j and c.
//
// Images become groups of that convolution. Several images share a group, as its
// channels, so that fewer partial sums are left to add at the end. The blocked
// layout of dy is also the layout of a blocked kernel: it needs no reordering.
func (c *ConvGrad) weightGradient() *graph.Value {
	name, block := c.name+".dw", c.Block
	images, outputs, rows, columns := c.dy.Size(0), c.dy.Size(1), c.dy.Size(2), c.dy.Size(3)
	inputs, top, left, bottom, right := c.x.Size(1), c.window.Pads[0], c.window.Pads[1], c.window.Pads[2], c.window.Pads[3]
	together := imagesTogether(images, rows*columns, block)
	groups := images / together

	x := c.Transpose(name+".channels_last", c.x, 0, 2, 3, 1)
	if left+right > 0 {
		x = c.PadColumns(name+".padded", x, left, right)
	}
	plane := c.View(name+".plane", x, 1, images, x.Size(1), x.Size(2)*inputs)
	kernel := c.ToBlocks(name+".blocked", c.dy)
	if together > 1 {
		kernel = c.View(name+".groups", kernel, groups, together, outputs/block, rows*columns*block)
		kernel = c.Transpose(name+".grouped", kernel, 0, 2, 1, 3)
	}
	kernel = c.View(name+".kernel", kernel, groups*outputs, together, rows, columns)
	parts := c.BlockedConv(name+".parts", plane, kernel, op.Window{
		Kernel: [2]int{rows, columns}, Strides: [2]int{1, 1}, Dilations: [2]int{1, inputs},
		Pads: [4]int{top, 0, bottom, 0},
	}, ConvOptions{Groups: groups})

	height, width := c.window.Kernel[0], c.window.Kernel[1]
	sum := c.ReduceSum(name+".sum", c.View(name+".parts_list", parts, groups, outputs*inputs*height*width), false, 0)
	sum = c.View(name+".sum_blocks", sum, outputs/block, height, width, inputs, block)
	return c.View(name, c.Transpose(name+".plain", sum, 0, 4, 3, 1, 2), outputs, inputs, height, width)
}

// imagesTogether returns how many images share a group. Each image adds the given
// number of products to every sum of the group. There should be enough of them to
// outweigh storing the result, but the kernel takes fewer plain channels than a
// block. The constant was found with bench/step.
func imagesTogether(images, products, block int) int {
	const enough = 512
	n := 1
	for n*products < enough && 2*n < block && images%(2*n) == 0 {
		n *= 2
	}
	return n
}

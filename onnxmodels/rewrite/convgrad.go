package rewrite

import "onnxlab/onnxmodels/graph"

// splitConvGrad computes the gradients of a convolution of stride 1 by
// convolutions, whose forward kernel is faster than that of ConvGrad.
func splitConvGrad(g *graph.Graph, block int) {
	each(g, "ConvGrad", func(n *graph.Node) {
		if graph.WindowOf(n).Strides != [2]int{1, 1} {
			return
		}
		g.Substitute(n, func() []*graph.Value {
			s := &convGrad{g, block, n.Name, graph.WindowOf(n), n.Inputs[0], n.Inputs[1], n.Inputs[2]}
			return s.split(n.Outputs)
		})
	})
}

// convGrad is the gradient of one convolution being rewritten.
type convGrad struct {
	*graph.Graph
	block         int
	name          string
	window        graph.Window
	dy, x, weight *graph.Value
}

// split returns what replaces the outputs of ConvGrad: the gradients by the
// input, the weight and the bias, nil for those that nothing uses.
func (c *convGrad) split(outputs []*graph.Value) []*graph.Value {
	results := make([]*graph.Value, 3)
	wants := func(i int) bool { return len(outputs) > i && outputs[i] != nil }
	if wants(0) {
		results[0] = c.inputGradient()
	}
	if c.fits() {
		if wants(1) {
			results[1] = c.weightGradient(c.block)
		}
		if wants(2) {
			results[2] = c.biasGradient()
		}
	} else if wants(1) || wants(2) {
		_, results[1], results[2] = c.ConvGrad(c.name+".parameters", c.dy, c.x, c.weight, c.window, false, wants(1), wants(2))
	}
	return results[:len(outputs)]
}

// inputGradient is the convolution of dy with the weights turned by 180 degrees
// and their channels exchanged.
func (c *convGrad) inputGradient() *graph.Value {
	turned := c.Turn180(c.name+".turned", c.Transpose(c.name+".exchanged", c.weight, 1, 0, 2, 3))
	full := graph.Window{Kernel: c.window.Kernel, Strides: c.window.Strides}
	for i := range full.Pads {
		full.Pads[i] = c.window.Kernel[i%2] - 1 - c.window.Pads[i]
	}
	return c.Conv(c.name+".dx", c.dy, turned, nil, full)
}

// biasGradient is the sum of dy over images and pixels. Where dy comes out of a
// batch normalisation, which takes the mean away, that is 0.
func (c *convGrad) biasGradient() *graph.Value {
	if n := c.dy.Producer(); n != nil && n.Op == "BatchNormalizationGrad" {
		return c.Floats(c.name+".no_bias", []int{size(c.dy, 1)}, make([]float32, size(c.dy, 1)))
	}
	return c.ReduceSum(c.name+".bias", c.dy, false, 0, 2, 3)
}

// fits tells whether weightGradient can be used: the batch must be known, and
// the kernel takes whole blocks of images and of output channels.
func (c *convGrad) fits() bool {
	block, images, channels := c.block, c.dy.Shape[0], c.dy.Shape[1].Size
	return block > 0 && images.Symbol == "" && (images.Size < int64(block) || images.Size%int64(block) == 0) &&
		channels%int64(block) == 0
}

// weightGradient is the gradient by the weight as one convolution:
//
//	dw[o, c, i, j] = Σ_n Σ_h,w dy[n, o, h, w] · x[n, c, h+i, w+j]
//
// for x with its pads. For each image n, x as a plane of h rows and w·c columns
// is convolved with dy as the kernel, the columns of which are c apart: the
// result has one row for each i and one column for each j and c. Images are
// groups of the convolution, a few at a time being the channels of one, so that
// the sum over them that is left is short. In the blocked layout dy has the
// order of a blocked kernel already.
func (c *convGrad) weightGradient(block int) *graph.Value {
	name := c.name + ".dw"
	images, outputs, rows, columns := size(c.dy, 0), size(c.dy, 1), size(c.dy, 2), size(c.dy, 3)
	inputs, top, left, bottom, right := size(c.x, 1), c.window.Pads[0], c.window.Pads[1], c.window.Pads[2], c.window.Pads[3]
	together := imagesTogether(images, rows*columns, block)
	groups := images / together

	x := c.Transpose(name+".channels_last", c.x, 0, 2, 3, 1)
	if left+right > 0 {
		x = c.PadColumns(name+".padded", x, left, right)
	}
	plane := c.View(name+".plane", x, 1, images, size(x, 1), size(x, 2)*inputs)
	kernel := c.Block(name+".blocked", c.dy)
	if together > 1 {
		kernel = c.View(name+".groups", kernel, groups, together, outputs/block, rows*columns*block)
		kernel = c.Transpose(name+".grouped", kernel, 0, 2, 1, 3)
	}
	kernel = c.View(name+".kernel", kernel, groups*outputs, together, rows, columns)
	parts := c.BlockedConv(name+".parts", plane, kernel, graph.Window{
		Kernel: [2]int{rows, columns}, Strides: [2]int{1, 1}, Dilations: [2]int{1, inputs},
		Pads: [4]int{top, 0, bottom, 0},
	}, graph.BlockedConvOptions{Groups: groups})

	height, width := c.window.Kernel[0], c.window.Kernel[1]
	sum := c.ReduceSum(name+".sum", c.View(name+".parts_list", parts, groups, outputs*inputs*height*width), false, 0)
	sum = c.View(name+".sum_blocks", sum, outputs/block, height, width, inputs, block)
	return c.View(name, c.Transpose(name+".plain", sum, 0, 4, 3, 1, 2), outputs, inputs, height, width)
}

// imagesTogether is how many images are the channels of one group: as many as
// make the sum within a group, of the given number of products an image, about
// worth the work of storing its result, and few enough for the kernel, which
// takes less than a block of plain channels. bench/step found it.
func imagesTogether(images, products, block int) int {
	const enough = 512
	n := 1
	for n*products < enough && 2*n < block && images%(2*n) == 0 {
		n *= 2
	}
	return n
}

// size is a fixed dimension.
func size(v *graph.Value, i int) int { return int(v.Shape[i].Size) }

package rewrite

import "onnxlab/onnxmodels/graph"

// blockNorm computes batch normalisation and its gradient, whose kernels are
// serial and know only the plain layout, by convolutions in the blocked one:
// scaling and shifting channels is a convolution of each channel by itself with
// a kernel of one element, and the sum over an image of products of two values
// one with the second value as the kernel. Batches must be of known size.
//
// The variance is the mean square less the squared mean, which loses the digits
// that the two have in common: see the test for how many that are.
func blockNorm(g *graph.Graph, block int) {
	fits := func(x *graph.Value) bool { return fitsBlocks(x, block) && x.Shape[0].Symbol == "" }
	each(g, "BatchNormInternal", func(n *graph.Node) {
		if x := n.Inputs[0]; fits(x) {
			g.Substitute(n, func() []*graph.Value {
				b := &blockedNorm{g, n.Name + ".blocked", x}
				y, mean, inverse := b.forward(n.Inputs[1], n.Inputs[2], n.Float("epsilon", 1e-5))
				return []*graph.Value{y, nil, nil, mean, inverse}
			})
		}
	})
	each(g, "BatchNormalizationGrad", func(n *graph.Node) {
		if x := n.Inputs[1]; fits(x) {
			g.Substitute(n, func() []*graph.Value {
				b := &blockedNorm{g, n.Name + ".blocked", x}
				return b.backward(n.Inputs[0], n.Inputs[2], n.Inputs[3], n.Inputs[4])
			})
		}
	})
}

// blockedNorm is one normalisation of x, or its gradient, being built.
type blockedNorm struct {
	*graph.Graph
	name string
	x    *graph.Value
}

// forward returns y = scale·(x − mean)/√(variance + epsilon) + bias, the mean
// and 1/√(variance + epsilon).
func (b *blockedNorm) forward(scale, bias *graph.Value, epsilon float32) (y, mean, inverse *graph.Value) {
	x := b.Block(b.name+".in", b.x)
	mean = b.ReduceMean(b.name+".mean", b.means(".means", x), false, 0)
	square := b.times(".square", b.ReduceSum(b.name+".squares", b.products(".products", x, x), false, 0), 1/b.count())
	variance := b.op("Max", ".variance",
		b.op("Sub", ".difference", square, b.op("Mul", ".squared_mean", mean, mean)), b.Scalar(b.name+".zero", 0))
	deviation := b.Unary("Sqrt", b.name+".deviation", b.op("Add", ".with_epsilon", variance, b.Scalar(b.name+".epsilon", epsilon)))
	inverse = b.Unary("Reciprocal", b.name+".inverse", deviation)
	factor := b.op("Mul", ".factor", scale, inverse)
	shift := b.op("Sub", ".shift", bias, b.op("Mul", ".shifted_mean", mean, factor))
	return b.Unblock(b.name+".plain", b.affine(".out", x, factor, shift, nil)), mean, inverse
}

// backward returns the gradients by x, scale and bias. With a = scale/deviation
// and m elements a channel,
//
//	dx = a·(dy − Σ dy/m − (x − mean)/deviation² · Σ dy·(x − mean)/m)
func (b *blockedNorm) backward(dy, scale, mean, inverse *graph.Value) []*graph.Value {
	dy, x := b.Block(b.name+".in", dy), b.Block(b.name+".x", b.x)
	pixels := float32(size(b.x, 2) * size(b.x, 3))
	dbias := b.times(".dbias", b.ReduceSum(b.name+".sum", b.means(".means", dy), false, 0), pixels)
	products := b.ReduceSum(b.name+".dot", b.products(".products", dy, x), false, 0)
	dscale := b.op("Mul", ".dscale", inverse,
		b.op("Sub", ".centred", products, b.op("Mul", ".mean_part", mean, dbias)))

	a := b.op("Mul", ".factor", scale, inverse)
	less := b.times(".less", a, -1/b.count())
	along := b.op("Mul", ".along", b.op("Mul", ".inverse_less", less, inverse), dscale)
	shift := b.op("Sub", ".shift", b.op("Mul", ".dy_shift", less, dbias), b.op("Mul", ".x_shift", along, mean))
	dx := b.affine(".dx", x, along, nil, b.affine(".dy_part", dy, a, shift, nil))
	return []*graph.Value{b.Unblock(b.name+".plain", dx), dscale, dbias}
}

// count is how many elements a channel has.
func (b *blockedNorm) count() float32 {
	return float32(size(b.x, 0) * size(b.x, 2) * size(b.x, 3))
}

// op is an elementwise operator of two values.
func (b *blockedNorm) op(op, name string, v, w *graph.Value) *graph.Value {
	return b.Binary(op, b.name+name, v, w)
}

// times is v times a constant.
func (b *blockedNorm) times(name string, v *graph.Value, factor float32) *graph.Value {
	return b.op("Mul", name, v, b.Scalar(b.name+name+".by", factor))
}

// means are those of each image's channels: [n, c].
func (b *blockedNorm) means(name string, v *graph.Value) *graph.Value {
	return b.View(b.name+name, b.BlockedPool("GlobalAveragePool", b.name+name+".pool", v, graph.Window{}), size(v, 0), size(v, 1))
}

// products are the sums over each image's channels of the products of two
// blocked values: [n, c].
func (b *blockedNorm) products(name string, v, w *graph.Value) *graph.Value {
	n, c, height, width := size(v, 0), size(v, 1), size(v, 2), size(v, 3)
	name = b.name + name
	y := b.BlockedConv(name, b.View(name+".of", v, 1, n*c, height, width), b.View(name+".by", w, n*c, 1, height, width),
		graph.Window{Kernel: [2]int{height, width}, Strides: [2]int{1, 1}}, graph.BlockedConvOptions{Groups: n * c})
	return b.View(name+".list", y, n, c)
}

// affine is factor·v + shift + sum for each channel of a blocked value.
func (b *blockedNorm) affine(name string, v, factor, shift, sum *graph.Value) *graph.Value {
	c := size(v, 1)
	return b.BlockedConv(b.name+name, v, b.View(b.name+name+".kernel", factor, c, 1, 1, 1), graph.Valid(1, 1),
		graph.BlockedConvOptions{Bias: shift, Sum: sum, Groups: c})
}

package cpu

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
)

// blockNorm computes batch normalisation and its gradient, whose kernels are
// serial and know only the plain layout, by convolutions in the blocked one:
// scaling and shifting channels is a convolution of each channel by itself with
// a kernel of one element, and the sum over an image of products of two values
// one with the second value as the kernel. Batches must be of known size.
//
// The variance is the mean square less the squared mean, which loses the digits
// that the two have in common: see the test for how many that are.
func (b Builder) blockNorm() {
	fits := func(x *graph.Value) bool { return FitsBlocks(x, b.Block) && x.Shape[0].Symbol == "" }
	lower.Each(b.Graph, op.Microsoft, "BatchNormInternal", func(n *graph.Node) {
		if x := n.In("X"); fits(x) {
			b.Substitute(n, func() []*graph.Value {
				b := &blockedNorm{b, n.Name + ".blocked", x}
				y, mean, inverse := b.forward(n.In("scale"), n.In("B"), n.Float("epsilon"))
				return []*graph.Value{y, nil, nil, mean, inverse}
			})
		}
	})
	lower.Each(b.Graph, op.Microsoft, "BatchNormalizationGrad", func(n *graph.Node) {
		if x := n.In("X"); fits(x) {
			b.Substitute(n, func() []*graph.Value {
				b := &blockedNorm{b, n.Name + ".blocked", x}
				return b.backward(n.In("dY"), n.In("scale"), n.In("mean"), n.In("inv_std"))
			})
		}
	})
}

// blockedNorm is one normalisation of x, or its gradient, being built.
type blockedNorm struct {
	Builder
	name string
	x    *graph.Value
}

// forward returns y = scale·(x − mean)/√(variance + epsilon) + bias, the mean
// and 1/√(variance + epsilon).
func (b *blockedNorm) forward(scale, bias *graph.Value, epsilon float32) (y, mean, inverse *graph.Value) {
	x := b.ToBlocks(b.name+".in", b.x)
	mean = b.ReduceMean(b.name+".mean", b.means(".means", x), false, 0)
	square := b.times(".square", b.ReduceSum(b.name+".squares", b.products(".products", x, x), false, 0), 1/b.count())
	variance := b.binary("Max", ".variance",
		b.binary("Sub", ".difference", square, b.binary("Mul", ".squared_mean", mean, mean)), b.Scalar(b.name+".zero", 0))
	deviation := b.Unary("Sqrt", b.name+".deviation", b.binary("Add", ".with_epsilon", variance, b.Scalar(b.name+".epsilon", epsilon)))
	inverse = b.Unary("Reciprocal", b.name+".inverse", deviation)
	factor := b.binary("Mul", ".factor", scale, inverse)
	shift := b.binary("Sub", ".shift", bias, b.binary("Mul", ".shifted_mean", mean, factor))
	return b.ToPlain(b.name+".plain", b.affine(".out", x, factor, shift, nil)), mean, inverse
}

// backward returns the gradients by x, scale and bias. With a = scale/deviation
// and m elements a channel,
//
//	dx = a·(dy − Σ dy/m − (x − mean)/deviation² · Σ dy·(x − mean)/m)
func (b *blockedNorm) backward(dy, scale, mean, inverse *graph.Value) []*graph.Value {
	dy, x := b.ToBlocks(b.name+".in", dy), b.ToBlocks(b.name+".x", b.x)
	pixels := float32(b.x.Size(2) * b.x.Size(3))
	dbias := b.times(".dbias", b.ReduceSum(b.name+".sum", b.means(".means", dy), false, 0), pixels)
	products := b.ReduceSum(b.name+".dot", b.products(".products", dy, x), false, 0)
	dscale := b.binary("Mul", ".dscale", inverse,
		b.binary("Sub", ".centred", products, b.binary("Mul", ".mean_part", mean, dbias)))

	a := b.binary("Mul", ".factor", scale, inverse)
	less := b.times(".less", a, -1/b.count())
	along := b.binary("Mul", ".along", b.binary("Mul", ".inverse_less", less, inverse), dscale)
	shift := b.binary("Sub", ".shift", b.binary("Mul", ".dy_shift", less, dbias), b.binary("Mul", ".x_shift", along, mean))
	dx := b.affine(".dx", x, along, nil, b.affine(".dy_part", dy, a, shift, nil))
	return []*graph.Value{b.ToPlain(b.name+".plain", dx), dscale, dbias}
}

// count is how many elements a channel has.
func (b *blockedNorm) count() float32 {
	return float32(b.x.Size(0) * b.x.Size(2) * b.x.Size(3))
}

// binary is an elementwise operator of two values.
func (b *blockedNorm) binary(op, name string, v, w *graph.Value) *graph.Value {
	return b.Binary(op, b.name+name, v, w)
}

// times is v times a constant.
func (b *blockedNorm) times(name string, v *graph.Value, factor float32) *graph.Value {
	return b.binary("Mul", name, v, b.Scalar(b.name+name+".by", factor))
}

// means are those of each image's channels: [n, c].
func (b *blockedNorm) means(name string, v *graph.Value) *graph.Value {
	return b.View(b.name+name, b.BlockedPool("GlobalAveragePool", b.name+name+".pool", v, op.Window{}), v.Size(0), v.Size(1))
}

// products are the sums over each image's channels of the products of two
// blocked values: [n, c].
func (b *blockedNorm) products(name string, v, w *graph.Value) *graph.Value {
	n, c, height, width := v.Size(0), v.Size(1), v.Size(2), v.Size(3)
	name = b.name + name
	y := b.BlockedConv(name, b.View(name+".of", v, 1, n*c, height, width), b.View(name+".by", w, n*c, 1, height, width),
		op.Window{Kernel: [2]int{height, width}, Strides: [2]int{1, 1}}, ConvOptions{Groups: n * c})
	return b.View(name+".list", y, n, c)
}

// affine is factor·v + shift + sum for each channel of a blocked value.
func (b *blockedNorm) affine(name string, v, factor, shift, sum *graph.Value) *graph.Value {
	c := v.Size(1)
	return b.BlockedConv(b.name+name, v, b.View(b.name+name+".kernel", factor, c, 1, 1, 1), op.Valid(1, 1),
		ConvOptions{Bias: shift, Sum: sum, Groups: c})
}

package cpu

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
)

// blockNorm computes batch normalisation and its gradient by convolutions in the
// blocked layout, because ONNX Runtime's own kernels for them use one thread and
// only the plain layout. Scaling and shifting channels is a depthwise convolution
// with a kernel of one element. The sum over an image of products of two values is
// a depthwise convolution with the second value as the kernel. The batch size must
// be known.
//
// The variance is the mean square minus the squared mean. This loses the digits in
// which the two agree; TestBlockNorm shows how many.
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
	return b.ToPlain(b.name+".plain", b.affine(".out", x, factor, shift, nil), x.Size(1)), mean, inverse
}

// backward returns the gradients with respect to x, scale and bias. With
// a = scale/deviation and m elements in a channel,
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
	// dx = a·dy + slope·x + shift, where minusAOverM = −a/m.
	minusAOverM := b.times(".less", a, -1/b.count())
	slope := b.binary("Mul", ".along", b.binary("Mul", ".inverse_less", minusAOverM, inverse), dscale)
	shift := b.binary("Sub", ".shift", b.binary("Mul", ".dy_shift", minusAOverM, dbias), b.binary("Mul", ".x_shift", slope, mean))
	dx := b.affine(".dx", x, slope, nil, b.affine(".dy_part", dy, a, shift, nil))
	return []*graph.Value{b.ToPlain(b.name+".plain", dx, dx.Size(1)), dscale, dbias}
}

// count returns the number of elements in a channel of the batch.
func (b *blockedNorm) count() float32 {
	return float32(b.x.Size(0) * b.x.Size(2) * b.x.Size(3))
}

// binary appends an elementwise operator of two values.
func (b *blockedNorm) binary(op, name string, v, w *graph.Value) *graph.Value {
	return b.Binary(op, b.name+name, v, w)
}

// times appends v times a constant.
func (b *blockedNorm) times(name string, v *graph.Value, factor float32) *graph.Value {
	return b.binary("Mul", name, v, b.Scalar(b.name+name+".by", factor))
}

// means appends the mean of each channel of each image: [n, c].
func (b *blockedNorm) means(name string, v *graph.Value) *graph.Value {
	return b.View(b.name+name, b.BlockedPool("GlobalAveragePool", b.name+name+".pool", v), v.Size(0), v.Size(1))
}

// products appends, for each channel of each image, the sum of the products of two
// blocked values: [n, c].
func (b *blockedNorm) products(name string, v, w *graph.Value) *graph.Value {
	n, c, height, width := v.Size(0), v.Size(1), v.Size(2), v.Size(3)
	name = b.name + name
	y := b.BlockedConv(name, b.View(name+".of", v, 1, n*c, height, width), b.View(name+".by", w, n*c, 1, height, width),
		op.Window{Kernel: [2]int{height, width}, Strides: [2]int{1, 1}}, ConvOptions{Groups: n * c})
	return b.View(name+".list", y, n, c)
}

// affine appends factor·v + shift + sum for each channel of a blocked value. shift
// and sum may be nil.
func (b *blockedNorm) affine(name string, v, factor, shift, sum *graph.Value) *graph.Value {
	c := v.Size(1)
	return b.BlockedConv(b.name+name, v, b.View(b.name+name+".kernel", factor, c, 1, 1, 1), op.Valid(1, 1),
		ConvOptions{Bias: shift, Sum: sum, Groups: c})
}

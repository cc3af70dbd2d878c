package gradient

import "onnxlab/onnxmodels/graph"

func globalAveragePool(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x := n.Inputs[0]
	pixels, _ := x.Shape[2:].Elements()
	d := b.Binary("Mul", n.Name+".scaled", dy[0], b.As(x.Elem, b.Scalar(n.Name+".scale", 1/float32(pixels))))
	return []*graph.Value{b.expandLike(n.Name, d, x)}
}

// averagePool repeats each gradient over its window if the windows tile the
// image; else it is the transposed convolution with the averaging kernel, of
// each channel by itself.
func averagePool(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, w, name := n.Inputs[0], graph.WindowOf(n), n.Name
	height, width := int(x.Shape[2].Size), int(x.Shape[3].Size)
	weight := 1 / float32(w.Kernel[0]*w.Kernel[1])
	if w.Kernel == w.Strides && !w.Padded() && height%w.Kernel[0] == 0 && width%w.Kernel[1] == 0 {
		d := b.Binary("Mul", name+".scaled", dy[0], b.As(x.Elem, b.Scalar(name+".scale", weight)))
		return []*graph.Value{b.Upsample(name, d, w.Kernel[0], w.Kernel[1])}
	}
	d := dy[0]
	if w.Padded() {
		d = b.Binary("Mul", name+".counted", d, b.As(x.Elem, b.countCorrection(name, n, w, height, width)))
	}
	kernel := make([]float32, w.Kernel[0]*w.Kernel[1])
	for i := range kernel {
		kernel[i] = weight
	}
	k := b.As(x.Elem, b.Floats(name+".kernel", []int{1, 1, w.Kernel[0], w.Kernel[1]}, kernel))
	out := n.Outputs[0].Shape
	planes := b.Reshape(name+".planes", d, b.Ints(name+".plane_sizes", -1, 1, out[2].Size, out[3].Size),
		graph.Shape{graph.Symbol("planes"), graph.Fixed(1), out[2], out[3]})
	spread := b.ConvTranspose(name+".spread", planes, k, w, height, width)
	return []*graph.Value{b.reshapeLike(name, spread, x)}
}

// countCorrection is, for each window, its full size over the number of its
// elements that lie inside the image: the mean is over these alone.
func (b *backward) countCorrection(name string, n *graph.Node, w graph.Window, height, width int) *graph.Value {
	out := n.Outputs[0].Shape
	rows, columns := int(out[2].Size), int(out[3].Size)
	inside := func(i, at, size int) int {
		from := at*w.Strides[i] - w.Pads[i]
		return min(from+w.Kernel[i], size) - max(from, 0)
	}
	correction := make([]float32, 0, rows*columns)
	for r := range rows {
		for c := range columns {
			count := inside(0, r, height) * inside(1, c, width)
			correction = append(correction, float32(w.Kernel[0]*w.Kernel[1])/float32(count))
		}
	}
	return b.Floats(name+".correction", []int{rows, columns}, correction)
}

// maxPool adds each gradient at the flat index that the forward operator gave
// for its maximum. (MaxPoolGrad of ONNX Runtime has no CUDA kernel.)
func maxPool(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, name := n.Inputs[0], n.Name
	flat := b.Ints(name+".flat", -1)
	elements := graph.Shape{graph.Symbol(name + ".elements")}
	maxima := graph.Shape{graph.Symbol(name + ".maxima")}
	size := b.Reshape(name+".size", b.SizeOf(name+".count", x), flat, graph.Static(1))
	zeros := b.As(x.Elem, b.Zeros(name+".zeros", size, elements))
	d := b.Reshape(name+".flat_dy", dy[0], flat, maxima)
	indices := b.Reshape(name+".flat_indices", n.Outputs[1], flat, maxima)
	sum := b.ScatterAdd(name+".scattered", zeros, indices, d)
	return []*graph.Value{b.reshapeLike(name, sum, x)}
}

package lower

import (
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Gradients of pools over images of any number of dimensions.

func globalAveragePoolGrad(b op.Builder, n *graph.Node, _ []bool) []*graph.Value {
	name, dy, x := n.Asked, n.In("dY"), n.In("X")
	pixels, _ := x.Shape[2:].Elements()
	d := b.Binary("Mul", name+".scaled", dy, b.As(x.Elem, b.Scalar(name+".scale", 1/float32(pixels))))
	return []*graph.Value{b.Expand(name, d, b.ShapeOf(name+".shape", x), x.Shape)}
}

// Tiles tells whether the windows of a pool over pictures x tile them. Then the gradient with
// respect to x repeats each element of the gradient with respect to y over its window.
func Tiles(w op.Window, x *graph.Value) bool { return len(x.Shape) == 4 && tiles(w.Sliding(), x) }

func tiles(w op.Sliding, x *graph.Value) bool {
	for i, k := range w.Kernel {
		if k != w.Strides[i] || w.Dilations[i] != 1 || x.Size(2+i)%k != 0 {
			return false
		}
	}
	return !w.Padded()
}

// averagePoolGrad spreads each gradient over its window. If a mean did not count the whole kernel,
// its gradient is corrected first.
func averagePoolGrad(b op.Builder, n *graph.Node, _ []bool) []*graph.Value {
	name, d, x := n.Asked, n.In("dY"), n.In("X")
	w, err := op.SlidingOf(n, len(x.Shape)-2)
	if err != nil {
		b.Fail("lower %q: %w", n.Name, err)
		return n.Outputs
	}
	if !n.Flag("count_include_pad") {
		sizes := x.Shape[2:].Sizes()
		if correction := w.Correction(d.Shape[2:].Sizes(), make([]int, len(sizes)), sizes); correction != nil {
			c := b.Floats(name+".correction", d.Shape[2:].Sizes(), correction)
			d = b.Binary("Mul", name+".counted", d, b.As(x.Elem, c))
		}
	}
	switch {
	case tiles(w, x):
		weight := b.Scalar(name+".scale", 1/float32(w.Elements()))
		return []*graph.Value{b.Upsample(name, b.Binary("Mul", name+".scaled", d, b.As(x.Elem, weight)), w.Kernel...)}
	case !slices.ContainsFunc(w.Strides, func(s int) bool { return s != 1 }):
		return []*graph.Value{pooledBack(b, name, d, w)}
	}
	return []*graph.Value{spread(b, name, d, x, w)}
}

// pooledBack appends the gradient of a pool whose windows move by 1: each pixel gets the mean of d
// over the windows that cover it. Windows outside the output count as 0.
func pooledBack(b op.Builder, name string, d *graph.Value, w op.Sliding) *graph.Value {
	back := w
	back.Before, back.After = slices.Clone(w.Before), slices.Clone(w.After)
	for i, k := range w.Kernel {
		back.Before[i], back.After[i] = k-1-w.Before[i], k-1-w.After[i]
	}
	attributes := append(back.Attributes(), graph.Attribute{Name: "count_include_pad", Value: int64(1)})
	return b.Do("", "AveragePool", op.Call{Name: name, Inputs: []*graph.Value{d}, Attributes: attributes})[0]
}

// spread appends the transposed convolution of each channel by itself with the averaging kernel.
func spread(b op.Builder, name string, d, x *graph.Value, w op.Sliding) *graph.Value {
	kernel := slices.Repeat([]float32{1 / float32(w.Elements())}, w.Elements())
	k := b.As(x.Elem, b.Floats(name+".kernel", append([]int{1, 1}, w.Kernel...), kernel))
	planes := append(graph.Shape{graph.Symbol("planes"), graph.Fixed(1)}, d.Shape[2:]...)
	sizes := []int64{-1, 1}
	for _, dim := range d.Shape[2:] {
		sizes = append(sizes, dim.Size)
	}
	d = b.Reshape(name+".planes", d, b.Ints(name+".plane_sizes", sizes...), planes)
	whole := b.ConvTranspose(name+".spread", d, k, w, x.Shape[2:].Sizes()...)
	return b.Reshape(name, whole, b.ShapeOf(name+".shape", x), x.Shape)
}

// maxPoolGrad adds each gradient at the flat index of its maximum, which the forward operator
// returned. (ONNX Runtime's own MaxPoolGrad has no CUDA kernel.)
func maxPoolGrad(b op.Builder, n *graph.Node, _ []bool) []*graph.Value {
	name, x := n.Asked, n.In("X")
	flat := b.Ints(name+".flat", -1)
	elements := graph.Shape{graph.Symbol(name + ".elements")}
	maxima := graph.Shape{graph.Symbol(name + ".maxima")}
	size := b.Reshape(name+".size", b.SizeOf(name+".count", x), flat, graph.Static(1))
	zeros := b.As(x.Elem, b.Zeros(name+".zeros", size, elements))
	d := b.Reshape(name+".flat_dy", n.In("dY"), flat, maxima)
	indices := b.Reshape(name+".flat_indices", n.In("Indices"), flat, maxima)
	sum := b.ScatterAdd(name+".scattered", zeros, indices, d)
	return []*graph.Value{b.Reshape(name, sum, b.ShapeOf(name+".shape", x), x.Shape)}
}

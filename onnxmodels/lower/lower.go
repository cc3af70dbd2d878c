// Package lower turns the marked operators of a graph into those that a target runs, and
// others into ones that it runs faster: Portable here into what every ONNX Runtime has,
// packages cpu, native and cuda into what their targets are fast at. Each states what it
// turns into what; the values stay the same.
package lower

import (
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Each calls f for the nodes of the operator, which f may replace.
func Each(g *graph.Graph, domain, name string, f func(n *graph.Node)) {
	for _, n := range slices.Clone(g.Nodes) {
		if n.Is(domain, name) {
			f(n)
		}
	}
}

// Portable replaces the marked operators by operators of ONNX and of ONNX Runtime that
// every provider has and that are right for a symbolic batch.
//
//	ImageInput             Transpose, Cast, Mul
//	BatchNorm              BatchNormInternal, and the variance from the deviation
//	AveragePoolGrad        Resize, where the windows tile the image, else ConvTranspose
//	GlobalAveragePoolGrad  Expand
//	MaxPoolGrad            ScatterElements
func Portable(g *graph.Graph) {
	lowered := map[string]func(b op.Builder, n *graph.Node, used []bool) []*graph.Value{
		"ImageInput":            imageInput,
		"BatchNorm":             batchNorm,
		"AveragePoolGrad":       averagePoolGrad,
		"GlobalAveragePoolGrad": globalAveragePoolGrad,
		"MaxPoolGrad":           maxPoolGrad,
	}
	for _, n := range slices.Clone(g.Nodes) {
		if n.Domain == op.Marked {
			used := make([]bool, len(n.Outputs))
			for i, out := range n.Outputs {
				used[i] = g.Uses(out) > 0
			}
			g.Substitute(n, func() []*graph.Value { return lowered[n.Op](op.On(g), n, used) })
		}
	}
}

// imageInput is scale·x, for x as planes.
func imageInput(b op.Builder, n *graph.Node, _ []bool) []*graph.Value {
	name, to := n.Asked, graph.Elem(n.Int("to"))
	planar := b.Transpose(name+".planar", n.In("Bytes"), 0, 3, 1, 2)
	float := b.Cast(name+".float", planar, to)
	return []*graph.Value{b.Binary("Mul", name+".scaled", float, b.As(to, b.Scalar(name+".scale", n.Float("scale"))))}
}

// batchNorm takes the variance, if it is used, from what the operator gives, which is
// 1/√(variance + epsilon).
func batchNorm(b op.Builder, n *graph.Node, used []bool) []*graph.Value {
	out := b.BatchNormInternal(n.Asked, n)
	values := []*graph.Value{out.Y, out.Mean, out.InverseDeviation, nil}
	if used[3] {
		name := n.Asked + ".variance"
		square := b.Binary("Mul", name+".inverse", out.InverseDeviation, out.InverseDeviation)
		sum := b.Unary("Reciprocal", name+".with_epsilon", square)
		difference := b.Binary("Sub", name+".difference", sum, b.Scalar(name+".epsilon", n.Float("epsilon")))
		values[3] = b.Binary("Max", name, difference, b.Scalar(name+".zero", 0))
	}
	return values
}

func globalAveragePoolGrad(b op.Builder, n *graph.Node, _ []bool) []*graph.Value {
	name, dy, x := n.Asked, n.In("dY"), n.In("X")
	pixels, _ := x.Shape[2:].Elements()
	d := b.Binary("Mul", name+".scaled", dy, b.As(x.Elem, b.Scalar(name+".scale", 1/float32(pixels))))
	return []*graph.Value{b.Expand(name, d, b.ShapeOf(name+".shape", x), x.Shape)}
}

// Tiles tells whether the windows of a pool over x tile it: then the gradient by x
// repeats each of those by y over its window.
func Tiles(w op.Window, x *graph.Value) bool {
	return w.Kernel == w.Strides && !w.Padded() && x.Size(2)%w.Kernel[0] == 0 && x.Size(3)%w.Kernel[1] == 0
}

// averagePoolGrad repeats each gradient over its window if the windows tile the
// image; else it is the transposed convolution with the averaging kernel, of
// each channel by itself.
func averagePoolGrad(b op.Builder, n *graph.Node, _ []bool) []*graph.Value {
	name, d, x, w := n.Asked, n.In("dY"), n.In("X"), op.WindowOf(n)
	weight := 1 / float32(w.Kernel[0]*w.Kernel[1])
	if Tiles(w, x) {
		d := b.Binary("Mul", name+".scaled", d, b.As(x.Elem, b.Scalar(name+".scale", weight)))
		return []*graph.Value{b.Upsample(name, d, w.Kernel[0], w.Kernel[1])}
	}
	out := d.Shape
	if w.Padded() {
		d = b.Binary("Mul", name+".counted", d, b.As(x.Elem, countCorrection(b, name, out, w, x.Size(2), x.Size(3))))
	}
	kernel := make([]float32, w.Kernel[0]*w.Kernel[1])
	for i := range kernel {
		kernel[i] = weight
	}
	k := b.As(x.Elem, b.Floats(name+".kernel", []int{1, 1, w.Kernel[0], w.Kernel[1]}, kernel))
	planes := b.Reshape(name+".planes", d, b.Ints(name+".plane_sizes", -1, 1, out[2].Size, out[3].Size),
		graph.Shape{graph.Symbol("planes"), graph.Fixed(1), out[2], out[3]})
	spread := b.ConvTranspose(name+".spread", planes, k, w, x.Size(2), x.Size(3))
	return []*graph.Value{b.Reshape(name, spread, b.ShapeOf(name+".shape", x), x.Shape)}
}

// countCorrection is, for each window, its full size over the number of its
// elements that lie inside the image: the mean is over these alone.
func countCorrection(b op.Builder, name string, out graph.Shape, w op.Window, height, width int) *graph.Value {
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

// maxPoolGrad adds each gradient at the flat index that the forward operator gave
// for its maximum. (MaxPoolGrad of ONNX Runtime has no CUDA kernel.)
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

package native

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
)

// window returns the window of a convolution of x with the result y, and tells whether
// onnxlab's own operator can compute it. The convolution must have one group or as many groups
// as channels. Its output must fit blocks of channels, and its input must fit blocks or have
// few channels.
func (b Builder) window(x, weight, y *graph.Value, n *graph.Node) (w Window, fits bool) {
	if b.Windows && n.Int("group") > 1 {
		if !b.Fits(x) || int64(weight.Size(0)) != n.Int("group") || weight.Size(0) != x.Size(1) {
			return w, false
		}
		w, fits = windowOver(op.WindowOf(n), x, y)
		w.Depthwise = true
		return w, fits
	}
	images := b.Fits(x) || b.IsFew(x)
	if !images || !b.FitsChannels(weight.Size(0)) || n.Int("group") != 1 {
		return w, false
	}
	if op.WindowOf(n) == op.Same(3, 1, x.Size(2), x.Size(3)) {
		switch {
		case !b.Windows || b.IsFew(x):
		case weight.Constant():
			w.Taps = TapsWhereFaster
		case x.Size(2)*x.Size(3) <= fewPixels:
			w.Taps = TapsAlways
		}
		return w, true
	}
	if !b.Windows {
		return w, false
	}
	return windowOver(op.WindowOf(n), x, y)
}

// fewPixels is the number of pixels up to which an image is too small for Winograd's algorithm: its
// tiles have 16 pixels, so it would need more multiplications than the plain convolution.
const fewPixels = 4

// windowOver returns a window over x with the result y, and tells whether onnxlab's operators
// support it: it must move by the same number of pixels in both directions and not be dilated,
// and each of its positions must cover a pixel of the image.
func windowOver(from op.Window, x, y *graph.Value) (w Window, fits bool) {
	if from.Strides[0] != from.Strides[1] || from.Dilations[0] > 1 || from.Dilations[1] > 1 {
		return w, false
	}
	w = Window{
		Kernel: from.Kernel, Stride: from.Strides[0], Before: [2]int{from.Pads[0], from.Pads[1]}, Results: [2]int{y.Size(2), y.Size(3)},
	}
	for i, size := range []int{x.Size(2), x.Size(3)} {
		last := (w.Results[i]-1)*w.Stride - w.Before[i]
		if w.Before[i] < 0 || w.Before[i] >= w.Kernel[i] || last >= size {
			return w, false
		}
	}
	return w, true
}

// pools replaces maximum pools and their gradients by native operators.
func (b Builder) pools() {
	lower.Each(b.Graph, op.Marked, "MaxPoolGrad", func(n *graph.Node) {
		x, dy, pool := n.In("X"), n.In("dY"), n.In("Indices").Producer()
		if !pool.Is("", "MaxPool") || pool.In("X") != x {
			return
		}
		w, fits := b.pooled(pool, x, dy)
		if !fits {
			return
		}
		b.Substitute(n, func() []*graph.Value {
			dx := b.NativeMaxPoolGrad(n.Name+".native", b.ToBlocks(n.Name+".dy", dy), b.ToBlocks(n.Name+".x", x), w)
			return []*graph.Value{b.ToPlain(n.Name+".plain", dx, x.Size(1))}
		})
	})
	b.Prune() // the indices of pools that nothing needs any more
	lower.Each(b.Graph, "", "MaxPool", func(n *graph.Node) {
		x := n.In("X")
		w, fits := b.pooled(n, x, n.Out("Y"))
		if indices := n.Out("Indices"); !fits || indices != nil && b.Uses(indices) > 0 {
			return
		}
		b.Substitute(n, func() []*graph.Value {
			y := b.NativeMaxPool(n.Name+".native", b.ToBlocks(n.Name+".in", x), w)
			return []*graph.Value{b.ToPlain(n.Name+".plain", y, x.Size(1)), nil}[:len(n.Outputs)]
		})
	})
}

// pooled returns the window of a maximum pool of x with the result y, and tells whether
// onnxlab's operator supports it.
func (b Builder) pooled(n *graph.Node, x, y *graph.Value) (w Window, fits bool) {
	if !b.Fits(x) {
		return w, false
	}
	return windowOver(op.WindowOf(n), x, y)
}

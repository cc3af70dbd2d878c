package rewrite

import (
	"fmt"
	"testing"

	"onnxlab/onnxmodels/graph"
)

// convNorm is a convolution with a bias, normalised in as many parts, and its
// gradients.
func convNorm(b *builder, parts int) []*graph.Value {
	window := graph.Same(3, 1, 5, 6)
	x, weight, bias := b.in("x", 0, 4, 3, 5, 6), b.in("weight", 0, 8, 3, 3, 3), b.in("bias", 3, 8)
	scale, shift, mean, variance := b.in("scale", 1, 8), b.in("shift", 0, 8), b.in("mean", 0, 8), b.in("variance", 1, 8)
	y := b.Conv("conv", x, weight, bias, window)
	split := []*graph.Value{y}
	if parts > 1 {
		split = b.Split("split", y, parts, "")
	}
	var outputs, dy []*graph.Value
	for i, part := range split {
		n := b.BatchNormTraining("norm", part, scale, shift, mean, variance, 1e-3)
		outputs = append(outputs, n.Y, b.Unary("Neg", "seen", n.Mean), n.InverseDeviation)
		dx, dscale, dshift := b.BatchNormGrad("norm_grad", b.in(fmt.Sprint("dy", i), 0, 4/parts, 8, 5, 6), part, scale, n.Mean, n.InverseDeviation, 1e-3)
		outputs, dy = append(outputs, dscale, dshift), append(dy, dx)
	}
	joined := dy[0]
	if parts > 1 {
		joined = b.Concat("joined", dy, 0, graph.Fixed(4))
	}
	dx, dw, db := b.ConvGrad("grad", joined, x, weight, window, true, true, true)
	return append(outputs, dx, dw, b.Unary("Identity", "bias_grad", db))
}

// TestDropBias has a bias of several deviations, which the mean must show, and
// whose gradient is that of rounding alone.
func TestDropBias(t *testing.T) {
	for _, parts := range []int{1, 2} {
		plain, changed := newBuilder(), newBuilder()
		want := plain.run(t, convNorm(plain, parts), func(*graph.Graph) {})
		got := changed.run(t, convNorm(changed, parts), CUDA)
		for _, n := range changed.Nodes {
			if n.Op == "Conv" && len(n.Inputs) > 2 || n.Op == "ConvGrad" && len(n.Outputs) > 2 {
				t.Errorf("%d parts: %s %q has a bias", parts, n.Op, n.Name)
			}
		}
		last := len(want) - 1
		for i := range want[:last] {
			if e := relativeError(got[i], want[i]); !(e <= 1e-5) {
				t.Errorf("%d parts: output %d differs by %.2g of its size, want at most 1e-5", parts, i, e)
			}
		}
		for c, g := range got[last] {
			if g != 0 || want[last][c] > 1e-4 || want[last][c] < -1e-4 {
				t.Errorf("%d parts: gradient of bias %d: %v, and without the pass %v; want 0", parts, c, g, want[last][c])
			}
		}
	}
}

// TestKeepBias has convolutions whose results are used for more than to be
// normalised.
func TestKeepBias(t *testing.T) {
	for name, more := range map[string]func(b *builder, y *graph.Value){
		"an output":       func(b *builder, y *graph.Value) { b.Output(y) },
		"another user":    func(b *builder, y *graph.Value) { b.Output(b.Unary("Relu", "relu", y)) },
		"part of a split": func(b *builder, y *graph.Value) { b.Output(b.Unary("Relu", "relu", b.Split("split", y, 2, "")[1])) },
		"the gradient by the results": func(b *builder, y *graph.Value) {
			c := b.in("c", 0, 8)
			dx, _, _ := b.BatchNormGrad("grad", y, b.in("x2", 0, 2, 8, 4, 4), c, c, c, 1e-3)
			b.Output(dx)
		},
	} {
		b := newBuilder()
		c := b.in("c", 0, 8)
		y := b.Conv("conv", b.in("x", 0, 2, 3, 4, 4), b.in("weight", 0, 8, 3, 3, 3), c, graph.Same(3, 1, 4, 4))
		b.Output(b.BatchNormTraining("norm", y, c, c, c, c, 1e-3).Y)
		more(b, y)
		CUDA(b.Graph)
		if conv := y.Producer(); len(conv.Inputs) != 3 {
			t.Errorf("%s: the bias is gone", name)
		}
	}
}

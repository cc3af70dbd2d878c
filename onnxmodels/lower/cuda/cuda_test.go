package cuda

import (
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower/lowertest"
	"onnxlab/onnxmodels/op"
)

// convNorm is a convolution with a bias, in float16 if mixed, followed by a normalisation of each
// ghost batch by itself, and their gradients.
func convNorm(b *lowertest.Builder, ghosts int, mixed bool) []*graph.Value {
	elem := graph.Float
	if mixed {
		elem = graph.Float16
	}
	window, channels := op.Same(3, 1, 5, 6), 8*ghosts
	in := func(name string, mean float64, sizes ...int) *graph.Value {
		return b.As(elem, b.In(name, mean, sizes...))
	}
	x, weight, bias := in("x", 0, 4, 3, 5, 6), in("weight", 0, 8, 3, 3, 3), in("bias", 3, 8)
	scale, shift := b.In("scale", 1, channels), b.In("shift", 0, channels)
	mean, variance := b.In("mean", 0, channels), b.In("variance", 1, channels)
	y := b.Conv("conv", x, weight, bias, window)
	part := b.Reshape("part", y, b.Ints("part.sizes", -1, int64(channels), 5, 6), graph.Static(4/ghosts, channels, 5, 6))
	n := b.BatchNormTraining("norm", part, scale, shift, mean, variance, 1e-3)
	dy, dscale, dshift := b.BatchNormGrad("norm_grad", in("dy", 0, 4/ghosts, channels, 5, 6), part, scale, n.Mean, n.InverseDeviation, 1e-3)
	joined := b.Reshape("joined", dy, b.Ints("joined.sizes", -1, 8, 5, 6), y.Shape)
	dx, dw, db := b.ConvGrad("grad", joined, x, weight, window, op.ConvOperands{X: true, Weight: true, Bias: true})
	outputs := []*graph.Value{n.Y, b.Unary("Neg", "seen", n.Mean), n.InverseDeviation, dscale, dshift, dx, dw, b.Unary("Identity", "bias_grad", db)}
	for i, v := range outputs {
		outputs[i] = b.As(graph.Float, v)
	}
	return outputs
}

// TestDropBias has a bias of several standard deviations. It must show in the mean, and its
// gradient must be 0 up to rounding.
func TestDropBias(t *testing.T) {
	for _, c := range []struct {
		ghosts int
		mixed  bool
	}{{1, false}, {2, false}, {1, true}, {2, true}} {
		plain, changed := lowertest.New(), lowertest.New()
		want := plain.Run(t, convNorm(plain, c.ghosts, c.mixed), lowertest.Nothing)
		got := changed.Run(t, convNorm(changed, c.ghosts, c.mixed), Lower)
		made := map[*graph.Value]bool{}
		for _, n := range changed.Nodes {
			if n.Op == "Conv" && len(n.Inputs) > 2 || n.Op == "ConvGrad" && len(n.Outputs) > 2 {
				t.Errorf("%+v: %s %q has a bias", c, n.Op, n.Name)
			}
			for _, in := range n.Inputs {
				if in != nil && in.Producer() != nil && !made[in] {
					t.Errorf("%+v: %s %q comes before its input %s", c, n.Op, n.Name, in)
				}
			}
			for _, out := range n.Outputs {
				made[out] = true
				if out != nil && changed.Uses(out) == 0 && n.Op == "Cast" {
					t.Errorf("%+v: nothing uses %s", c, out)
				}
			}
		}
		last := len(want) - 1
		for i := range want[:last] {
			if e := lowertest.RelativeError(got[i], want[i]); !(e <= 1e-5) {
				t.Errorf("%+v: output %d differs by %.2g of its size, want at most 1e-5", c, i, e)
			}
		}
		for channel, g := range got[last] {
			if w := want[last][channel]; g != 0 || w > 1e-4 || w < -1e-4 {
				t.Errorf("%+v: gradient of bias %d: %v, and without the pass %v; want 0", c, channel, g, w)
			}
		}
	}
}

// TestKeepBias has convolutions whose results are not only normalised but also used elsewhere.
func TestKeepBias(t *testing.T) {
	for name, more := range map[string]func(b *lowertest.Builder, y *graph.Value){
		"an output":    func(b *lowertest.Builder, y *graph.Value) { b.Output(y) },
		"another user": func(b *lowertest.Builder, y *graph.Value) { b.Output(b.Unary("Relu", "relu", y)) },
		"a user of its parts": func(b *lowertest.Builder, y *graph.Value) {
			parts := b.Reshape("parts", y, b.Ints("parts.sizes", -1, 16, 4, 4), graph.Static(1, 16, 4, 4))
			b.Output(b.Unary("Relu", "relu", parts))
		},
		"the gradient with respect to the results": func(b *lowertest.Builder, y *graph.Value) {
			c := b.In("c", 0, 8)
			dx, _, _ := b.BatchNormGrad("grad", y, b.In("x2", 0, 2, 8, 4, 4), c, c, c, 1e-3)
			b.Output(dx)
		},
	} {
		b := lowertest.New()
		c := b.In("c", 0, 8)
		y := b.Conv("conv", b.In("x", 0, 2, 3, 4, 4), b.In("weight", 0, 8, 3, 3, 3), c, op.Same(3, 1, 4, 4))
		b.Output(b.BatchNormTraining("norm", y, c, c, c, c, 1e-3).Y)
		more(b, y)
		Lower(b.Graph)
		if y.Producer().In("B") == nil {
			t.Errorf("%s: the bias is gone", name)
		}
	}
}

package rewrite

import (
	"testing"

	"onnxlab/onnxmodels/graph"
)

// TestWinogradGradients has one group of images and several, and images that
// are not square.
func TestWinogradGradients(t *testing.T) {
	size := block(t)
	for name, c := range map[string]struct{ images, inputs, outputs, height, width int }{
		"one group":    {4, 64, 128, 8, 8},
		"fewer inputs": {8, 48, 352, 4, 8},
		"groups":       {6, 128, 64, 32, 64},
	} {
		t.Run(name, func(t *testing.T) {
			pass := func(g *graph.Graph) {
				splitConvGrad(g, size)
				left := newCounts(g)
				if left["Conv"] != 2 || left["MatMul"] != 6 {
					t.Errorf("%d convolutions and %d matrix products, want those of Winograd's algorithm, 2 and 6", left["Conv"], left["MatMul"])
				}
			}
			compare(t, graph.Microsoft, "ConvGrad", 3e-6, pass,
				convGradient(c.images, c.inputs, c.outputs, c.height, c.width, graph.Same(3, 1, c.height, c.width)))
		})
	}
}

func TestWinogradConvolution(t *testing.T) {
	size := block(t)
	pass := func(g *graph.Graph) {
		blockConv(g, size)
		if left := newCounts(g); left["MatMul"] != 6 {
			t.Errorf("%d matrix products, want those of Winograd's algorithm, 6", left["MatMul"])
		}
	}
	compare(t, "", "Conv", 3e-6, pass, func(b *builder) []*graph.Value {
		x, weight := b.in("x", 0, 6, 64, 12, 64), b.in("weight", 0, 128, 64, 3, 3)
		window := graph.Same(3, 1, 12, 64)
		return []*graph.Value{b.Conv("conv", x, weight, b.in("bias", 0, 128), window), b.Conv("unbiased", x, weight, nil, window)}
	})
}

func newCounts(g *graph.Graph) map[string]int {
	counts := map[string]int{}
	for _, n := range g.Nodes {
		counts[n.Op]++
	}
	return counts
}

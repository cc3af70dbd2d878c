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

func newCounts(g *graph.Graph) map[string]int {
	counts := map[string]int{}
	for _, n := range g.Nodes {
		counts[n.Op]++
	}
	return counts
}

package rewrite

import (
	"slices"
	"testing"

	"onnxlab/onnxmodels/graph"
)

// TestWinogradGradients has one group of images and several, images that are
// not square, and images that are cut into parts.
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
				checkWinograd(t, g, "winograd.G_turned", "winograd.G_transposed")
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
		checkWinograd(t, g, "winograd.G")
	}
	compare(t, "", "Conv", 3e-6, pass, func(b *builder) []*graph.Value {
		x, weight := b.in("x", 0, 6, 64, 12, 64), b.in("weight", 0, 128, 64, 3, 3)
		window := graph.Same(3, 1, 12, 64)
		return []*graph.Value{b.Conv("conv", x, weight, b.in("bias", 0, 128), window), b.Conv("unbiased", x, weight, nil, window)}
	})
}

// checkWinograd tells whether the graph has the matrices, of which each is for
// one of the three products.
func checkWinograd(t *testing.T, g *graph.Graph, matrices ...string) {
	t.Helper()
	for _, name := range matrices {
		if !slices.ContainsFunc(g.Constants, func(v *graph.Value) bool { return v.Name == name }) {
			t.Errorf("no %s: not by Winograd's algorithm", name)
		}
	}
}

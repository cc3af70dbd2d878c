package rewrite

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// CPU changes a training graph into one of the same values that ONNX Runtime's
// CPU provider runs faster, on processors like this one: the layout of
// convolutions depends on the vector instructions.
func CPU(g *graph.Graph) {
	threadReluGrad(g)
	splitConvGrad(g, blockSize())
	blockConv(g, blockSize())
}

// each calls f for the nodes of the operator, which f may replace.
func each(g *graph.Graph, op string, f func(n *graph.Node)) {
	for _, n := range slices.Clone(g.Nodes) {
		if n.Op == op {
			f(n)
		}
	}
}

// threadReluGrad replaces ReluGrad, whose kernel is serial, by a product with
// the step function of y, which two threaded kernels compute: dy · [y > 0].
// HardSigmoid is max(0, min(1, alpha·y)): with a huge alpha it is 0 at y = 0
// and 1 at every y that a ReLU gives and a float32 tells from 0.
func threadReluGrad(g *graph.Graph) {
	each(g, "ReluGrad", func(n *graph.Node) {
		dy, y := n.Inputs[0], n.Inputs[1]
		g.Substitute(n, func() []*graph.Value {
			step := g.HardSigmoid(n.Name+".step", y, 1e30, 0)
			return []*graph.Value{g.Binary("Mul", n.Name+".masked", dy, step)}
		})
	})
}

package rewrite

import (
	"slices"

	"onnxlab/internal/kernels"
	"onnxlab/onnxmodels/graph"
)

// CPU changes a training graph into one of the same values that ONNX Runtime's
// CPU provider runs faster, on processors like this one: the layout of images
// depends on the vector instructions. Most of it needs a batch of known size.
//
// Each pass that moves an operator to the blocked layout puts reorders around
// it, which joinReorders takes away between two such operators.
func CPU(g *graph.Graph) { fasten(g, blockSize(), false) }

// Native changes a graph as CPU does, also one of inference, but into onnxlab's own
// operators where there are any: only this process's sessions have them. Without
// kernels for this processor it is CPU.
func Native(g *graph.Graph) { fasten(g, blockSize(), kernels.Block() > 0) }

func fasten(g *graph.Graph, block int, native bool) {
	if native {
		nativeConv(g, block)
		nativeNorm(g, block)
	}
	threadReluGrad(g)
	if block > 0 {
		splitConvGrad(g, block)
		blockConv(g, block)
		blockNorm(g, block)
		blockPool(g, block)
		keepBlocked(g, block)
		joinReorders(g)
		fuseReLU(g)
		if native {
			fuseNative(g, block)
		}
	} else {
		splitConvGrad(g, 0)
	}
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

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
	splitConvGrad(g)
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

// splitConvGrad takes the gradient by the input out of ConvGrad: for stride 1 it
// is a convolution of dy with the weights turned by 180 degrees and their
// channels exchanged, for which the forward kernel is faster.
func splitConvGrad(g *graph.Graph) {
	each(g, "ConvGrad", func(n *graph.Node) {
		w := graph.WindowOf(n)
		if n.Outputs[0] == nil || w.Strides != [2]int{1, 1} {
			return
		}
		dy, x, weight := n.Inputs[0], n.Inputs[1], n.Inputs[2]
		wants := func(i int) bool { return len(n.Outputs) > i && n.Outputs[i] != nil }
		g.Substitute(n, func() []*graph.Value {
			turned := g.Turn180(n.Name+".turned", g.Transpose(n.Name+".exchanged", weight, 1, 0, 2, 3))
			full := graph.Window{Kernel: w.Kernel, Strides: w.Strides}
			for i := range 2 {
				full.Pads[i], full.Pads[i+2] = w.Kernel[i]-1-w.Pads[i], w.Kernel[i]-1-w.Pads[i+2]
			}
			dx := g.Conv(n.Name+".dx", dy, turned, nil, full)
			_, dw, db := g.ConvGrad(n.Name+".parameters", dy, x, weight, w, false, wants(1), wants(2))
			return []*graph.Value{dx, dw, db}[:len(n.Outputs)]
		})
	})
}

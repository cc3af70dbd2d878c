// Package cpu lowers graphs for ONNX Runtime's CPU provider.
package cpu

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
)

// Lower changes a training graph into one of the same values that ONNX Runtime's
// CPU provider runs faster, on processors like this one: the layout of images
// depends on the vector instructions. Most of it needs a batch of known size.
//
//	ReluGrad                    Mul by a HardSigmoid, whose kernels have threads
//	FastGeluGrad                products, sums and a Sigmoid
//	ConvGrad                    convolutions
//	Conv, average pools         those in the blocked layout
//	BatchNormInternal, its Grad convolutions in the blocked layout
func Lower(g *graph.Graph) {
	lower.Portable(g)
	On(g, BlockSize()).Passes()
}

// Passes are those of Lower on a graph without marked operators.
//
// Each pass that moves an operator to the blocked layout puts reorders around
// it, which joinReorders takes away between two such operators.
func (b Builder) Passes() {
	b.threadReluGrad()
	b.splitFastGeluGrad()
	b.splitConvGrad()
	if b.Block == 0 {
		return
	}
	b.blockConv()
	b.blockNorm()
	b.blockPool()
	b.keepBlocked()
	b.joinReorders()
	b.fuseReLU()
}

// threadReluGrad replaces ReluGrad, whose kernel is serial, by a product with
// the step function of y, which two threaded kernels compute: dy · [y > 0].
// HardSigmoid is max(0, min(1, alpha·y)): with a huge alpha it is 0 at y = 0
// and 1 at every y that a ReLU gives and a float32 tells from 0.
func (b Builder) threadReluGrad() {
	lower.Each(b.Graph, op.Microsoft, "ReluGrad", func(n *graph.Node) {
		b.Substitute(n, func() []*graph.Value {
			step := b.HardSigmoid(n.Name+".step", n.In("X"), 1e30, 0)
			return []*graph.Value{b.Binary("Mul", n.Name+".masked", n.In("dY"), step)}
		})
	})
}

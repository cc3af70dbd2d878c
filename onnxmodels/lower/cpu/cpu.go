// Package cpu lowers graphs for ONNX Runtime's CPU provider.
package cpu

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
)

// Lower rewrites a training graph so that ONNX Runtime's CPU provider runs it faster.
// The values stay the same. The layout of images depends on the vector instructions of
// the processor, so the result is for processors like this one. Most passes need a
// batch of known size.
//
//	ReluGrad                    Mul by a HardSigmoid, whose kernels have threads
//	FastGeluGrad                products, sums and a Sigmoid
//	ConvGrad                    convolutions
//	Conv, average pools         the same in the blocked layout
//	BatchNormInternal, its Grad convolutions in the blocked layout
//	MatMul by a matrix          Gemm (lower.Products)
func Lower(g *graph.Graph) {
	lower.Products(g)
	lower.Portable(g)
	On(g, BlockSize()).Passes()
}

// Passes runs the passes of Lower on a graph that has no marked operators left.
//
// A pass that moves an operator to the blocked layout reorders its input before it and
// its output after it. joinReorders then removes the pairs between two such operators.
// Blocks of 4 channels are onnxlab's alone: no operator is moved to those of ONNX Runtime.
func (b Builder) Passes() {
	b.threadReluGrad()
	b.splitFastGeluGrad()
	b.splitConvGrad()
	if b.Block == 0 {
		return
	}
	if hasOperators(b.Block) {
		b.blockConv()
		b.blockNorm()
		b.blockPool()
	}
	b.keepBlocked()
	b.joinReorders()
	b.fuseReLU()
}

// threadReluGrad replaces ReluGrad, whose kernel uses one thread, by dy · [y > 0], for
// which two kernels use all threads. The step function [y > 0] is a HardSigmoid,
// max(0, min(1, alpha·y)), with alpha = 1e30: it is 0 at y = 0, and 1 at every y of
// 1e-30 or more.
func (b Builder) threadReluGrad() {
	lower.Each(b.Graph, op.Microsoft, "ReluGrad", func(n *graph.Node) {
		b.Substitute(n, func() []*graph.Value {
			step := b.HardSigmoid(n.Name+".step", n.In("X"), 1e30, 0)
			return []*graph.Value{b.Binary("Mul", n.Name+".masked", n.In("dY"), step)}
		})
	})
}

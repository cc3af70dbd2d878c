package rewrite

import (
	"runtime"

	"golang.org/x/sys/cpu"

	"onnxlab/onnxmodels/graph"
)

// blockSize is how many channels make a block in the blocked layout of ONNX
// Runtime's kernels on this processor, or 0 if it has no such kernels that are
// known to be faster: mlas's NchwcBlockSize is 16 with AVX-512 and 8 with AVX.
func blockSize() int {
	switch {
	case runtime.GOARCH != "amd64":
		return 0
	case cpu.X86.HasAVX512F:
		return 16
	case cpu.X86.HasAVX2:
		return 8
	}
	return 0
}

// blockConv gives convolutions the layout in which their kernel is fastest.
// ONNX Runtime does so itself where weights are constants, which they are not
// in training: here they are brought into that layout in each step, which costs
// little beside the images.
func blockConv(g *graph.Graph, block int) {
	if block == 0 {
		return
	}
	each(g, "Conv", func(n *graph.Node) {
		x, weight := n.Inputs[0], n.Inputs[1]
		if n.Domain != "" || weight.Shape[0].Size%int64(block) != 0 || weight.Shape[1].Size%int64(block) != 0 {
			return
		}
		var o graph.BlockedConvOptions
		if len(n.Inputs) > 2 {
			o.Bias = n.Inputs[2]
		}
		g.Substitute(n, func() []*graph.Value {
			name := n.Name + ".blocked"
			y := g.BlockedConv(name, g.Block(name+".in", x), g.BlockWeight(name+".weight", weight, block), graph.WindowOf(n), o)
			return []*graph.Value{g.Unblock(name+".plain", y)}
		})
	})
}

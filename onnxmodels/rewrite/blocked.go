package rewrite

import (
	"runtime"
	"slices"

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

// fitsBlocks tells whether v is images [n, c, h, w] of whole blocks of channels.
func fitsBlocks(v *graph.Value, block int) bool {
	return v != nil && v.Elem == graph.Float && len(v.Shape) == 4 && v.Shape[1].Symbol == "" &&
		v.Shape[1].Size%int64(block) == 0
}

// isBlocked tells whether v was in the blocked layout before a reorder.
func isBlocked(v *graph.Value) bool {
	n := v.Producer()
	return n != nil && n.Domain == graph.Blocked && n.Op == "ReorderOutput" && n.Int("channels_last", 0) == 0
}

// blockConv gives convolutions the layout in which their kernel is fastest.
// ONNX Runtime does so itself where weights are constants, which they are not
// in training: here they are brought into that layout in each step, which costs
// little beside the images.
func blockConv(g *graph.Graph, block int) {
	each(g, "Conv", func(n *graph.Node) {
		x, weight := n.Inputs[0], n.Inputs[1]
		few := isFew(x, block) // the kernel then takes them in the plain layout
		if n.Domain != "" || size(weight, 0)%block != 0 || !few && size(weight, 1)%block != 0 {
			return
		}
		var o graph.BlockedConvOptions
		if len(n.Inputs) > 2 {
			o.Bias = n.Inputs[2]
		}
		g.Substitute(n, func() []*graph.Value {
			name := n.Name + ".blocked"
			x = blocked(g, name+".in", x, block)
			y := g.BlockedConv(name, x, g.BlockWeight(name+".weight", weight, block), graph.WindowOf(n), o)
			return []*graph.Value{g.Unblock(name+".plain", y)}
		})
	})
}

// blockPool gives average pools, and the repetition that is their gradient, the
// blocked layout.
func blockPool(g *graph.Graph, block int) {
	pool := func(n *graph.Node) {
		if n.Domain != "" || !fitsBlocks(n.Inputs[0], block) {
			return
		}
		g.Substitute(n, func() []*graph.Value {
			name := n.Name + ".blocked"
			y := g.BlockedPool(n.Op, name, g.Block(name+".in", n.Inputs[0]), graph.WindowOf(n))
			return []*graph.Value{g.Unblock(name+".plain", y)}
		})
	}
	each(g, "AveragePool", pool)
	each(g, "GlobalAveragePool", pool)
	repeat := func(n *graph.Node) {
		x, y := n.Inputs[0], n.Outputs[0]
		if !fitsBlocks(x, block) || !fitsBlocks(y, block) || x.Shape[0] != y.Shape[0] || x.Shape[1] != y.Shape[1] {
			return
		}
		g.Substitute(n, func() []*graph.Value {
			name := n.Name + ".blocked"
			repeated := g.BlockedUpsample(name, g.Block(name+".in", x), size(y, 2)/size(x, 2), size(y, 3)/size(x, 3))
			return []*graph.Value{g.Unblock(name+".plain", repeated)}
		})
	}
	each(g, "Resize", repeat)
	each(g, "Expand", func(n *graph.Node) {
		if x := n.Inputs[0]; fitsBlocks(x, block) && size(x, 2) == 1 && size(x, 3) == 1 {
			repeat(n)
		}
	})
}

// anyLayout are operators that do the same in every layout of their inputs, if
// all have the same: elementwise ones, and those that cut and join the batch.
var anyLayout = []string{"Relu", "HardSigmoid", "Mul", "Add", "Sum", "Split", "Concat"}

// keepBlocked leaves images in the blocked layout through such operators if one
// of their inputs has it.
func keepBlocked(g *graph.Graph, block int) {
	for _, n := range slices.Clone(g.Nodes) {
		if n.Domain != "" || !slices.Contains(anyLayout, n.Op) || !canStayBlocked(n, block) {
			continue
		}
		g.Substitute(n, func() []*graph.Value {
			inputs := slices.Clone(n.Inputs)
			for i, in := range inputs {
				if fitsBlocks(in, block) {
					inputs[i] = g.Block(n.Name+".blocked", in)
				}
			}
			outputs := g.Copy(n, inputs)
			for i, out := range outputs {
				outputs[i] = g.Unblock(n.Name+".plain", out)
			}
			return outputs
		})
	}
}

// canStayBlocked tells whether an input is blocked, and each is images or one
// number. Images of different sizes would be broadcast.
func canStayBlocked(n *graph.Node, block int) bool {
	some := false
	var first *graph.Value
	for _, in := range n.Inputs {
		if len(in.Shape) == 0 {
			continue
		}
		if first == nil {
			first = in
		}
		if !fitsBlocks(in, block) || !in.Shape.Equal(first.Shape) {
			return false
		}
		some = some || isBlocked(in)
	}
	return some
}

// joinReorders takes away the reorders that undo each other, those that bring a
// value into a layout that it has elsewhere already, and those that nothing
// needs any more.
func joinReorders(g *graph.Graph) {
	blocked := map[*graph.Value]*graph.Value{}
	for _, n := range slices.Clone(g.Nodes) {
		switch x := input(n); {
		case n.Domain == graph.Blocked && n.Op == "ReorderInput" && isBlocked(x):
			g.Replace(n.Outputs[0], x.Producer().Inputs[0])
		case n.Domain == graph.Blocked && n.Op == "ReorderInput" && blocked[x] != nil:
			g.Replace(n.Outputs[0], blocked[x])
		case n.Domain == graph.Blocked && n.Op == "ReorderInput":
			blocked[x] = n.Outputs[0]
		case n.Op == "Transpose" && isBlocked(x) && slices.Equal(n.Ints("perm"), []int64{0, 2, 3, 1}):
			g.Substitute(n, func() []*graph.Value {
				return []*graph.Value{g.UnblockLast(n.Name+".from_blocked", x.Producer().Inputs[0])}
			})
		}
	}
	g.Prune()
}

// input is the first input of a node, or nil.
func input(n *graph.Node) *graph.Value {
	if len(n.Inputs) == 0 {
		return nil
	}
	return n.Inputs[0]
}

// fuseReLU lets a blocked convolution apply the ReLU that alone uses its result.
func fuseReLU(g *graph.Graph) {
	each(g, "Relu", func(n *graph.Node) {
		x := n.Inputs[0]
		conv := x.Producer()
		if conv == nil || conv.Domain != graph.Blocked || conv.Op != "Conv" || g.Uses(x) > 1 {
			return
		}
		conv.FuseReLU()
		g.Substitute(n, func() []*graph.Value { return []*graph.Value{x} })
	})
}

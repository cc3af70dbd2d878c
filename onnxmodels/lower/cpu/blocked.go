package cpu

import (
	"runtime"
	"slices"

	"golang.org/x/sys/cpu"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
)

// BlockSize returns the number of channels in a block of the blocked layout of ONNX
// Runtime's kernels on this processor, or 0 if there are no such kernels that are
// known to be faster. It is NchwcBlockSize of ONNX Runtime's mlas library: 16 with
// AVX-512 and 8 with AVX.
func BlockSize() int {
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

// FitsBlocks tells whether v holds images [n, c, h, w] whose channels make whole blocks.
func FitsBlocks(v *graph.Value, block int) bool {
	return v != nil && v.Elem == graph.Float && len(v.Shape) == 4 && v.Shape[1].Symbol == "" &&
		v.Shape[1].Size%int64(block) == 0
}

// Fits tells whether v holds images [n, c, h, w] that can be copied to the blocked layout.
func (b Builder) Fits(v *graph.Value) bool {
	return FitsBlocks(v, b.Block) || b.Fills && FitsBlocks(v, 1) && b.FitsChannels(v.Size(1))
}

// FitsChannels is Fits for images of so many channels. If the last block is filled up, at most as
// many channels are added as there are. Colours stay in the plain layout.
func (b Builder) FitsChannels(c int) bool {
	const colours = 4
	filled := Filled(c, b.Block)
	return c == filled || b.Fills && c > colours && 2*c >= filled
}

// Filled is a number of channels rounded up to whole blocks.
func Filled(channels, block int) int { return (channels + block - 1) / block * block }

// hasOperators tells whether ONNX Runtime has operators on blocks of this size for some
// processor.
func hasOperators(block int) bool { return block == 8 || block == 16 }

// isBlocked tells whether v comes out of a reorder from the blocked layout.
func (b Builder) isBlocked(v *graph.Value) bool {
	n := v.Producer()
	return n.Is(b.Reorders, "ReorderOutput") && !n.Flag("channels_last")
}

// IsFew tells whether images have fewer channels than a block, and do not fit it (Fits).
// Blocked convolutions take such images in the plain layout.
func (b Builder) IsFew(x *graph.Value) bool {
	return FitsBlocks(x, 1) && x.Size(1) < b.Block && !b.Fits(x)
}

// AsTaken returns images in the layout in which blocked convolutions take them: blocked, or
// plain if they are few channels.
func (b Builder) AsTaken(name string, x *graph.Value) *graph.Value {
	if b.IsFew(x) {
		return x
	}
	return b.ToBlocks(name, x)
}

// blockConv moves convolutions to the blocked layout, in which their kernel is
// fastest. ONNX Runtime does so itself if weights are constant, but in training
// they are not. They are reordered in each step, which costs little compared to
// the images.
func (b Builder) blockConv() {
	b.Fills = false
	lower.Each(b.Graph, "", "Conv", func(n *graph.Node) {
		x, weight := n.In("X"), n.In("W")
		few := b.IsFew(x) // such images stay in the plain layout
		if len(x.Shape) != 4 || weight.Size(0)%b.Block != 0 || !few && weight.Size(1)%b.Block != 0 || n.Int("group") != 1 {
			return
		}
		b.Substitute(n, func() []*graph.Value {
			name := n.Name + ".blocked"
			x := b.AsTaken(name+".in", x)
			y := b.BlockedConv(name, x, b.BlockWeight(name+".weight", weight), op.WindowOf(n), ConvOptions{Bias: n.In("B")})
			return []*graph.Value{b.ToPlain(name+".plain", y, y.Size(1))}
		})
	})
}

// blockPool moves average pools, and the repetition of pixels that is their
// gradient, to the blocked layout.
func (b Builder) blockPool() {
	pool := func(n *graph.Node) {
		x := n.In("X")
		if !FitsBlocks(x, b.Block) {
			return
		}
		b.Substitute(n, func() []*graph.Value {
			name := n.Name + ".blocked"
			var attributes []graph.Attribute
			if n.Op == "AveragePool" {
				counted := graph.Attribute{Name: "count_include_pad", Value: n.Int("count_include_pad")}
				attributes = append(op.WindowOf(n).Attributes(), counted)
			}
			y := b.BlockedPool(n.Op, name, b.ToBlocks(name+".in", x), attributes...)
			return []*graph.Value{b.ToPlain(name+".plain", y, y.Size(1))}
		})
	}
	lower.Each(b.Graph, "", "AveragePool", pool)
	lower.Each(b.Graph, "", "GlobalAveragePool", pool)
	lower.Each(b.Graph, "", "Resize", b.blockRepeat)
	lower.Each(b.Graph, "", "Expand", func(n *graph.Node) {
		if x := n.In("input"); FitsBlocks(x, b.Block) && x.Shape[2] == graph.Fixed(1) && x.Shape[3] == graph.Fixed(1) {
			b.blockRepeat(n)
		}
	})
}

// blockRepeat moves an operator that repeats the pixels of its first input to the blocked
// layout.
func (b Builder) blockRepeat(n *graph.Node) {
	x, y := n.Inputs[0], n.Outputs[0]
	if !FitsBlocks(x, b.Block) || !FitsBlocks(y, b.Block) || x.Shape[0] != y.Shape[0] || x.Shape[1] != y.Shape[1] {
		return
	}
	b.Substitute(n, func() []*graph.Value {
		name := n.Name + ".blocked"
		repeated := b.BlockedUpsample(name, b.ToBlocks(name+".in", x), y.Size(2)/x.Size(2), y.Size(3)/x.Size(3))
		return []*graph.Value{b.ToPlain(name+".plain", repeated, repeated.Size(1))}
	})
}

// anyLayout lists the operators that work in any layout, if all their inputs have
// the same one: elementwise operators, and those that cut and join images.
var anyLayout = map[string][]string{
	"": {
		"Relu", "LeakyRelu", "Elu", "Selu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Softplus", "Tanh",
		"Mul", "Add", "Sub", "Div", "Sum", "Max", "Min", "Neg", "Abs", "Exp", "Log", "Erf", "Sqrt", "Reciprocal", "Split", "Concat",
	},
	op.Microsoft: {"Gelu", "GeluGrad", "FastGelu", "QuickGelu", "QuickGeluGrad", "LeakyReluGrad", "SigmoidGrad", "TanhGrad"},
}

// keepBlocked moves the operators of anyLayout to the blocked layout if one of
// their inputs has it already.
func (b Builder) keepBlocked() {
	for _, n := range slices.Clone(b.Nodes) {
		if !slices.Contains(anyLayout[n.Domain], n.Op) || !b.canStayBlocked(n) {
			continue
		}
		b.Substitute(n, func() []*graph.Value {
			inputs := slices.Clone(n.Inputs)
			for i, in := range inputs {
				if b.Fits(in) {
					inputs[i] = b.ToBlocks(n.Name+".blocked", in)
				}
			}
			outputs := b.Copy(n, inputs)
			for i, out := range outputs {
				channels := out.Size(1)
				out.Shape = slices.Clone(out.Shape)
				out.Shape[1] = graph.Fixed(Filled(channels, b.Block))
				outputs[i] = b.ToPlain(n.Name+".plain", out, channels)
			}
			return outputs
		})
	}
}

// unbounded lists the operators of anyLayout that make infinity or NaN of zeros, with which
// a last block may be filled up. A convolution, whose weights for them are 0, would not ignore those.
var unbounded = []string{"Div", "Log", "Reciprocal"}

// cutsBlocks tells whether an operator cuts images, or joins them, elsewhere than between images
// or between whole blocks of channels. Only these lie one after the other in memory.
func (b Builder) cutsBlocks(n *graph.Node) bool {
	if n.Op != "Split" && n.Op != "Concat" {
		return false
	}
	switch n.Int("axis") {
	case 0, -4:
		return false
	case 1, -3:
		part := func(v *graph.Value) bool { return !FitsBlocks(v, b.Block) }
		return slices.ContainsFunc(n.Inputs, part) || slices.ContainsFunc(n.Outputs, part)
	}
	return true
}

// canStayBlocked tells whether at least one input is blocked, and all others are scalars or
// images of the same shape. Images of different shapes would have to be broadcast.
func (b Builder) canStayBlocked(n *graph.Node) bool {
	if b.cutsBlocks(n) {
		return false
	}
	found := false
	var first *graph.Value
	for _, in := range n.Inputs {
		if in == nil || len(in.Shape) == 0 {
			continue
		}
		if first == nil {
			first = in
		}
		if !b.Fits(in) || !in.Shape.Equal(first.Shape) || !FitsBlocks(in, b.Block) && slices.Contains(unbounded, n.Op) {
			return false
		}
		found = found || b.isBlocked(in)
	}
	return found
}

// joinReorders removes pairs of reorders that undo each other, reorders of a value
// that already exists in that layout, and reorders that nothing uses any more.
func (b Builder) joinReorders() {
	blocked := map[*graph.Value]*graph.Value{}
	for _, n := range slices.Clone(b.Nodes) {
		switch {
		case n.Is(b.Reorders, "ReorderInput"):
			switch x := n.In("X"); {
			case b.isBlocked(x):
				b.Replace(n.Out("Y"), x.Producer().In("X"))
			case blocked[x] != nil:
				b.Replace(n.Out("Y"), blocked[x])
			default:
				blocked[x] = n.Out("Y")
			}
		case n.Is("", "Transpose") && b.isBlocked(n.In("data")) && slices.Equal(n.Ints("perm"), []int64{0, 2, 3, 1}):
			b.Substitute(n, func() []*graph.Value {
				data := n.In("data")
				return []*graph.Value{b.ToPlainLast(n.Name+".from_blocked", data.Producer().In("X"), data.Size(1))}
			})
		}
	}
	b.Prune()
}

// fuseReLU lets a blocked convolution apply a ReLU, if nothing else uses its result.
func (b Builder) fuseReLU() {
	lower.Each(b.Graph, "", "Relu", func(n *graph.Node) {
		x := n.In("X")
		conv := x.Producer()
		if !conv.Is(Blocked, "Conv") || b.Uses(x) > 1 {
			return
		}
		conv.Set("activation", "Relu")
		b.Substitute(n, func() []*graph.Value { return []*graph.Value{x} })
	})
}

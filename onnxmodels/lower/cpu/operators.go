package cpu

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Blocked is the domain of ONNX Runtime's operators on the blocked layout of
// its CPU kernels, [n, c/block, h, w, block]. The shapes of such values in the
// graph still are [n, c, h, w].
const Blocked = "com.microsoft.nchwc"

// window declares the attributes of a window in this domain, and further attributes.
func window(more ...any) []graph.Field {
	none := []int64(nil)
	return op.Fields(append([]any{"auto_pad", "NOTSET", "kernel_shape", none, "pads", none, "strides", none, "dilations", none}, more...)...)
}

// ReorderedType is the type of the result of ReorderOutput.
func ReorderedType(n *graph.Node) ([]graph.Type, error) {
	x := n.In("X")
	channels := x.Shape[1]
	if n.Int("channels") > 0 {
		channels = graph.Dim{Size: n.Int("channels")}
	}
	shape := graph.Shape{x.Shape[0], channels, x.Shape[2], x.Shape[3]}
	if n.Flag("channels_last") {
		shape = graph.Shape{x.Shape[0], x.Shape[2], x.Shape[3], channels}
	}
	return []graph.Type{{Elem: x.Elem, Shape: shape}}, nil
}

var _ = []*op.Operator{
	op.Register(&op.Operator{
		Schema: graph.Schema{Domain: Blocked, Op: "ReorderInput", Takes: op.Takes("X"), Gives: op.Gives("Y"), Fields: op.Fields("channels_last", int64(0))},
		Infer:  op.FirstType,
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Blocked, Op: "ReorderOutput", Takes: op.Takes("X"), Gives: op.Gives("Y"),
			Fields: op.Fields("channels", int64(0), "channels_last", int64(0)),
		},
		Infer: ReorderedType,
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Blocked, Op: "Conv", Takes: op.Takes("X", "W", "B?", "Sum?"), Gives: op.Gives("Y"),
			Fields: window("group", int64(1), "activation", "", "activation_params", []float32(nil)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			return op.WindowOf(n).Slide(n.In("X"), n.In("W").Shape[0])
		},
		Cost: func(n *graph.Node) int64 { return op.Lookup("", "Conv").Cost(n) },
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Blocked, Op: "AveragePool", Takes: op.Takes("X"), Gives: op.Gives("Y"),
			Fields: window("ceil_mode", int64(0), "count_include_pad", int64(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x := n.In("X")
			return op.WindowOf(n).Slide(x, x.Shape[1])
		},
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{Domain: Blocked, Op: "GlobalAveragePool", Takes: op.Takes("X"), Gives: op.Gives("Y")},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x := n.In("X")
			return []graph.Type{{Elem: x.Elem, Shape: graph.Shape{x.Shape[0], x.Shape[1], graph.Fixed(1), graph.Fixed(1)}}}, nil
		},
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Blocked, Op: "Upsample", Takes: op.Takes("X"), Gives: op.Gives("Y"),
			Fields: op.Fields("scales", []int64(nil), "mode", "nearest"),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x, scales := n.In("X"), n.Ints("scales")
			shape := graph.Shape{x.Shape[0], x.Shape[1], graph.Fixed(x.Size(2) * int(scales[2])), graph.Fixed(x.Size(3) * int(scales[3]))}
			return []graph.Type{{Elem: x.Elem, Shape: shape}}, nil
		},
	}),
}

// Builder appends operators on the blocked layout, and all others.
type Builder struct {
	op.Builder
	// Block is the number of channels in a block.
	Block int
	// Reorders is the domain of ReorderInput and ReorderOutput: Blocked, or a domain of
	// another package, whose operators also have the attribute "block".
	Reorders string
	// Fills says that ReorderInput fills up the last block of channels with zeros, so that
	// channels need not make whole blocks.
	Fills bool
}

// On returns a builder for the graph.
func On(g *graph.Graph, block int) Builder {
	return Builder{Builder: op.On(g), Block: block, Reorders: Blocked}
}

// reorder appends an operator that copies images from one layout to another.
func (b Builder) reorder(op_, name string, x *graph.Value, attributes ...graph.Attribute) *graph.Value {
	if b.Reorders != Blocked {
		attributes = append(attributes, graph.Attribute{Name: "block", Value: int64(b.Block)})
	}
	return b.Do(b.Reorders, op_, op.Call{Name: name, Inputs: []*graph.Value{x}, Attributes: attributes})[0]
}

// channels returns the attribute that says how many channels ReorderOutput writes. Operators
// of other domains than Blocked do not need it if they write all channels.
func (b Builder) channels(x *graph.Value, channels int) []graph.Attribute {
	if b.Reorders != Blocked && channels == x.Size(1) {
		return nil
	}
	return []graph.Attribute{{Name: "channels", Value: int64(channels)}}
}

func (b Builder) blocked(op_, name string, inputs []*graph.Value, attributes ...graph.Attribute) *graph.Value {
	return b.Do(Blocked, op_, op.Call{Name: name, Inputs: inputs, Attributes: attributes})[0]
}

// ToBlocks appends x [n, c, h, w], which must fit (Fits), in the blocked layout. If c is not a
// multiple of the block, the result has more channels.
func (b Builder) ToBlocks(name string, x *graph.Value) *graph.Value {
	return b.reorder("ReorderInput", name, x)
}

// ToPlain appends the first channels of the blocked x in the plain layout.
func (b Builder) ToPlain(name string, x *graph.Value, channels int) *graph.Value {
	return b.reorder("ReorderOutput", name, x, b.channels(x, channels)...)
}

// ToPlainLast appends the first c channels of the blocked x [n, …, h, w] as the last dimension:
// [n, h, w, c].
func (b Builder) ToPlainLast(name string, x *graph.Value, c int) *graph.Value {
	last := graph.Attribute{Name: "channels_last", Value: int64(1)}
	return b.reorder("ReorderOutput", name, x, append([]graph.Attribute{last}, b.channels(x, c)...)...)
}

// ConvOptions are the optional parts of a convolution in the blocked layout.
type ConvOptions struct {
	Bias *graph.Value // [m], or nil
	// Sum, if not nil, is blocked and added to the result.
	Sum *graph.Value
	// Groups is the number of groups of channels, each convolved by itself; 0
	// means 1.
	Groups int
}

// BlockedConv appends a convolution with a blocked result. x is blocked, or plain
// if its groups have fewer channels than a block. The weight has its output
// channels in blocks, and its input channels too if x is blocked: see BlockWeight.
func (b Builder) BlockedConv(name string, x, weight *graph.Value, w op.Window, o ConvOptions) *graph.Value {
	attributes := w.Attributes()
	if o.Groups > 1 {
		attributes = append(attributes, graph.Attribute{Name: "group", Value: int64(o.Groups)})
	}
	return b.blocked("Conv", name, []*graph.Value{x, weight, o.Bias, o.Sum}, attributes...)
}

// BlockedPool appends "AveragePool" or "GlobalAveragePool" of a blocked x, with
// a blocked result. AveragePool has the attributes of a window, and whether pads count.
func (b Builder) BlockedPool(pool, name string, x *graph.Value, attributes ...graph.Attribute) *graph.Value {
	return b.blocked(pool, name, []*graph.Value{x}, attributes...)
}

// BlockedUpsample appends a blocked x with every element repeated kh x kw
// times.
func (b Builder) BlockedUpsample(name string, x *graph.Value, kh, kw int) *graph.Value {
	return b.blocked("Upsample", name, []*graph.Value{x},
		graph.Attribute{Name: "scales", Value: []int64{1, 1, int64(kh), int64(kw)}}, graph.Attribute{Name: "mode", Value: "nearest"})
}

// BlockWeight appends the weight [m, c, kh, kw] in the layout that BlockedConv
// takes: [m/block, c/block, kh, kw, block of c, block of m], or, for a plain
// input with fewer channels than a block, [m/block, c, kh, kw, block of m].
func (b Builder) BlockWeight(name string, weight *graph.Value) *graph.Value {
	w := weight.Shape.Sizes()
	if w[1] < b.Block {
		cut := b.View(name+".cut", weight, w[0]/b.Block, b.Block, w[1], w[2], w[3])
		return b.View(name, b.Transpose(name+".turned", cut, 0, 2, 3, 4, 1), w...)
	}
	cut := b.View(name+".cut", weight, w[0]/b.Block, b.Block, w[1]/b.Block, b.Block, w[2], w[3])
	return b.View(name, b.Transpose(name+".turned", cut, 0, 2, 4, 5, 3, 1), w...)
}

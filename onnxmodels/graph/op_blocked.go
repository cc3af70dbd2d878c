package graph

// Blocked is the domain of ONNX Runtime's operators on the blocked layout of
// its CPU kernels, [n, c/block, h, w, block], of which shapes still say
// [n, c, h, w].
const Blocked = "com.microsoft.nchwc"

// Block appends x [n, c, h, w] in the blocked layout; c is a multiple of the
// block.
func (g *Graph) Block(name string, x *Value) *Value {
	return g.node(Blocked, "ReorderInput", name, []*Value{x}, nil, like(".out", x))[0]
}

// Unblock appends the blocked x in the plain layout.
func (g *Graph) Unblock(name string, x *Value) *Value {
	return g.node(Blocked, "ReorderOutput", name, []*Value{x},
		[]Attribute{{"channels", x.Shape[1].Size}}, like(".out", x))[0]
}

// UnblockLast appends the blocked x [n, c, h, w] with its channels last:
// [n, h, w, c].
func (g *Graph) UnblockLast(name string, x *Value) *Value {
	last := Shape{x.Shape[0], x.Shape[2], x.Shape[3], x.Shape[1]}
	return g.node(Blocked, "ReorderOutput", name, []*Value{x},
		[]Attribute{{"channels", x.Shape[1].Size}, {"channels_last", int64(1)}}, typed{".out", x.Elem, last})[0]
}

// BlockedConvOptions are what a convolution in the blocked layout can have.
type BlockedConvOptions struct {
	Bias *Value // [m], or nil
	// Sum, if not nil, is blocked and added to the result.
	Sum *Value
	// Groups is into how many parts the channels are cut, each convolved by
	// itself; 0 means 1.
	Groups int
}

// BlockedConv appends a convolution of a blocked x, or of a plain one if its
// groups have fewer channels than a block, with a blocked result. The weight
// has its output channels, and with a blocked x its input channels, in blocks:
// see BlockWeight.
func (g *Graph) BlockedConv(name string, x, weight *Value, window Window, o BlockedConvOptions) *Value {
	inputs := []*Value{x, weight, o.Bias, o.Sum}
	for inputs[len(inputs)-1] == nil {
		inputs = inputs[:len(inputs)-1]
	}
	attributes := window.attributes()
	if o.Groups > 1 {
		attributes = append(attributes, Attribute{"group", int64(o.Groups)})
	}
	shape := g.slide("Conv", name, x, weight.Shape[0], window)
	return g.node(Blocked, "Conv", name, inputs, attributes, typed{".out", Float, shape})[0]
}

// BlockedPool appends "AveragePool" or "GlobalAveragePool" of a blocked x, with
// a blocked result. GlobalAveragePool has no window.
func (g *Graph) BlockedPool(op, name string, x *Value, window Window) *Value {
	if op == "GlobalAveragePool" {
		shape := Shape{x.Shape[0], x.Shape[1], Fixed(1), Fixed(1)}
		return g.node(Blocked, op, name, []*Value{x}, nil, typed{".out", Float, shape})[0]
	}
	shape := g.slide(op, name, x, x.Shape[1], window)
	return g.node(Blocked, op, name, []*Value{x}, window.attributes(), typed{".out", Float, shape})[0]
}

// BlockedUpsample appends a blocked x with every element repeated kh x kw
// times.
func (g *Graph) BlockedUpsample(name string, x *Value, kh, kw int) *Value {
	s := x.fixed(2)
	shape := Shape{x.Shape[0], x.Shape[1], Fixed(s[0] * kh), Fixed(s[1] * kw)}
	return g.node(Blocked, "Upsample", name, []*Value{x},
		[]Attribute{{"scales", []int64{1, 1, int64(kh), int64(kw)}}, {"mode", "nearest"}}, typed{".out", Float, shape})[0]
}

// FuseReLU makes a blocked convolution apply a ReLU to its result.
func (n *Node) FuseReLU() {
	n.Attributes = append(n.Attributes, Attribute{"activation", "Relu"})
}

// BlockWeight appends the weight [m, c, kh, kw] as BlockedConv takes it: in the
// order [m/block, c/block, kh, kw, block of c, block of m], or, for a plain
// input of fewer than block channels, [m/block, c, kh, kw, block of m].
func (g *Graph) BlockWeight(name string, weight *Value, block int) *Value {
	w := weight.fixed(0)
	if w[1] < block {
		cut := g.View(name+".cut", weight, w[0]/block, block, w[1], w[2], w[3])
		return g.View(name, g.Transpose(name+".turned", cut, 0, 2, 3, 4, 1), w...)
	}
	cut := g.View(name+".cut", weight, w[0]/block, block, w[1]/block, block, w[2], w[3])
	return g.View(name, g.Transpose(name+".turned", cut, 0, 2, 4, 5, 3, 1), w...)
}

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

// BlockedConvOptions are what a convolution in the blocked layout can have.
type BlockedConvOptions struct {
	Bias *Value // [m], or nil
	// Groups is into how many parts the channels are cut, each convolved by
	// itself; 0 means 1.
	Groups int
}

// BlockedConv appends a convolution of a blocked x, or of a plain one if its
// groups have fewer channels than a block, with a blocked result. The weight
// has its output channels, and with a blocked x its input channels, in blocks:
// see BlockWeight.
func (g *Graph) BlockedConv(name string, x, weight *Value, window Window, o BlockedConvOptions) *Value {
	inputs := []*Value{x, weight}
	if o.Bias != nil {
		inputs = append(inputs, o.Bias)
	}
	attributes := window.attributes()
	if o.Groups > 1 {
		attributes = append(attributes, Attribute{"group", int64(o.Groups)})
	}
	shape := g.slide("Conv", name, x, weight.Shape[0], window)
	return g.node(Blocked, "Conv", name, inputs, attributes, typed{".out", Float, shape})[0]
}

// BlockWeight appends the weight [m, c, kh, kw] as BlockedConv takes it: in the
// order [m/block, c/block, kh, kw, block of c, block of m].
func (g *Graph) BlockWeight(name string, weight *Value, block int) *Value {
	w := weight.fixed(0)
	cut := g.View(name+".cut", weight, w[0]/block, block, w[1]/block, block, w[2], w[3])
	return g.View(name, g.Transpose(name+".turned", cut, 0, 2, 4, 5, 3, 1), w...)
}

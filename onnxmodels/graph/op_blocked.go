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

// BlockedConv appends a convolution of a blocked x, with a blocked result. The
// weight has its input and output channels in blocks of the given size: see
// BlockWeight.
func (g *Graph) BlockedConv(name string, x, weight, bias *Value, window Window) *Value {
	inputs := []*Value{x, weight}
	if bias != nil {
		inputs = append(inputs, bias)
	}
	shape := g.slide("Conv", name, x, weight.Shape[0], window)
	return g.node(Blocked, "Conv", name, inputs, window.attributes(), typed{".out", Float, shape})[0]
}

// BlockWeight appends the weight [m, c, kh, kw] as BlockedConv takes it: in the
// order [m/block, c/block, kh, kw, block of c, block of m].
func (g *Graph) BlockWeight(name string, weight *Value, block int) *Value {
	w := weight.fixed(0)
	parts := []int{w[0] / block, block, w[1] / block, block, w[2], w[3]}
	sizes := make([]int64, len(parts))
	for i, n := range parts {
		sizes[i] = int64(n)
	}
	cut := g.Reshape(name+".cut", weight, g.Ints(name+".cut_sizes", sizes...), Static(parts...))
	turned := g.Transpose(name+".turned", cut, 0, 2, 4, 5, 3, 1)
	back := make([]int64, len(w))
	for i, n := range w {
		back[i] = int64(n)
	}
	return g.Reshape(name, turned, g.Ints(name+".sizes", back...), weight.Shape)
}

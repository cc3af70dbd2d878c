package rewrite

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// nativeFits tells whether a convolution of images can be onnxlab's own
// operator: they are of whole blocks of channels, or few.
func nativeFits(x, weight *graph.Value, window graph.Window, block int) bool {
	images := fitsBlocks(x, block) || isFew(x, block)
	return images && size(weight, 0)%block == 0 && window == graph.Same(3, 1, size(x, 2), size(x, 3))
}

// isFew tells whether images have fewer channels than a block, which the
// operators take in the plain layout.
func isFew(x *graph.Value, block int) bool {
	return x.Elem == graph.Float && len(x.Shape) == 4 && x.Shape[1].Symbol == "" && size(x, 1) < block
}

// blocked returns images as the operators take them.
func blocked(g *graph.Graph, name string, x *graph.Value, block int) *graph.Value {
	if isFew(x, block) {
		return x
	}
	return g.Block(name, x)
}

// nativeConv makes convolutions and their gradients such operators.
func nativeConv(g *graph.Graph, block int) {
	each(g, "ConvGrad", func(n *graph.Node) {
		c := &convGrad{g, block, n.Name, graph.WindowOf(n), n.Inputs[0], n.Inputs[1], n.Inputs[2]}
		if nativeFits(c.x, c.weight, c.window, block) && (n.Outputs[0] == nil || !isFew(c.x, block)) {
			g.Substitute(n, func() []*graph.Value { return c.native(n.Outputs) })
		}
	})
	each(g, "Conv", func(n *graph.Node) {
		x, weight := n.Inputs[0], n.Inputs[1]
		if n.Domain != "" || !nativeFits(x, weight, graph.WindowOf(n), block) {
			return
		}
		var o graph.NativeConvOptions
		if len(n.Inputs) > 2 {
			o.Bias = n.Inputs[2]
		}
		g.Substitute(n, func() []*graph.Value {
			y := g.NativeConv(n.Name+".native", blocked(g, n.Name+".in", x, block), weight, block, o)
			return []*graph.Value{g.Unblock(n.Name+".plain", y)}
		})
	})
}

// native returns what replaces the outputs of ConvGrad.
func (c *convGrad) native(outputs []*graph.Value) []*graph.Value {
	results := make([]*graph.Value, len(outputs))
	for i, out := range outputs {
		switch {
		case out == nil:
		case i == 0:
			dx := c.NativeConv(c.name+".dx", c.Block(c.name+".dy", c.dy), c.weight, c.block, graph.NativeConvOptions{Turned: true})
			results[i] = c.Unblock(c.name+".dx_plain", dx)
		case i == 1:
			results[i] = c.NativeConvWeightGrad(c.name+".dw", blocked(c.Graph, c.name+".x", c.x, c.block),
				c.Block(c.name+".dw_dy", c.dy), c.block)
		default:
			results[i] = c.biasGradient()
		}
	}
	return results
}

// nativeNorm makes batch normalisations with the ReLUs that alone use them one
// operator, and their gradients too.
func nativeNorm(g *graph.Graph, block int) {
	n := &norms{g, block}
	each(g, "BatchNormalizationGrad", n.backward)
	each(g, "BatchNormInternal", n.forward)
}

type norms struct {
	*graph.Graph
	block int
}

// relu returns the ReLU that alone uses the result of a normalisation, or nil.
func (g *norms) relu(norm *graph.Node) *graph.Node {
	y := norm.Outputs[0]
	if g.Uses(y) != 1 {
		return nil
	}
	i := slices.IndexFunc(g.Nodes, func(n *graph.Node) bool { return n.Op == "Relu" && n.Inputs[0] == y })
	if i < 0 {
		return nil
	}
	return g.Nodes[i]
}

func (g *norms) forward(n *graph.Node) {
	x := n.Inputs[0]
	if !fitsBlocks(x, g.block) {
		return
	}
	relu := g.relu(n)
	computed := g.variance(n.Outputs[4], n.Float("epsilon", 1e-5))
	var variance *graph.Value
	g.Substitute(n, func() []*graph.Value {
		var out graph.BatchNorm
		out, variance = g.NativeNorm(n.Name+".native", g.Block(n.Name+".in", x), n.Inputs[1], n.Inputs[2],
			n.Float("epsilon", 1e-5), g.block, graph.NativeNormOptions{ReLU: relu != nil})
		return []*graph.Value{g.Unblock(n.Name+".plain", out.Y), nil, nil, out.Mean, out.InverseDeviation}
	})
	if computed != nil {
		g.Replace(computed, variance)
	}
	if relu != nil {
		g.Substitute(relu, func() []*graph.Value { return relu.Inputs })
	}
}

// variance returns the variance as package onnxmodels computes it from
// 1/√(variance + epsilon), or nil.
func (g *norms) variance(inverse *graph.Value, epsilon float32) *graph.Value {
	v := inverse
	for _, op := range []string{"Mul", "Reciprocal", "Sub", "Max"} {
		i := slices.IndexFunc(g.Nodes, func(n *graph.Node) bool {
			if n.Op != op || n.Inputs[0] != v {
				return false
			}
			switch op {
			case "Mul":
				return n.Inputs[1] == v
			case "Sub":
				return slices.Equal(n.Inputs[1].Floats(), []float32{epsilon})
			case "Max":
				return slices.Equal(n.Inputs[1].Floats(), []float32{0})
			}
			return true
		})
		if i < 0 {
			return nil
		}
		v = g.Nodes[i].Outputs[0]
	}
	return v
}

func (g *norms) backward(n *graph.Node) {
	dy, x, norm := n.Inputs[0], n.Inputs[1], n.Inputs[3].Producer()
	if !fitsBlocks(x, g.block) || norm == nil || norm.Op != "BatchNormInternal" {
		return
	}
	relu := g.relu(norm)
	if relu != nil {
		mask := dy.Producer()
		if mask == nil || mask.Op != "ReluGrad" || mask.Inputs[1] != relu.Outputs[0] {
			return
		}
		dy = mask.Inputs[0]
	}
	g.Substitute(n, func() []*graph.Value {
		dx, dscale, dbias := g.NativeNormGrad(n.Name+".native", g.Block(n.Name+".in", dy), g.Block(n.Name+".x", x),
			n.Inputs[2], norm.Inputs[2], n.Inputs[3], n.Inputs[4], 1, g.block, graph.NativeNormOptions{ReLU: relu != nil})
		return []*graph.Value{g.Unblock(n.Name+".plain", dx), dscale, dbias}
	})
}

// fuseNative lets native operators do what comes before or after them, so that it
// is never in memory: convolutions read bytes as images, compute the result of a
// normalisation that they alone read, and the moments that one needs;
// normalisations average the windows of a pool that tile the images, and their
// gradients spread those of it.
func fuseNative(g *graph.Graph, block int) {
	n := &norms{g, block}
	for _, node := range slices.Clone(g.Nodes) {
		switch {
		case node.Domain != graph.Native:
		case node.Op == "BatchNorm":
			n.fuseForward(node)
		case node.Op == "BatchNormGrad":
			n.fuseBackward(node)
		default:
			if image, scale := imageOf(node.Inputs[0]); image != nil {
				node.FuseImage(image, scale)
			}
		}
	}
	each(g, "BatchNorm", func(norm *graph.Node) {
		if conv := norm.Inputs[0].Producer(); isNative(conv, "Conv") && conv.Int("turned", 0) == 0 {
			g.FuseMoments(conv, norm)
		}
	})
	g.Prune()
}

func isNative(n *graph.Node, op string) bool {
	return n != nil && n.Domain == graph.Native && n.Op == op
}

// imageOf returns the bytes [n, h, w, c] of which x is the planar form, and by how
// much x is larger, or nil.
func imageOf(x *graph.Value) (*graph.Value, float32) {
	var from [3]*graph.Node
	for i, op := range []string{"Mul", "Cast", "Transpose"} {
		if from[i] = x.Producer(); from[i] == nil || from[i].Op != op {
			return nil, 0
		}
		x = from[i].Inputs[0]
	}
	scale := from[0].Inputs[1].Floats()
	if len(scale) != 1 || x.Elem != graph.Uint8 || !slices.Equal(from[2].Ints("perm"), []int64{0, 3, 1, 2}) {
		return nil, 0
	}
	return x, scale[0]
}

func (g *norms) fuseForward(n *graph.Node) {
	y := n.Outputs[0]
	var users []*graph.Node
	reads := true
	for _, user := range g.Nodes {
		if slices.Contains(user.Inputs, y) {
			users = append(users, user)
			reads = reads && user.Domain == graph.Native && slices.Contains([]string{"Conv", "ConvWeightGrad"}, user.Op) && user.Inputs[0] == y
		}
	}
	switch {
	case len(users) == 0 || g.Uses(y) != len(users):
	case reads:
		for _, user := range users {
			user.FuseNorm(n)
		}
		n.Outputs[0] = nil
	case len(users) == 1:
		pool := tiling(users[0], y)
		if pool == 0 {
			return
		}
		var pooled *graph.Value
		g.Substitute(n, func() []*graph.Value {
			out, variance := g.NativeNorm(n.Name, n.Inputs[0], n.Inputs[1], n.Inputs[2],
				n.Float("epsilon", 1e-5), g.block, graph.NativeNormOptions{ReLU: n.Int("relu", 0) != 0, Pool: pool})
			pooled = out.Y
			return []*graph.Value{nil, out.Mean, out.InverseDeviation, variance}
		})
		g.Replace(users[0].Outputs[0], pooled)
	}
}

// tiling returns the height and width of the windows if the node is an average pool
// of the images y and they tile these, or 0.
func tiling(n *graph.Node, y *graph.Value) int {
	if n.Domain != graph.Blocked || n.Inputs[0] != y {
		return 0
	}
	height, width := size(y, 2), size(y, 3)
	switch w := graph.WindowOf(n); {
	case n.Op == "GlobalAveragePool" && height == width:
		return height
	case n.Op == "AveragePool" && w == graph.Valid(w.Kernel[0], w.Kernel[0]) && height%w.Kernel[0] == 0 && width%w.Kernel[0] == 0:
		return w.Kernel[0]
	}
	return 0
}

func (g *norms) fuseBackward(n *graph.Node) {
	spread, x := n.Inputs[0].Producer(), n.Inputs[1]
	if spread == nil || spread.Domain != graph.Blocked || spread.Op != "Upsample" {
		return
	}
	dy := spread.Inputs[0]
	pool, share := size(x, 2)/size(dy, 2), float32(1)
	if size(x, 3)/size(dy, 3) != pool {
		return
	}
	if scaled := dy.Producer(); scaled != nil && scaled.Op == "Mul" && len(scaled.Inputs[1].Floats()) == 1 {
		dy, share = scaled.Inputs[0], scaled.Inputs[1].Floats()[0]
	}
	g.Substitute(n, func() []*graph.Value {
		dx, dscale, dbias := g.NativeNormGrad(n.Name, dy, x, n.Inputs[2], n.Inputs[3], n.Inputs[4], n.Inputs[5],
			share, g.block, graph.NativeNormOptions{ReLU: n.Int("relu", 0) != 0, Pool: pool})
		return []*graph.Value{dx, dscale, dbias}
	})
}

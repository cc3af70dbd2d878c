package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// DepthToSpace and SpaceToDepth move elements between channels and pixels. They become a
// Transpose between two Reshapes, which has kernels for every type, and gradients.
var _ = RegisterVariants(
	blockVariant("DepthToSpace", 0, 10, Builder.depthToSpace, "blocksize", Required{int64(0)}),
	blockVariant("DepthToSpace", 11, 0, Builder.depthToSpace, "blocksize", Required{int64(0)}, "mode", "DCR"),
	blockVariant("SpaceToDepth", 0, 27, Builder.spaceToDepth, "blocksize", Required{int64(0)}),
	blockVariant("SpaceToDepth", 28, 0, Builder.spaceToDepth, "blocksize", Required{int64(0)}, "mode", "DCR"),
)

type blockBuild func(b Builder, name string, x *graph.Value, size int, depthLast bool) (*graph.Value, error)

// blockVariant declares an operator that moves elements between channels and blocks of pixels.
// In the mode DCR the channels are in the order row, column, depth (depthLast is false); in CRD,
// depth, row, column.
func blockVariant(name string, from, until int, build blockBuild, fields ...any) *Variant {
	return &Variant{
		Schema: graph.Schema{Op: name, Takes: Takes("input"), Gives: Gives("output"), Fields: Fields(fields...)},
		From:   from, Until: until,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x, size, mode := n.In("input"), n.Int("blocksize"), n.Text("mode")
			switch {
			case len(x.Shape) != 4:
				return nil, fmt.Errorf("input %s, want images [n, c, h, w]", x)
			case size < 1 || size > maxWindow:
				return nil, fmt.Errorf("attribute \"blocksize\": %d is outside 1..%d", size, maxWindow)
			case mode != "" && mode != "DCR" && mode != "CRD":
				return nil, fmt.Errorf("attribute \"mode\" is %q, want DCR or CRD", mode)
			}
			if err := wantFixed(x, 1); err != nil {
				return nil, err
			}
			y, err := build(b, n.Name, x, int(size), mode == "CRD")
			return []*graph.Value{y}, err
		},
	}
}

// depthToSpace appends x with the channels of each pixel moved to a block of pixels.
func (b Builder) depthToSpace(name string, x *graph.Value, size int, depthLast bool) (*graph.Value, error) {
	c, h, w := x.Size(1), x.Size(2), x.Size(3)
	if c%(size*size) != 0 {
		return nil, fmt.Errorf("the channels of input %s cannot be cut into blocks of %dx%d", x, size, size)
	}
	depth := c / (size * size)
	parts, order := []int{size, size, depth, h, w}, []int{0, 3, 4, 1, 5, 2}
	if depthLast {
		parts, order = []int{depth, size, size, h, w}, []int{0, 1, 4, 2, 5, 3}
	}
	return b.rearranged(name, x, parts, order, []int{depth, h * size, w * size}), b.Err()
}

// spaceToDepth appends x with each block of pixels moved to the channels of one pixel.
func (b Builder) spaceToDepth(name string, x *graph.Value, size int, depthLast bool) (*graph.Value, error) {
	c, h, w := x.Size(1), x.Size(2), x.Size(3)
	if h%size != 0 || w%size != 0 {
		return nil, fmt.Errorf("input %s cannot be cut into blocks of %dx%d", x, size, size)
	}
	order := []int{0, 3, 5, 1, 2, 4}
	if depthLast {
		order = []int{0, 1, 3, 5, 2, 4}
	}
	return b.rearranged(name, x, []int{c, h / size, size, w / size, size}, order, []int{c * size * size, h / size, w / size}), b.Err()
}

// rearranged splits the dimensions after the first into parts, transposes them into the
// order, and joins them to the sizes.
func (b Builder) rearranged(name string, x *graph.Value, parts, order, sizes []int) *graph.Value {
	lead := x.Shape[:1:1]
	y := b.Transpose(name+".moved", b.Shaped(name+".parts", x, append(lead, graph.Static(parts...)...)), order...)
	if b.Err() != nil {
		return y
	}
	return b.Shaped(name, y, append(lead, graph.Static(sizes...)...))
}

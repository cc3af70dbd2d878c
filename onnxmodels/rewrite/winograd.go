package rewrite

import (
	"fmt"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Winograd's minimal filtering F(4x4, 3x3) computes a tile of 4x4 results of a
// convolution of 3x3 out of the 6x6 pixels that it reaches with 36 products
// instead of 144 (Lavin and Gray 2016, https://arxiv.org/abs/1509.09308). With ⊙
// for products of equal places,
//
//	y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A
//
// where the matrices evaluate polynomials at 0, ±3/4, ±3/2 and infinity, points
// that keep its rounding within twice that of the direct convolution.
const (
	tile  = 4 // results along each side of a tile
	reach = 6 // pixels along each side that they depend on
)

// The matrices Aᵀ [4, 6], G [6, 3] and Bᵀ [6, 6].
var (
	winogradA = [][]float64{
		{1, 1, 1, 1, 1, 0},
		{0, 3. / 4, -3. / 4, 3. / 2, -3. / 2, 0},
		{0, 9. / 16, 9. / 16, 9. / 4, 9. / 4, 0},
		{0, 27. / 64, -27. / 64, 27. / 8, -27. / 8, 1},
	}
	winogradG = [][]float64{
		{64. / 81, 0, 0},
		{-128. / 243, -32. / 81, -8. / 27},
		{-128. / 243, 32. / 81, -8. / 27},
		{32. / 243, 16. / 81, 8. / 27},
		{32. / 243, -16. / 81, 8. / 27},
		{0, 0, 1},
	}
	winogradB = [][]float64{
		{81. / 64, 0, -45. / 16, 0, 1, 0},
		{0, -27. / 16, -9. / 4, 3. / 4, 1, 0},
		{0, 27. / 16, -9. / 4, -3. / 4, 1, 0},
		{0, -27. / 32, -9. / 16, 3. / 2, 1, 0},
		{0, 27. / 32, -9. / 16, -3. / 2, 1, 0},
		{0, 81. / 64, 0, -45. / 16, 0, 1},
	}
)

// winograd builds convolutions of 3x3 in the blocked layout. Pixels are rows of
// a block of channels, which Gather brings into the order of tiles; a product
// with a matrix transforms them, and the products of places are convolutions of
// 1x1, one for each place: its groups.
type winograd struct {
	*graph.Graph
	block int
}

// fits tells whether a convolution of images, or its gradients, can be built
// so, and gains: with few channels, the transforms cost more than the products
// saved, and copies of many images need memory that large batches have not.
// bench/step found the limits.
func (w *winograd) fits(x, weight *graph.Value, window graph.Window) bool {
	const (
		least = 32       // half the harmonic mean of the channels
		most  = 64 << 20 // bytes of the images, before or after
	)
	if w.block == 0 || !fitsBlocks(x, w.block) || x.Shape[0].Symbol != "" ||
		size(weight, 0)%w.block != 0 || window != graph.Same(3, 1, size(x, 2), size(x, 3)) {
		return false
	}
	inputs, outputs := size(x, 1), size(weight, 0)
	t := w.tiling(x, size(x, 0)/w.parts(x, outputs))
	return t.height%tile == 0 && t.width%tile == 0 && t.tiles()%w.block == 0 &&
		inputs*outputs >= least*(inputs+outputs) &&
		4*size(x, 0)*max(inputs, outputs)*t.height*t.width < most
}

// parts are into how many equal parts the images are cut, which are done one
// after the other for their tiles, larger than they, to fit the cache and to need
// little memory: the number that comes nearest.
func (w *winograd) parts(x *graph.Value, outputs int) int {
	const wanted = 4 << 20 // bytes of a part, by bench/step
	images, best, nearest := size(x, 0), 1, math.Inf(1)
	pixels := images * size(x, 2) * size(x, 3)
	bytes := 4 * reach * reach * pixels / (tile * tile) * max(size(x, 1), outputs)
	for n := 1; n <= images; n++ {
		if far := math.Abs(math.Log(float64(bytes) / float64(n*wanted))); images%n == 0 && far < nearest {
			best, nearest = n, far
		}
	}
	return best
}

// convolution is that of a blocked x [n, c, h, w] with the plain weight
// [m, c, 3, 3], plus the bias [m], which may be nil. With `turned`, it is that
// with the weight [c, m, 3, 3] turned by 180 degrees and its channels exchanged:
// the gradient by the input of a convolution, from that by its result.
func (w *winograd) convolution(name string, x, weight, bias *graph.Value, turned bool) *graph.Value {
	o := graph.BlockedConvOptions{Groups: reach * reach}
	if bias != nil {
		o.Bias = w.bias(name+".bias", bias)
	}
	outputs := size(weight, 0)
	if turned {
		outputs = size(weight, 1)
	}
	weights := w.weights(name+".weight", weight, turned)
	var parts []*graph.Value
	for _, x := range w.cut(name+".parts", x, w.parts(x, outputs)) {
		t := w.tiling(x, size(x, 0))
		v := w.transform(name+".reach", "B", winogradB, w.gather(name+".reach", x, t, reach, false))
		v = w.View(name+".reach_images", v, t.groups, reach*reach*t.channels, t.tiles(), 1)
		m := w.BlockedConv(name+".products", v, weights, graph.Valid(1, 1), o)
		y := w.transform(name+".tiles", "A", winogradA, w.View(name+".products_list", m, t.groups, reach*reach, outputs*t.tiles()))

		t.channels = outputs
		y = w.View(name+".tile_rows", y, t.groups, t.rows(), w.block)
		y = w.Gather(name+".rows", y, w.indices(t, "back", func() []int64 { return inverse(t.order(tile, false)) }), 1)
		parts = append(parts, w.View(name, y, size(x, 0), outputs, t.height, t.width))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return w.Concat(name+".joined", parts, 0, x.Shape[0])
}

// cut returns the n equal parts of the images.
func (w *winograd) cut(name string, x *graph.Value, n int) []*graph.Value {
	if n == 1 {
		return []*graph.Value{x}
	}
	return w.Split(name, x, n, "")
}

// weights are those of the convolutions of 1x1 of all places, in blocks.
func (w *winograd) weights(name string, weight *graph.Value, turned bool) *graph.Value {
	outputs, inputs := size(weight, 0), size(weight, 1)
	cut := w.View(name+".cut", weight, outputs/w.block, w.block, inputs/w.block, w.block, 3, 3)
	order, matrix, g := []int{4, 5, 0, 2, 3, 1}, "G", winogradG
	if turned {
		order, matrix, g = []int{4, 5, 2, 0, 1, 3}, "G_turned", turnedColumns(winogradG)
		outputs, inputs = inputs, outputs
	}
	places := w.View(name+".places", w.Transpose(name+".blocked", cut, order...), 3*3, outputs*inputs)
	return w.View(name, w.transform(name, matrix, g, places), reach*reach*outputs, inputs, 1, 1)
}

// bias is what added to the products of all places adds the bias to a tile: it
// times u uᵀ for a u with Aᵀ u = 1.
func (w *winograd) bias(name string, bias *graph.Value) *graph.Value {
	share := w.shared("winograd.ones", func(name string) *graph.Value {
		u := [][]float64{{-7. / 9}, {14. / 9}, {2. / 9}, {0}, {0}, {7. / 16}}
		return w.Floats(name, []int{reach * reach, 1}, kronecker(u))
	})
	return w.View(name, w.Binary("Mul", name+".shares", share, bias), reach*reach*size(bias, 0))
}

// weightGradient is the gradient by the weight [m, c, 3, 3] of a convolution of
// the blocked x [n, c, h, w], dy being that by its blocked result:
//
//	dw = Gᵀ [Σ (Bᵀ x B) ⊙ (A dy Aᵀ)] G
//
// over all tiles, which are the input channels of the convolutions of 1x1, with
// dy in the order of their weights and the channels of x as pixels.
func (w *winograd) weightGradient(name string, x, dy *graph.Value) *graph.Value {
	inputs, outputs := size(x, 1), size(dy, 1)
	n := w.parts(x, outputs)
	dys := w.cut(name+".dy_parts", dy, n)
	var parts []*graph.Value
	for i, x := range w.cut(name+".x_parts", x, n) {
		t := w.tiling(x, size(x, 0))
		places := t.groups * reach * reach
		v := w.transform(name+".reach", "B", winogradB, w.gather(name+".reach", x, t, reach, true))
		v = w.Block(name+".reach_blocked", w.View(name+".reach_images", v, places, t.tiles(), inputs, 1))
		v = w.View(name+".reach_groups", v, 1, places*t.tiles(), inputs, 1)

		t.channels = outputs
		e := w.transform(name+".tiles", "A_transposed", transposed(winogradA), w.gather(name+".tiles", dys[i], t, tile, false))
		e = w.View(name+".tiles_weight", e, places*outputs, t.tiles(), 1, 1)
		p := w.BlockedConv(name+".products", v, e, graph.Valid(1, 1), graph.BlockedConvOptions{Groups: places})
		p = w.View(name+".products_list", p, t.groups, reach*reach, outputs*inputs)
		if t.groups > 1 {
			p = w.ReduceSum(name+".sum", p, false, 0)
		}
		parts = append(parts, w.View(name+".part", p, reach*reach, outputs*inputs))
	}
	sum := parts[0]
	if n > 1 {
		sum = w.Sum(name+".parts_sum", parts...)
	}
	sum = w.transform(name+".sum", "G_transposed", transposed(winogradG), sum)
	sum = w.View(name+".places", sum, 3, 3, outputs/w.block, inputs, w.block)
	return w.View(name, w.Transpose(name+".plain", sum, 2, 4, 3, 0, 1), outputs, inputs, 3, 3)
}

// gather returns the squares of side x side pixels at the tiles of the blocked
// x, zero where they reach over its edges: [groups, side², channels·tiles], the
// channels in blocks or, with channelsLast, together for each tile.
func (w *winograd) gather(name string, x *graph.Value, t tiling, side int, channelsLast bool) *graph.Value {
	rows := w.View(name+"_rows", x, t.groups, t.rows(), w.block)
	if side > tile {
		zero := w.Floats(name+"_zero", []int{t.groups, 1, w.block}, make([]float32, t.groups*w.block))
		rows = w.Concat(name+"_padded", []*graph.Value{rows, zero}, 1, graph.Fixed(t.rows()+1))
	}
	kind := fmt.Sprintf("of%d", side)
	if channelsLast {
		kind += "_channels_last"
	}
	rows = w.Gather(name+"_gathered", rows, w.indices(t, kind, func() []int64 { return t.order(side, channelsLast) }), 1)
	return w.View(name+"_list", rows, t.groups, side*side, t.channels*t.tiles())
}

// transform is the transform of the places of a square, the next to last
// dimension of v, by the matrix along both sides.
func (w *winograd) transform(name, matrix string, m [][]float64, v *graph.Value) *graph.Value {
	both := w.shared("winograd."+matrix, func(name string) *graph.Value {
		return w.Floats(name, []int{len(m) * len(m), len(m[0]) * len(m[0])}, kronecker(m))
	})
	return w.MatMul(name+"_transformed", both, v)
}

// indices are the rows in an order, of which graphs need few.
func (w *winograd) indices(t tiling, kind string, order func() []int64) *graph.Value {
	name := fmt.Sprintf("winograd.%s_%dx%dx%dx%d", kind, t.together, t.channels, t.height, t.width)
	return w.shared(name, func(name string) *graph.Value {
		rows := order()
		return w.IntTensor(name, []int{len(rows)}, rows)
	})
}

// shared returns the graph's constant of the name, which build makes once.
func (w *winograd) shared(name string, build func(name string) *graph.Value) *graph.Value {
	for _, v := range w.Constants {
		if v.Name == name {
			return v
		}
	}
	return build(name)
}

// tiling is how images are cut into tiles, in groups of a few images.
type tiling struct {
	groups, together               int // images are groups · together
	channels, height, width, block int // block is how many channels make one
}

// tiling takes some of the images x together as long as their tiles, which are
// the pixels of a convolution of 1x1, are few enough for the cache.
func (w *winograd) tiling(x *graph.Value, images int) tiling {
	const most = 512
	t := tiling{images, 1, size(x, 1), size(x, 2), size(x, 3), w.block}
	for n := 2; n <= images && n*t.height*t.width <= most*tile*tile; n++ {
		if images%n == 0 {
			t.groups, t.together = images/n, n
		}
	}
	return t
}

// tiles are how many a group has.
func (t tiling) tiles() int { return t.together * t.height * t.width / (tile * tile) }

// rows are how many a group has, each the block of channels of one pixel.
func (t tiling) rows() int { return t.together * t.channels / t.block * t.height * t.width }

// order lists the rows of a group's squares, first by their place in a square;
// the row after the last stands for pixels over the edges.
func (t tiling) order(side int, channelsLast bool) []int64 {
	edge, blocks := (side-tile)/2, t.channels/t.block
	rows := make([]int64, 0, side*side*blocks*t.tiles())
	add := func(place, square, block int) {
		across := t.width / tile
		image, y, x := square/(t.height/tile*across), square/across%(t.height/tile)*tile, square%across*tile
		y, x = y+place/side-edge, x+place%side-edge
		if y < 0 || x < 0 || y >= t.height || x >= t.width {
			rows = append(rows, int64(t.rows()))
			return
		}
		rows = append(rows, int64(((image*blocks+block)*t.height+y)*t.width+x))
	}
	for place := range side * side {
		for i := range blocks * t.tiles() {
			if channelsLast {
				add(place, i/blocks, i%blocks)
			} else {
				add(place, i%t.tiles(), i/t.tiles())
			}
		}
	}
	return rows
}

// inverse returns the permutation that undoes another.
func inverse(order []int64) []int64 {
	back := make([]int64, len(order))
	for i, row := range order {
		back[row] = int64(i)
	}
	return back
}

// kronecker is the matrix that transforms a square, row by row, by m along both
// of its sides.
func kronecker(m [][]float64) []float32 {
	var both []float32
	for _, down := range m {
		for _, across := range m {
			for _, a := range down {
				for _, b := range across {
					both = append(both, float32(a*b))
				}
			}
		}
	}
	return both
}

func transposed(m [][]float64) [][]float64 {
	t := make([][]float64, len(m[0]))
	for i := range t {
		for _, row := range m {
			t[i] = append(t[i], row[i])
		}
	}
	return t
}

// turnedColumns is m with its columns in reverse.
func turnedColumns(m [][]float64) [][]float64 {
	turned := make([][]float64, len(m))
	for i, row := range m {
		turned[i] = slices.Clone(row)
		slices.Reverse(turned[i])
	}
	return turned
}

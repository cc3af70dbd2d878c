package op

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"onnxlab/onnxmodels/graph"
)

// evalConvTranspose multiplies the filters, as a matrix, by the image's channels, and adds the
// columns of the product to the positions of Y that they belong to ("col2im").
func evalConvTranspose(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x, weight := in[0], in[1]
	s, err := evalWindow(n, x, weight)
	if err != nil {
		return nil, err
	}
	g := int(n.Int("group"))
	if g < 1 || weight.Shape[0] != x.Shape[1] || x.Shape[1]%g != 0 {
		return nil, fmt.Errorf("weight %s in %d groups does not fit input %s", weight, g, x)
	}
	extra, err := sizesOf(n, "output_padding", len(s.Kernel), 0, 0)
	if err != nil {
		return nil, err
	}
	sizes, err := s.inputSizes(x.Shape[2:], extra)
	if err != nil {
		return nil, err
	}
	channels := weight.Shape[1] * g
	y, err := newTensor(x.Elem, slices.Concat([]int{x.Shape[0], channels}, sizes)...)
	if err != nil {
		return nil, err
	}
	bias, err := biasOf(in, x.Elem, channels)
	if err != nil {
		return nil, err
	}
	// The window slides over y, and its output has the size of x.
	over := groups{count: g, images: x.Shape[0], channels: weight.Shape[1], filters: x.Shape[1] / g, volume: newVolume(s, sizes, x.Shape[2:])}
	if n := over.depth() * over.out[2]; n > ElementLimit {
		return nil, fmt.Errorf("one row of patches has %d elements, more than %d", n, ElementLimit)
	}
	if x.Elem == graph.Double {
		err = transpose(over, x.Doubles, weight.Doubles, bias, y.Doubles, gonum.Implementation{}.Dgemm)
	} else {
		err = transpose(over, x.Floats, weight.Floats, bias, y.Floats, gonum.Implementation{}.Sgemm)
	}
	y.round()
	return []*Tensor{y}, err
}

func transpose[T float32 | float64](g groups, x, weight []T, bias []float64, y []T, mul gemm[T]) error {
	area, places, depth := g.area(), g.places(), g.depth()
	return parallel(g.images*g.count, func(i int) {
		group := i % g.count
		y := y[i*g.channels*area : (i+1)*g.channels*area]
		fill(y, bias, group*g.channels, g.channels)
		x := x[i*g.filters*places : (i+1)*g.filters*places]
		weight := weight[group*g.filters*depth : (group+1)*g.filters*depth]
		lines := g.out[0] * g.out[1]
		rows := max(1, min(lines, columnBytes/4/max(1, depth*g.out[2])))
		columns := make([]T, depth*rows*g.out[2])
		for row := 0; row < lines; row += rows {
			n := min(rows, lines-row) * g.out[2]
			mul(blas.Trans, blas.NoTrans, depth, n, g.filters, 1, weight, depth, x[row*g.out[2]:], places, 0, columns, n)
			putBack(&g, columns, row, min(row+rows, lines), y)
		}
	})
}

// putBack adds the columns to the elements of y that are under the kernel at the lines
// [from, to). It is the reverse of patches.
func putBack[T float32 | float64](g *groups, columns []T, from, to int, y []T) {
	area, width := g.area(), g.out[2]
	for k := range g.depth() {
		channel, kz, ky, kx := g.element(k)
		plane := y[channel*area : (channel+1)*area]
		start := g.start(2, 0, kx)
		first, last := within(start, width, g.strides[2], g.size[2])
		for line := from; line < to; line++ {
			row := columns[:width]
			columns = columns[width:]
			at, inside := g.rowOf(line, kz, ky)
			if !inside {
				continue
			}
			for i := first; i < last; i++ {
				plane[at+start+i*g.strides[2]] += row[i]
			}
		}
	}
}

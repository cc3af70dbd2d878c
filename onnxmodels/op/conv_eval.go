package op

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"onnxlab/onnxmodels/graph"
)

// columnBytes is roughly the size of the matrix of patches that is filled at once: small enough
// to stay in the second-level cache.
const columnBytes = 1 << 20

// evalConv computes Conv as a product of two matrices: the weight, and the patches under the
// kernel as columns ("im2col").
func evalConv(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x, weight := in[0], in[1]
	s, err := evalWindow(n, x, weight)
	if err != nil {
		return nil, err
	}
	g := int(n.Int("group"))
	filters := weight.Shape[0]
	if g < 1 || filters%g != 0 || weight.Shape[1]*g != x.Shape[1] {
		return nil, fmt.Errorf("weight %s in %d groups does not fit input %s", weight, g, x)
	}
	out, err := s.Output(x.Shape[2:])
	if err != nil {
		return nil, err
	}
	y, err := newTensor(x.Elem, slices.Concat([]int{x.Shape[0], filters}, out)...)
	if err != nil {
		return nil, err
	}
	bias, err := biasOf(in, x.Elem, filters)
	if err != nil {
		return nil, err
	}
	parts := groups{count: g, images: x.Shape[0], channels: weight.Shape[1], filters: filters / g, volume: newVolume(s, x.Shape[2:], out)}
	if n := parts.depth() * parts.out[2]; n > ElementLimit {
		return nil, fmt.Errorf("one row of patches has %d elements, more than %d", n, ElementLimit)
	}
	if x.Elem == graph.Double {
		err = convolve(parts, x.Doubles, weight.Doubles, bias, y.Doubles, gonum.Implementation{}.Dgemm, gonum.Implementation{}.Daxpy)
	} else {
		err = convolve(parts, x.Floats, weight.Floats, bias, y.Floats, gonum.Implementation{}.Sgemm, gonum.Implementation{}.Saxpy)
	}
	y.round()
	return []*Tensor{y}, err
}

// round rounds elements that were computed in float32 to the element type.
func (t *Tensor) round() {
	if t.Elem == graph.Float16 || t.Elem == graph.BFloat16 {
		for i, f := range t.Floats {
			t.Floats[i] = rounded(t.Elem, float64(f))
		}
	}
}

// evalWindow checks images and kernels and returns the window that slides over the images.
func evalWindow(n *graph.Node, x, weight *Tensor) (s Sliding, err error) {
	if err := x.wantImages(); err != nil {
		return s, err
	}
	if err := weight.want("weight", x.Elem, len(x.Shape)); err != nil {
		return s, err
	}
	if s, err = SlidingOf(n, len(x.Shape)-2); err != nil {
		return s, err
	}
	if s.Kernel == nil {
		s.Kernel = weight.Shape[2:]
	}
	if !slices.Equal(s.Kernel, weight.Shape[2:]) || weight.Len() == 0 {
		return s, fmt.Errorf("weight %s with kernel %v does not fit input %s", weight, s.Kernel, x)
	}
	return s, nil
}

// wantImages checks that t holds images [n, c, …] of floating-point numbers, with one to three
// dimensions each.
func (t *Tensor) wantImages() error {
	if !t.Elem.Floating() || len(t.Shape) < 3 || len(t.Shape) > 5 {
		return fmt.Errorf("input is %s, want images of floating-point numbers", t)
	}
	return nil
}

// biasOf returns the elements of the third input, one for each channel, or nil if there is none.
func biasOf(in []*Tensor, elem graph.Elem, channels int) ([]float64, error) {
	if len(in) < 3 || in[2] == nil {
		return nil, nil
	}
	if err := in[2].want("bias", elem, 1); err != nil {
		return nil, err
	}
	if in[2].Len() != channels {
		return nil, fmt.Errorf("bias is %s, want [%d]", in[2], channels)
	}
	list := make([]float64, channels)
	for i := range list {
		list[i] = in[2].At(i)
	}
	return list, nil
}

// groups describes a grouped convolution, whose channels are cut into count parts.
type groups struct {
	volume
	images, count     int
	channels, filters int // in one group
}

// depth returns the number of elements of a filter.
func (g *groups) depth() int { return g.channels * g.elements() }

// gemm and axpy are the signatures of gonum's matrix product and of y += alpha·x.
type (
	gemm[T float32 | float64] func(ta, tb blas.Transpose, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int)
	axpy[T float32 | float64] func(n int, alpha T, x []T, incX int, y []T, incY int)
)

// convolve computes y, in parallel over the groups of all images.
func convolve[T float32 | float64](g groups, x, weight []T, bias []float64, y []T, mul gemm[T], add axpy[T]) error {
	area, places, depth := g.area(), g.places(), g.depth()
	return parallel(g.images*g.count, func(i int) {
		group := i % g.count
		y := y[i*g.filters*places : (i+1)*g.filters*places]
		fill(y, bias, group*g.filters, g.filters)
		x := x[i*g.channels*area : (i+1)*g.channels*area]
		weight := weight[group*g.filters*depth : (group+1)*g.filters*depth]
		if g.filters < 4 {
			for f := range g.filters {
				convolveFilter(&g, x, weight[f*depth:(f+1)*depth], y[f*places:(f+1)*places], add)
			}
			return
		}
		lines := g.out[0] * g.out[1]
		rows := max(1, min(lines, columnBytes/4/max(1, depth*g.out[2])))
		columns := make([]T, depth*rows*g.out[2])
		for row := 0; row < lines; row += rows {
			n := min(rows, lines-row) * g.out[2]
			patches(&g, x, row, min(row+rows, lines), columns)
			mul(blas.NoTrans, blas.NoTrans, g.filters, n, depth, 1, weight, depth, columns, n, 1, y[row*g.out[2]:], places)
		}
	})
}

// fill sets each channel of y to its bias; the first channel's bias is bias[from].
func fill[T float32 | float64](y []T, bias []float64, from, channels int) {
	if bias == nil {
		return
	}
	places := len(y) / channels
	for c := range channels {
		plane, b := y[c*places:(c+1)*places], T(bias[from+c])
		for i := range plane {
			plane[i] = b
		}
	}
}

// patches fills columns with the elements of x that are under the kernel at the output's lines
// [from, to): the matrix has one row for each element of a filter.
func patches[T any](g *groups, x []T, from, to int, columns []T) {
	area, width := g.area(), g.out[2]
	for k := range g.depth() {
		channel, kz, ky, kx := g.element(k)
		plane := x[channel*area : (channel+1)*area]
		for line := from; line < to; line++ {
			row := columns[:width]
			columns = columns[width:]
			at, inside := g.rowOf(line, kz, ky)
			if !inside {
				clear(row)
				continue
			}
			shifted(row, plane[at:at+g.size[2]], g.start(2, 0, kx), g.strides[2])
		}
	}
}

// element returns the channel and the position in the kernel of element k of a filter.
func (g *groups) element(k int) (channel, z, y, x int) {
	k, x = k/g.kernel[2], k%g.kernel[2]
	k, y = k/g.kernel[1], k%g.kernel[1]
	return k / g.kernel[0], k % g.kernel[0], y, x
}

// rowOf returns the offset in a channel of the row that the kernel's row (kz, ky) covers for a
// line of the output, and whether that row is inside the image.
func (v *volume) rowOf(line, kz, ky int) (at int, inside bool) {
	z, y := v.start(0, line/v.out[1], kz), v.start(1, line%v.out[1], ky)
	inside = z >= 0 && z < v.size[0] && y >= 0 && y < v.size[1]
	return (z*v.size[1] + y) * v.size[2], inside
}

// shifted sets line[i] to row[start + i·stride], and to 0 where that index is outside the row.
func shifted[T any](line, row []T, start, stride int) {
	from, to := within(start, len(line), stride, len(row))
	clear(line[:from])
	clear(line[to:])
	if from == to {
		return
	}
	if stride == 1 {
		copy(line[from:to], row[start+from:])
		return
	}
	for i := from; i < to; i++ {
		line[i] = row[start+i*stride]
	}
}

// convolveFilter adds one filter's products to its channel of the output, a row of the image at
// a time. For few filters that is faster than im2col.
func convolveFilter[T float32 | float64](g *groups, x, weight, y []T, add axpy[T]) {
	area, width := g.area(), g.out[2]
	for k, factor := range weight {
		channel, kz, ky, kx := g.element(k)
		plane := x[channel*area : (channel+1)*area]
		start := g.start(2, 0, kx)
		from, to := within(start, width, g.strides[2], g.size[2])
		if from == to {
			continue
		}
		for line := range g.out[0] * g.out[1] {
			if at, inside := g.rowOf(line, kz, ky); inside {
				add(to-from, factor, plane[at+start+from*g.strides[2]:], g.strides[2], y[line*width+from:], 1)
			}
		}
	}
}

package gorun

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"onnxlab/onnxmodels/graph"
)

// columnBytes is about how large the matrix of an image's patches is made at
// once: small enough to stay in the second cache.
const columnBytes = 1 << 20

// conv is Conv over [n, c, h, w] with the weight [m, c/groups, kh, kw] and the
// bias [m], which may be missing: the weight as a matrix times the patches under
// the kernel as columns ("im2col").
func conv(a *attributes) kernel {
	w := takeWindow(a)
	groups := int(take(a, "group", int64(1)))
	return arity(2, 3, func(in []*Value) (*Value, error) {
		c, err := newConvolution(in, w, groups)
		if err != nil {
			return nil, err
		}
		y, err := floats(c.x.Shape[0], c.filters, c.height, c.width)
		if err != nil {
			return nil, err
		}
		if n := c.depth * c.width; n > elementLimit {
			return nil, fmt.Errorf("one row of patches has %d elements, more than %d", n, elementLimit)
		}
		return y, parallel(c.x.Shape[0], func(image int) { c.run(image, y.Float32) })
	})
}

// convolution is one that is being computed.
type convolution struct {
	window
	x, weight, bias *Value
	groups, filters int
	channels        int // of a group's input
	depth           int // of a patch: channels · kernel height · kernel width
	height, width   int // of the output
}

func newConvolution(in []*Value, w window, groups int) (*convolution, error) {
	c := &convolution{window: w, x: in[0], weight: in[1], groups: groups}
	if err := c.x.want("input", graph.Float, 4); err != nil {
		return nil, err
	}
	if err := c.weight.want("weight", graph.Float, 4); err != nil {
		return nil, err
	}
	s := c.weight.Shape
	c.filters, c.channels, c.depth = s[0], s[1], s[1]*s[2]*s[3]
	if c.kernel == [2]int{} {
		c.kernel = [2]int{s[2], s[3]}
	}
	if groups < 1 || s[0] < 1 || s[0]%groups != 0 || c.channels*groups != c.x.Shape[1] || c.kernel != [2]int{s[2], s[3]} || c.depth < 1 {
		return nil, fmt.Errorf("weight %s with kernel %v in %d groups does not fit input %s", c.weight, c.kernel, groups, c.x)
	}
	if len(in) > 2 && in[2] != nil {
		c.bias = in[2]
		if err := c.bias.wantVector("bias", c.filters); err != nil {
			return nil, err
		}
	}
	var err error
	c.height, c.width, err = w.withKernel(c.kernel).output(c.x.Shape[2], c.x.Shape[3])
	return c, err
}

func (w window) withKernel(k [2]int) window {
	w.kernel = k
	return w
}

// run computes one image of y.
func (c *convolution) run(image int, y []float32) {
	area := c.height * c.width
	y = y[image*c.filters*area : (image+1)*c.filters*area]
	if c.bias != nil {
		for f, b := range c.bias.Float32 {
			plane := y[f*area : (f+1)*area]
			for i := range plane {
				plane[i] = b
			}
		}
	}
	plane := c.x.Shape[2] * c.x.Shape[3]
	perGroup := c.filters / c.groups
	rows := max(1, min(c.height, columnBytes/4/(c.depth*c.width)))
	columns := make([]float32, c.depth*rows*c.width)
	for g := range c.groups {
		from := (image*c.groups + g) * c.channels * plane
		x := c.x.Float32[from : from+c.channels*plane]
		weight := c.weight.Float32[g*perGroup*c.depth : (g+1)*perGroup*c.depth]
		for row := 0; row < c.height; row += rows {
			n := min(rows, c.height-row) * c.width
			c.patches(x, row, min(row+rows, c.height), columns)
			gonum.Implementation{}.Sgemm(blas.NoTrans, blas.NoTrans, perGroup, n, c.depth,
				1, weight, c.depth, columns, n, 1, y[g*perGroup*area+row*c.width:], area)
		}
	}
}

// patches fills the columns with what is under the kernel at the output's rows
// [from, to): one row of the matrix for each element of the kernel.
func (c *convolution) patches(x []float32, from, to int, columns []float32) {
	h, w := c.x.Shape[2], c.x.Shape[3]
	for channel := range c.channels {
		plane := x[channel*h*w : (channel+1)*h*w]
		for ky := range c.kernel[0] {
			for kx := range c.kernel[1] {
				for oy := from; oy < to; oy++ {
					line := columns[:c.width]
					columns = columns[c.width:]
					iy := oy*c.strides[0] - c.pads[0] + ky*c.dilations[0]
					if iy < 0 || iy >= h {
						clear(line)
						continue
					}
					shifted(line, plane[iy*w:(iy+1)*w], kx*c.dilations[1]-c.pads[1], c.strides[1])
				}
			}
		}
	}
}

// shifted sets line[i] to row[start + i·stride], and to 0 where that is
// outside.
func shifted(line, row []float32, start, stride int) {
	from, to := within(start, len(line), stride, len(row))
	clear(line[:from])
	clear(line[to:])
	if stride == 1 {
		copy(line[from:to], row[start+from:])
		return
	}
	for i := from; i < to; i++ {
		line[i] = row[start+i*stride]
	}
}

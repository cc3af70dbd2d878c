package op

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"onnxlab/onnxmodels/graph"
)

// convOperator is Conv of X [n, c, h, w] with W [m, c/group, kh, kw] and B [m].
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Conv", Takes: Takes("X", "W!", "B!?"), Gives: Gives("Y"), Fields: windowFields("group", int64(1))},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, weight, window := n.In("X"), n.In("W"), WindowOf(n)
		if err := images(x); err != nil {
			return nil, err
		}
		if err := wantRank(weight, 4); err != nil {
			return nil, err
		}
		if err := wantFixed(weight, 0); err != nil {
			return nil, err
		}
		if x.Elem != weight.Elem || x.Shape[1].Size != weight.Shape[1].Size*n.Int("group") ||
			window.Kernel != [2]int{weight.Size(2), weight.Size(3)} {
			return nil, fmt.Errorf("weight %s and kernel %v do not fit input %s", weight, window.Kernel, x)
		}
		return window.Slide(x, weight.Shape[0])
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value { // dX, dW, dB by ConvGrad
		x, weight, bias := n.In("X"), n.In("W"), n.In("B")
		dx, dw, db := b.ConvGrad(n.Name, dy[0], x, weight, WindowOf(n), b.Wants(x), b.Wants(weight), bias != nil && b.Wants(bias))
		return []*graph.Value{dx, dw, db}[:len(n.Inputs)]
	},
	Cost: func(n *graph.Node) int64 { return products(n.Out("Y"), n.In("W")) },
	Eval: evalConv,
})

// In models, attributes may be left out, and pads computed.
var _ = RegisterForms(&Form{
	Schema: graph.Schema{Op: "Conv", Takes: Takes("X", "W!", "B!?"), Gives: Gives("Y"), Fields: windowFields("group", int64(1))},
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		weight := n.In("W")
		if err := wantRank(weight, 4); err != nil {
			return nil, err
		}
		attributes, err := fullWindow(n, n.In("X"), [2]int{weight.Size(2), weight.Size(3)})
		if err != nil {
			return nil, err
		}
		return []*graph.Value{b.one("Conv", n.Name, n.Inputs, attributes...)}, nil
	},
})

// products are the multiplications of each element of one value with those of a weight
// that it meets.
func products(over, weight *graph.Value) int64 {
	if over == nil || weight == nil || len(weight.Shape) < 2 {
		return 0
	}
	return Times(Elements(over.Shape), Elements(weight.Shape[1:]))
}

// Conv appends a convolution of x [n, c, h, w] with the weight [m, c, kh, kw]
// and the bias [m], which may be nil.
func (b Builder) Conv(name string, x, weight, bias *graph.Value, window Window) *graph.Value {
	return b.GroupedConv(name, x, weight, bias, window, 1)
}

// GroupedConv appends a convolution of so many parts of the channels of x [n, c, h, w], each by
// itself, with the weight [m, c/groups, kh, kw] and the bias [m], which may be nil.
func (b Builder) GroupedConv(name string, x, weight, bias *graph.Value, window Window, groups int) *graph.Value {
	attributes := window.Attributes()
	if groups > 1 {
		attributes = append(attributes, graph.Attribute{Name: "group", Value: int64(groups)})
	}
	return b.one("Conv", name, []*graph.Value{x, weight, bias}, attributes...)
}

// convGrad is the gradients of Conv (com.microsoft).
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Microsoft, Op: "ConvGrad", Takes: Takes("dY", "X", "W"),
		Gives: Gives("dX? .dx", "dW? .dw", "dB? .db"), Fields: windowFields("group", int64(1)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		weight := n.In("W")
		return []graph.Type{n.In("X").Type(), weight.Type(), {Elem: weight.Elem, Shape: weight.Shape[:1]}}, nil
	},
	Cost: func(n *graph.Node) int64 {
		wanted := int64(0)
		for _, name := range []string{"dX", "dW"} {
			if n.Out(name) != nil {
				wanted++
			}
		}
		return Times(wanted, products(n.In("dY"), n.In("W")))
	},
})

// ConvGrad appends the gradients of y = Conv(x, weight, bias) that are wanted;
// the others are nil (com.microsoft).
func (b Builder) ConvGrad(name string, dy, x, weight *graph.Value, window Window, wantX, wantWeight, wantBias bool) (dx, dweight, dbias *graph.Value) {
	want := []bool{wantX, wantWeight, wantBias}
	for len(want) > 0 && !want[len(want)-1] {
		want = want[:len(want)-1]
	}
	out := b.Do(Microsoft, "ConvGrad", Call{Name: name, Inputs: []*graph.Value{dy, x, weight}, Attributes: window.Attributes(), Want: want})
	out = append(out[:len(out):len(out)], nil, nil, nil)
	return out[0], out[1], out[2]
}

// convTranspose is ConvTranspose of X [n, c, h, w] with W [c, m/group, kh, kw].
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "ConvTranspose", Takes: Takes("X", "W!", "B!?"), Gives: Gives("Y"),
		Fields: windowFields("group", int64(1), "output_padding", []int64(nil), "output_shape", []int64(nil)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, weight, w := n.In("X"), n.In("W"), WindowOf(n)
		if err := images(x); err != nil {
			return nil, err
		}
		extra := n.Ints("output_padding")
		shape := graph.Shape{x.Shape[0], graph.Fixed(weight.Size(1) * int(n.Int("group")))}
		for i := range 2 {
			size := (x.Size(2+i)-1)*w.Strides[i] + w.Kernel[i] - w.Pads[i] - w.Pads[i+2]
			if i < len(extra) {
				size += int(extra[i])
			}
			shape = append(shape, graph.Fixed(size))
		}
		return typed(x.Elem, shape)
	},
	Cost: func(n *graph.Node) int64 { return products(n.In("X"), n.In("W")) },
})

// ConvTranspose appends the transposed convolution of x [n, 1, h, w] with the
// constant weight [1, 1, kh, kw], of the given output size.
func (b Builder) ConvTranspose(name string, x, weight *graph.Value, window Window, height, width int) *graph.Value {
	if x == nil || len(x.Shape) != 4 {
		b.Fail("ConvTranspose %q: input %v, want rank 4", name, x)
		return x
	}
	extra := make([]int64, 2)
	for i, size := range []int{height, width} {
		full := (x.Size(2+i)-1)*window.Strides[i] + window.Kernel[i] - window.Pads[i] - window.Pads[i+2]
		extra[i] = int64(size - full)
	}
	return b.one("ConvTranspose", name, []*graph.Value{x, weight},
		append(window.Attributes(), graph.Attribute{Name: "output_padding", Value: extra})...)
}

// columnBytes is about how large the matrix of an image's patches is made at
// once: small enough to stay in the second cache.
const columnBytes = 1 << 20

// evalConv is Conv: the weight as a matrix times the patches under the kernel as
// columns ("im2col").
func evalConv(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	w, err := slidingOf(n)
	if err != nil {
		return nil, err
	}
	c, err := newConvolution(in, w, int(n.Int("group")))
	if err != nil {
		return nil, err
	}
	y, err := newFloats(c.x.Shape[0], c.filters, c.height, c.width)
	if err != nil {
		return nil, err
	}
	if n := c.depth * c.width; n > ElementLimit {
		return nil, fmt.Errorf("one row of patches has %d elements, more than %d", n, ElementLimit)
	}
	return []*Tensor{y}, parallel(c.x.Shape[0], func(image int) { c.run(image, y.Floats) })
}

// convolution is one that is being computed.
type convolution struct {
	sliding
	x, weight, bias *Tensor
	groups, filters int
	channels        int // of a group's input
	depth           int // of a patch: channels · kernel height · kernel width
	height, width   int // of the output
}

func newConvolution(in []*Tensor, w sliding, groups int) (*convolution, error) {
	c := &convolution{sliding: w, x: in[0], weight: in[1], groups: groups}
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
	c.height, c.width, err = c.output(c.x.Shape[2], c.x.Shape[3])
	return c, err
}

// run computes one image of y.
func (c *convolution) run(image int, y []float32) {
	area := c.height * c.width
	y = y[image*c.filters*area : (image+1)*c.filters*area]
	if c.bias != nil {
		for f, b := range c.bias.Floats {
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
		x := c.x.Floats[from : from+c.channels*plane]
		weight := c.weight.Floats[g*perGroup*c.depth : (g+1)*perGroup*c.depth]
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

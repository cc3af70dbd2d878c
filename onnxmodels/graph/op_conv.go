package graph

// Window is how a convolution or pool moves over an image.
type Window struct {
	Kernel  [2]int // height, width
	Strides [2]int
	Pads    [4]int // top, left, bottom, right
	// Dilations are by how many pixels the elements of the kernel are apart;
	// 0 means 1.
	Dilations [2]int
}

// Same returns a window of k x k that moves by s and is padded as Keras and
// TensorFlow pad "same": the output is ceil(h/s) x ceil(w/s), and an odd pad
// has its larger half at the bottom and right.
func Same(k, s, height, width int) Window {
	w := Window{Kernel: [2]int{k, k}, Strides: [2]int{s, s}}
	if s < 1 {
		return w // which fits nothing
	}
	for i, size := range []int{height, width} {
		total := max(((size+s-1)/s-1)*s+k-size, 0)
		w.Pads[i], w.Pads[i+2] = total/2, total-total/2
	}
	return w
}

// Valid returns a window of k x k that moves by s over the image alone.
func Valid(k, s int) Window {
	return Window{Kernel: [2]int{k, k}, Strides: [2]int{s, s}}
}

// Padded tells whether any side is padded.
func (w Window) Padded() bool { return w.Pads != [4]int{} }

// Output returns the size of the output along dimension i (0 rows, 1
// columns) for an input of n; it is below 1 if the window does not fit.
func (w Window) Output(i, n int) int {
	reach := (w.Kernel[i]-1)*max(w.Dilations[i], 1) + 1
	free := n + w.Pads[i] + w.Pads[i+2] - reach
	if free < 0 || w.Strides[i] < 1 {
		return 0
	}
	return free/w.Strides[i] + 1
}

func (w Window) attributes() []Attribute {
	ints := func(v ...int) []int64 {
		s := make([]int64, len(v))
		for i := range v {
			s[i] = int64(v[i])
		}
		return s
	}
	list := []Attribute{
		{"kernel_shape", ints(w.Kernel[:]...)},
		{"pads", ints(w.Pads[:]...)},
		{"strides", ints(w.Strides[:]...)},
	}
	if w.Dilations != [2]int{} {
		list = append(list, Attribute{"dilations", ints(w.Dilations[:]...)})
	}
	return list
}

// WindowOf reads the window back from a node's attributes.
func WindowOf(n *Node) Window {
	var w Window
	for i, to := range map[string][]int{
		"kernel_shape": w.Kernel[:], "pads": w.Pads[:], "strides": w.Strides[:], "dilations": w.Dilations[:],
	} {
		for j, v := range n.Ints(i) {
			to[j] = int(v)
		}
	}
	return w
}

// Conv appends a convolution of x [n, c, h, w] with the weight [m, c, kh, kw]
// and the bias [m], which may be nil.
func (g *Graph) Conv(name string, x, weight, bias *Value, window Window) *Value {
	if !g.expect("Conv", name, x, Float, 4, 1) || !g.expect("Conv", name, weight, Float, 4, 0) {
		return x
	}
	w := weight.fixed(0)
	if x.Elem != weight.Elem || x.Shape[1] != weight.Shape[1] || window.Kernel != [2]int{w[2], w[3]} {
		g.Fail("Conv %q: weight %s and kernel %v do not fit input %s", name, weight, window.Kernel, x)
	}
	inputs := []*Value{x, weight}
	if bias != nil {
		inputs = append(inputs, bias)
	}
	shape := g.slide("Conv", name, x, weight.Shape[0], window)
	return g.op("Conv", name, x.Elem, shape, inputs, window.attributes()...)
}

// slide returns the shape of a window's output over x.
func (g *Graph) slide(op, name string, x *Value, channels Dim, w Window) Shape {
	s := x.fixed(2)
	h, v := w.Output(0, s[0]), w.Output(1, s[1])
	if h < 1 || v < 1 {
		g.Fail("%s %q: a kernel of %dx%d does not fit input %s", op, name, w.Kernel[0], w.Kernel[1], x)
	}
	return Shape{x.Shape[0], channels, Fixed(h), Fixed(v)}
}

// ConvGrad appends the gradients of y = Conv(x, weight, bias) that are wanted;
// the others are nil (com.microsoft).
func (g *Graph) ConvGrad(name string, dy, x, weight *Value, window Window, wantX, wantWeight, wantBias bool) (dx, dweight, dbias *Value) {
	outputs := []typed{{}, {}, {}}
	if wantX {
		outputs[0] = like(".dx", x)
	}
	if wantWeight {
		outputs[1] = like(".dw", weight)
	}
	if wantBias {
		outputs[2] = typed{".db", weight.Elem, weight.Shape[:1]}
	}
	for len(outputs) > 0 && outputs[len(outputs)-1].elem == 0 {
		outputs = outputs[:len(outputs)-1]
	}
	out := g.node(Microsoft, "ConvGrad", name, []*Value{dy, x, weight}, window.attributes(), outputs...)
	out = append(out, nil, nil, nil)
	return out[0], out[1], out[2]
}

// ConvTranspose appends the transposed convolution of x [n, 1, h, w] with the
// constant weight [1, 1, kh, kw], of the given output size.
func (g *Graph) ConvTranspose(name string, x, weight *Value, window Window, height, width int) *Value {
	if !g.expect("ConvTranspose", name, x, Float, 4, 1) {
		return x
	}
	in := x.fixed(2)
	extra := make([]int64, 2)
	for i, size := range []int{height, width} {
		full := (in[i]-1)*window.Strides[i] + window.Kernel[i] - window.Pads[i] - window.Pads[i+2]
		extra[i] = int64(size - full)
	}
	shape := Shape{x.Shape[0], Fixed(1), Fixed(height), Fixed(width)}
	return g.op("ConvTranspose", name, x.Elem, shape, []*Value{x, weight},
		append(window.attributes(), Attribute{"output_padding", extra})...)
}

// AveragePool appends the mean of each window of x [n, c, h, w]; pads do not
// count.
func (g *Graph) AveragePool(name string, x *Value, window Window) *Value {
	if !g.expect("AveragePool", name, x, Float, 4, 1) {
		return x
	}
	return g.op("AveragePool", name, x.Elem, g.slide("AveragePool", name, x, x.Shape[1], window),
		[]*Value{x}, window.attributes()...)
}

// MaxPool appends the largest element of each window of x [n, c, h, w], and
// the flat indices of these in x.
func (g *Graph) MaxPool(name string, x *Value, window Window) (y, indices *Value) {
	if !g.expect("MaxPool", name, x, Float, 4, 1) {
		return x, x
	}
	shape := g.slide("MaxPool", name, x, x.Shape[1], window)
	out := g.node("", "MaxPool", name, []*Value{x}, window.attributes(),
		typed{".out", x.Elem, shape}, typed{".indices", Int64, shape})
	return out[0], out[1]
}

// GlobalAveragePool appends the mean of each channel of x [n, c, h, w], as
// [n, c, 1, 1].
func (g *Graph) GlobalAveragePool(name string, x *Value) *Value {
	if !g.expect("GlobalAveragePool", name, x, Float, 4, 1) {
		return x
	}
	return g.op("GlobalAveragePool", name, x.Elem, Shape{x.Shape[0], x.Shape[1], Fixed(1), Fixed(1)}, []*Value{x})
}

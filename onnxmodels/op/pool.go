package op

import (
	"errors"
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// averagePool is AveragePool: the mean of each window, of which pads count only if
// count_include_pad is 1.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "AveragePool", Takes: Takes("X"), Gives: Gives("Y"),
		Fields: windowFields("ceil_mode", int64(0), "count_include_pad", int64(0)),
	},
	Infer: inferPool,
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value { // dy/n spread over each window
		return []*graph.Value{b.in(Marked, "AveragePoolGrad", n.Name, []*graph.Value{dy[0], n.In("X")}, n.Attributes...)}
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		countPads := n.Flag("count_include_pad")
		return evalPool(n, in[0], func(w sliding, plane []float32, width, y0, y1, x0, x1 int) (float32, int) {
			sum := 0.0
			for y := y0; y < y1; y += w.dilations[0] {
				for x := x0; x < x1; x += w.dilations[1] {
					sum += float64(plane[y*width+x])
				}
			}
			count := span(y0, y1, w.dilations[0]) * span(x0, x1, w.dilations[1])
			if countPads {
				count = w.kernel[0] * w.kernel[1]
			}
			return float32(sum / float64(count)), 0
		})
	},
})

// maxPool is MaxPool: the largest element of each window, and its flat index in X.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "MaxPool", Takes: Takes("X"), Gives: Gives("Y", "Indices? .indices"),
		Fields: windowFields("ceil_mode", int64(0), "storage_order", int64(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		types, err := inferPool(n)
		if err != nil {
			return nil, err
		}
		return append(types, graph.Type{Elem: graph.Int64, Shape: types[0].Shape}), nil
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value { // dy added at the index of each maximum
		indices := n.Out("Indices")
		if indices == nil {
			indices = b.AddOutput(n, ".indices", graph.Type{Elem: graph.Int64, Shape: n.Out("Y").Shape})
		}
		return []*graph.Value{b.in(Marked, "MaxPoolGrad", n.Name, []*graph.Value{dy[0], indices, n.In("X")})}
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		return evalPool(n, in[0], func(w sliding, plane []float32, width, y0, y1, x0, x1 int) (float32, int) {
			at := y0*width + x0
			for y := y0; y < y1; y += w.dilations[0] {
				for x := x0; x < x1; x += w.dilations[1] {
					if v := plane[y*width+x]; v > plane[at] || v != v && plane[at] == plane[at] { // NaN is the largest
						at = y*width + x
					}
				}
			}
			return plane[at], at
		})
	},
})

// In models, attributes may be left out, and pads computed.
var _ = RegisterForms(
	poolForm("AveragePool", Gives("Y"), "count_include_pad", int64(0)),
	poolForm("MaxPool", Gives("Y", "Indices? .indices"), "storage_order", int64(0)),
)

func poolForm(name string, gives []graph.Operand, fields ...any) *Form {
	fields = append([]any{"ceil_mode", int64(0)}, fields...)
	return &Form{
		Schema: graph.Schema{Op: name, Takes: Takes("X"), Gives: gives, Fields: windowFields(fields...)},
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			if n.Ints("kernel_shape") == nil {
				return nil, fmt.Errorf("attribute \"kernel_shape\" is missing")
			}
			attributes, err := fullWindow(n, n.In("X"), [2]int{})
			if err != nil {
				return nil, err
			}
			c := Call{Name: n.Name, Inputs: n.Inputs, Attributes: attributes}
			for range n.Outputs {
				c.Want = append(c.Want, true)
			}
			return b.Do("", name, c), nil
		},
	}
}

// globalAveragePool is GlobalAveragePool: the mean of each channel, [n, c, 1, 1].
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "GlobalAveragePool", Takes: Takes("X"), Gives: Gives("Y")},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("X")
		if err := images(x); err != nil {
			return nil, err
		}
		return typed(x.Elem, graph.Shape{x.Shape[0], x.Shape[1], graph.Fixed(1), graph.Fixed(1)})
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value { // dy/(h·w) spread over the image
		return []*graph.Value{b.in(Marked, "GlobalAveragePoolGrad", n.Name, []*graph.Value{dy[0], n.In("X")})}
	},
	Eval: evalGlobalAveragePool,
})

// The gradients of pools are marked operators: those of ONNX Runtime are wrong for a
// symbolic batch, and have no CUDA kernels.
var (
	_ = poolGrad("AveragePoolGrad", Takes("dY", "X"), windowFields("ceil_mode", int64(0), "count_include_pad", int64(0)))
	_ = poolGrad("GlobalAveragePoolGrad", Takes("dY", "X"), nil)
	_ = poolGrad("MaxPoolGrad", Takes("dY", "Indices", "X"), nil)
)

// poolGrad declares the gradient of a pool by its input X.
func poolGrad(name string, takes []graph.Operand, fields []graph.Field) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Domain: Marked, Op: name, Takes: takes, Gives: Gives("dX"), Fields: fields},
		Infer:  func(n *graph.Node) ([]graph.Type, error) { return like(n.In("X")) },
	})
}

func inferPool(n *graph.Node) ([]graph.Type, error) {
	x := n.In("X")
	if err := images(x); err != nil {
		return nil, err
	}
	return WindowOf(n).Slide(x, x.Shape[1])
}

// AveragePool appends the mean of each window of x [n, c, h, w]; pads do not
// count.
func (b Builder) AveragePool(name string, x *graph.Value, window Window) *graph.Value {
	return b.one("AveragePool", name, []*graph.Value{x}, window.Attributes()...)
}

// MaxPool appends the largest element of each window of x [n, c, h, w], and
// the flat indices of these in x.
func (b Builder) MaxPool(name string, x *graph.Value, window Window) (y, indices *graph.Value) {
	out := b.Do("", "MaxPool", Call{Name: name, Inputs: []*graph.Value{x}, Attributes: window.Attributes(), Want: []bool{true, true}})
	return out[0], out[1]
}

// GlobalAveragePool appends the mean of each channel of x [n, c, h, w], as
// [n, c, 1, 1].
func (b Builder) GlobalAveragePool(name string, x *graph.Value) *graph.Value {
	return b.one("GlobalAveragePool", name, []*graph.Value{x})
}

// poolOf reads a pool's window: its kernel must be given, and pads must be
// smaller than it, so that no window is of pads alone.
func poolOf(n *graph.Node) (sliding, error) {
	w, err := slidingOf(n)
	if err != nil {
		return w, err
	}
	for _, name := range []string{"ceil_mode", "storage_order"} {
		if v := n.Int(name); v != 0 {
			return w, fmt.Errorf("attribute %q is %d, of which only 0 is supported", name, v)
		}
	}
	if w.kernel == [2]int{} {
		return w, errors.New("attribute \"kernel_shape\" is missing")
	}
	for i, p := range w.pads {
		if p >= w.kernel[i%2] {
			return w, fmt.Errorf("attribute \"pads\": %d is not smaller than the kernel %v", p, w.kernel)
		}
	}
	return w, nil
}

// span is how many of from, from + step, … are below to.
func span(from, to, step int) int { return (to - from + step - 1) / step }

// evalPool makes each element of what is inside the image of the window there: rows y0
// to y1 and columns x0 to x1, these excluded. value returns it and which element of the
// plane it is; of this the second output, if there is one, has the place in the input.
func evalPool(node *graph.Node, in *Tensor, value func(w sliding, plane []float32, width, y0, y1, x0, x1 int) (float32, int)) ([]*Tensor, error) {
	w, err := poolOf(node)
	if err != nil {
		return nil, err
	}
	if err := in.want("input", graph.Float, 4); err != nil {
		return nil, err
	}
	n, channels, height, width := in.Shape[0], in.Shape[1], in.Shape[2], in.Shape[3]
	oh, ow, err := w.output(height, width)
	if err != nil {
		return nil, err
	}
	y, err := newFloats(n, channels, oh, ow)
	if err != nil {
		return nil, err
	}
	empty := false
	rows := bounds(w.strides[0], w.pads[0], w.kernel[0], w.dilations[0], height, oh, &empty)
	columns := bounds(w.strides[1], w.pads[1], w.kernel[1], w.dilations[1], width, ow, &empty)
	if empty {
		return nil, errors.New("a window is of pads alone")
	}
	indices := &Tensor{Elem: graph.Int64, Shape: y.Shape, Ints: make([]int64, len(y.Floats))}
	return []*Tensor{y, indices}[:len(node.Gives)], parallel(n, func(image int) {
		for c := image * channels; c < (image+1)*channels; c++ {
			plane, out := in.Floats[c*height*width:(c+1)*height*width], c*oh*ow
			for i, r := range rows {
				for j, k := range columns {
					v, at := value(w, plane, width, r[0], r[1], k[0], k[1])
					y.Floats[out+i*ow+j], indices.Ints[out+i*ow+j] = v, int64(c*height*width+at)
				}
			}
		}
	})
}

// bounds returns, for each place of a window along one dimension, the first
// element of the image in it and the one after the last. It sets empty if one
// has none.
func bounds(stride, pad, kernel, dilation, n, places int, empty *bool) [][2]int {
	list := make([][2]int, places)
	for i := range list {
		start := i*stride - pad
		from, to := within(start, kernel, dilation, n)
		*empty = *empty || from == to
		list[i] = [2]int{start + from*dilation, start + (to-1)*dilation + 1}
	}
	return list
}

func evalGlobalAveragePool(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
	if err := in[0].want("input", graph.Float, 4); err != nil {
		return nil, err
	}
	s := in[0].Shape
	area := s[2] * s[3]
	if area == 0 {
		return nil, fmt.Errorf("input %s has no pixels", in[0])
	}
	y, err := newFloats(s[0], s[1], 1, 1)
	if err != nil {
		return nil, err
	}
	for i := range y.Floats {
		sum := 0.0
		for _, v := range in[0].Floats[i*area : (i+1)*area] {
			sum += float64(v)
		}
		y.Floats[i] = float32(sum / float64(area))
	}
	return one(y)
}

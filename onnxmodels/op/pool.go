package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// AveragePool gives the mean of each window. Pads count only if count_include_pad is 1.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "AveragePool", Takes: Takes("X"), Gives: Gives("Y"), Fields: poolFields("count_include_pad", int64(0))},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		if err := checkImages(n.In("X")); err != nil {
			return nil, err
		}
		return inferPool(n)
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value { // dy/n spread over each window
		return []*graph.Value{b.in(Marked, "AveragePoolGrad", n.Name, []*graph.Value{dy[0], n.In("X")}, n.Attributes...)}
	},
	Eval: evalAveragePool,
})

// MaxPool gives the largest element of each window, and its flat index in X. If
// storage_order is 1, indices count down the columns first.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "MaxPool", Takes: Takes("X"), Gives: Gives("Y", "Indices? .indices"),
		Fields: append(poolFields("storage_order", int64(0)), Fields("dilations", []int64(nil))...),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		types, err := inferPool(n)
		if err != nil {
			return nil, err
		}
		return append(types, graph.Type{Elem: graph.Int64, Shape: types[0].Shape}), nil
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value { // dy added at the index of each maximum
		return []*graph.Value{b.in(Marked, "MaxPoolGrad", n.Name, []*graph.Value{dy[0], b.maxima(n), n.In("X")})}
	},
	Eval: evalMaxPool,
})

// poolFields declares the attributes that all pools have, and more. In models there are also
// ceil_mode and auto_pad, which the importer turns into pads.
func poolFields(more ...any) []graph.Field {
	none := []int64(nil)
	return Fields(append([]any{"kernel_shape", none, "pads", none, "strides", none}, more...)...)
}

// maxima returns the indices of a MaxPool's maxima, in row-major order. If the node does not have
// the output Indices, it gets one now: only nodes whose gradient is needed have it, since it
// makes MaxPool several times slower in ONNX Runtime.
func (b *Backward) maxima(n *graph.Node) *graph.Value {
	indices := n.Out("Indices")
	switch {
	case n.Flag("storage_order"):
		c := Call{Name: n.Name + ".rows", Inputs: n.Inputs, Want: []bool{true, true}}
		for _, a := range n.Attributes {
			if a.Name != "storage_order" {
				c.Attributes = append(c.Attributes, a)
			}
		}
		return b.Do("", "MaxPool", c)[1]
	case indices == nil:
		return b.AddOutput(n, n.Gives[1].Suffix, graph.Type{Elem: graph.Int64, Shape: n.Out("Y").Shape})
	}
	return indices
}

// The gradients of pools are marked operators, because ONNX Runtime's own are wrong for a
// symbolic batch and have no CUDA kernels.
var (
	_ = poolGrad("AveragePoolGrad", Takes("dY", "X"), poolFields("count_include_pad", int64(0)))
	_ = poolGrad("GlobalAveragePoolGrad", Takes("dY", "X"), nil)
	_ = poolGrad("MaxPoolGrad", Takes("dY", "Indices", "X"), nil)
)

// poolGrad declares the gradient of a pool with respect to its input X.
func poolGrad(name string, takes []graph.Operand, fields []graph.Field) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Domain: Marked, Op: name, Takes: takes, Gives: Gives("dX"), Fields: fields},
		Infer:  func(n *graph.Node) ([]graph.Type, error) { return like(n.In("X")) },
	})
}

func inferPool(n *graph.Node) ([]graph.Type, error) {
	x := n.In("X")
	if err := checkPlanes(x); err != nil {
		return nil, err
	}
	w, err := poolOf(n, len(x.Shape)-2)
	if err != nil {
		return nil, err
	}
	return w.slide(x, x.Shape[1])
}

// poolOf reads a pool's window. Its kernel must be given, and pads must be smaller than the
// kernel's span, so that no window covers only pads.
func poolOf(n *graph.Node, dims int) (Sliding, error) {
	w, err := SlidingOf(n, dims)
	if err != nil {
		return w, err
	}
	if w.Kernel == nil {
		return w, fmt.Errorf("attribute \"kernel_shape\" is missing")
	}
	for i := range w.Kernel {
		if p := max(w.Before[i], w.After[i]); p >= w.reach(i) {
			return w, fmt.Errorf("attribute \"pads\": %d is not smaller than the kernel %v", p, w.Kernel)
		}
	}
	return w, nil
}

// AveragePool appends the mean of each window of x [n, c, h, w], without the pads.
func (b Builder) AveragePool(name string, x *graph.Value, window Window) *graph.Value {
	return b.one("AveragePool", name, []*graph.Value{x}, window.Attributes()...)
}

// MaxPool appends the largest element of each window of x [n, c, h, w].
func (b Builder) MaxPool(name string, x *graph.Value, window Window) *graph.Value {
	return b.one("MaxPool", name, []*graph.Value{x}, window.Attributes()...)
}

// GlobalAveragePool gives the mean of each channel, [n, c, 1, …].
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "GlobalAveragePool", Takes: Takes("X"), Gives: Gives("Y")},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("X")
		if err := checkImages(x); err != nil {
			return nil, err
		}
		shape := graph.Shape{x.Shape[0], x.Shape[1]}
		for range x.Shape[2:] {
			shape = append(shape, graph.Fixed(1))
		}
		return typed(x.Elem, shape)
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value { // dy/(h·w) spread over the image
		return []*graph.Value{b.in(Marked, "GlobalAveragePoolGrad", n.Name, []*graph.Value{dy[0], n.In("X")})}
	},
	Eval: evalGlobalAveragePool,
})

// GlobalAveragePool appends the mean of each channel of x [n, c, h, w], as
// [n, c, 1, 1].
func (b Builder) GlobalAveragePool(name string, x *graph.Value) *graph.Value {
	return b.one("GlobalAveragePool", name, []*graph.Value{x})
}

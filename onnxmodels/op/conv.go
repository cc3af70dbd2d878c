package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Conv convolves images X [n, c, …] with W [m, c/group, …] and adds B [m].
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Conv", Takes: Takes("X", "W!", "B!?"), Gives: Gives("Y"), Fields: windowFields("group", int64(1))},
	Infer:  inferConv,
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value { // dX, dW, dB by ConvGrad
		x, weight, bias := n.In("X"), n.In("W"), n.In("B")
		dx, dw, db := b.convGrad(n.Name, dy[0], x, weight, n.Attributes, ConvOperands{b.Wants(x), b.Wants(weight), bias != nil && b.Wants(bias)})
		return []*graph.Value{dx, dw, db}[:len(n.Inputs)]
	},
	Cost: func(n *graph.Node) int64 { return products(n.Out("Y"), n.In("W")) },
	Eval: evalConv,
})

// In models, attributes may be left out, and pads may have to be computed from auto_pad.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "Conv", Takes: Takes("X", "W!", "B!?"), Gives: Gives("Y"), Fields: openFields("group", int64(1))},
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x, weight := n.In("X"), n.In("W")
		if err := checkKernels(x, weight); err != nil {
			return nil, err
		}
		w, err := closed(n, x, weight.Shape[2:].Sizes())
		if err != nil {
			return nil, err
		}
		if len(x.Shape) == 3 {
			w = w.asPicture()
		}
		y := b.one("Conv", n.Name, []*graph.Value{b.asPictures(n.Name, x), b.asPictures(n.Name+".weight", weight), n.In("B")},
			append(w.Attributes(), groupOf(n)...)...)
		return []*graph.Value{b.asLines(n.Name, y, x)}, nil
	},
})

// groupOf returns the node's attribute "group", or nothing if there is only one group.
func groupOf(n *graph.Node) []graph.Attribute {
	if n.Int("group") == 1 {
		return nil
	}
	return []graph.Attribute{{Name: "group", Value: n.Int("group")}}
}

// checkKernels checks that the weight holds kernels of fixed sizes that fit the images x.
func checkKernels(x, weight *graph.Value) error {
	if err := checkImages(x); err != nil {
		return err
	}
	if len(weight.Shape) != len(x.Shape) || weight.Elem != x.Elem {
		return fmt.Errorf("weight %s does not fit input %s", weight, x)
	}
	return wantFixed(weight, 0)
}

func inferConv(n *graph.Node) ([]graph.Type, error) {
	x, weight, group := n.In("X"), n.In("W"), n.Int("group")
	if err := checkKernels(x, weight); err != nil {
		return nil, err
	}
	w, err := kernelOf(n, x)
	if err != nil {
		return nil, err
	}
	filters := weight.Shape[0]
	if group < 1 || x.Shape[1].Size != weight.Shape[1].Size*group || filters.Size%group != 0 ||
		!slices.Equal(w.Kernel, weight.Shape[2:].Sizes()) {
		return nil, fmt.Errorf("weight %s and kernel %v in %d groups do not fit input %s", weight, w.Kernel, group, x)
	}
	if err := biasFits(n, filters); err != nil {
		return nil, err
	}
	return w.slide(x, filters)
}

// biasFits checks the input B, if there is one.
func biasFits(n *graph.Node, channels graph.Dim) error {
	if bias := n.In("B"); bias != nil && (bias.Elem != n.In("X").Elem || !bias.Shape.Equal(graph.Shape{channels})) {
		return fmt.Errorf("bias %s, want one number for each of %s channels", bias, channels)
	}
	return nil
}

// products counts the multiplications of a convolution in which one filter, weight[i], is
// multiplied for each element of y, or of its gradient. It is 0 if one of them is missing.
func products(y, weight *graph.Value) int64 {
	if y == nil || weight == nil || len(weight.Shape) < 2 {
		return 0
	}
	return Times(Elements(y.Shape), Elements(weight.Shape[1:]))
}

// Conv appends a convolution of x [n, c, h, w] with the weight [m, c, kh, kw]
// and the bias [m], which may be nil.
func (b Builder) Conv(name string, x, weight, bias *graph.Value, window Window) *graph.Value {
	return b.GroupedConv(name, x, weight, bias, window, 1)
}

// GroupedConv appends a grouped convolution of x [n, c, h, w] with the weight
// [m, c/groups, kh, kw] and the bias [m], which may be nil: each group of channels is convolved
// by itself.
func (b Builder) GroupedConv(name string, x, weight, bias *graph.Value, window Window, groups int) *graph.Value {
	attributes := window.Attributes()
	if groups > 1 {
		attributes = append(attributes, graph.Attribute{Name: "group", Value: int64(groups)})
	}
	return b.one("Conv", name, []*graph.Value{x, weight, bias}, attributes...)
}

// ConvGrad computes the gradients of Conv (com.microsoft).
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

// ConvOperands says for which operands of a convolution gradients are wanted.
type ConvOperands struct{ X, Weight, Bias bool }

// ConvGrad appends the gradients of y = Conv(x, weight, bias) that are wanted;
// the others are nil (com.microsoft).
func (b Builder) ConvGrad(name string, dy, x, weight *graph.Value, window Window, wanted ConvOperands) (dx, dweight, dbias *graph.Value) {
	return b.convGrad(name, dy, x, weight, window.Attributes(), wanted)
}

func (b Builder) convGrad(name string, dy, x, weight *graph.Value, attributes []graph.Attribute, wanted ConvOperands) (dx, dweight, dbias *graph.Value) {
	want := []bool{wanted.X, wanted.Weight, wanted.Bias}
	for len(want) > 0 && !want[len(want)-1] { // a node has no empty outputs at its end
		want = want[:len(want)-1]
	}
	out := b.Do(Microsoft, "ConvGrad", Call{Name: name, Inputs: []*graph.Value{dy, x, weight}, Attributes: attributes, Want: want})
	out = append(out[:len(out):len(out)], nil, nil, nil)
	return out[0], out[1], out[2]
}

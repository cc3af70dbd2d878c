package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// ConvTranspose is the transposed convolution of images X [n, c, …] with W [c, m/group, …]
// and B [m]. It computes the same as the gradient of a convolution with respect to its
// images.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "ConvTranspose", Takes: Takes("X", "W!", "B!?"), Gives: Gives("Y"),
		Fields: windowFields("group", int64(1), "output_padding", []int64(nil)),
	},
	Infer:    inferConvTranspose,
	Gradient: convTransposeGradient,
	Cost:     func(n *graph.Node) int64 { return products(n.In("X"), n.In("W")) },
	Eval:     evalConvTranspose,
})

func inferConvTranspose(n *graph.Node) ([]graph.Type, error) {
	x, weight, group := n.In("X"), n.In("W"), n.Int("group")
	if err := checkKernels(x, weight); err != nil {
		return nil, err
	}
	w, err := kernelOf(n, x)
	if err != nil {
		return nil, err
	}
	if group < 1 || x.Shape[1] != weight.Shape[0] || x.Shape[1].Size%group != 0 || !slices.Equal(w.Kernel, weight.Shape[2:].Sizes()) {
		return nil, fmt.Errorf("weight %s and kernel %v in %d groups do not fit input %s", weight, w.Kernel, group, x)
	}
	extra, err := sizesOf(n, "output_padding", len(w.Kernel), 0, 0)
	if err != nil {
		return nil, err
	}
	for i, e := range extra {
		if e >= w.Strides[i] {
			return nil, fmt.Errorf("attribute \"output_padding\" is %v, which is not below the strides %v", extra, w.Strides)
		}
	}
	channels := graph.Fixed(weight.Size(1) * int(group))
	if err := biasFits(n, channels); err != nil {
		return nil, err
	}
	sizes, err := w.inputSizes(x.Shape[2:].Sizes(), extra)
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", x, err)
	}
	return typed(x.Elem, append(graph.Shape{x.Shape[0], channels}, graph.Static(sizes...)...))
}

// inputSizes is the inverse of Output: it returns the sizes of images for which the window
// gives the given sizes. Several input sizes may give the same output; more says by how much
// the image is larger than the smallest of them.
func (s Sliding) inputSizes(sizes, more []int) ([]int, error) {
	out := make([]int, len(sizes))
	for i, n := range sizes {
		out[i] = (n-1)*s.Strides[i] + s.reach(i) - s.Before[i] - s.After[i] + more[i]
		if out[i] < 1 {
			return nil, fmt.Errorf("pads %v and %v leave nothing of images of %v", s.Before, s.After, sizes)
		}
	}
	return out, nil
}

// In models, attributes may be left out, and pads may have to be computed, from auto_pad or
// from the size of the output.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{
		Op: "ConvTranspose", Takes: Takes("X", "W!", "B!?"), Gives: Gives("Y"),
		Fields: openFields("group", int64(1), "output_padding", []int64(nil), "output_shape", []int64(nil)),
	},
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x, weight := n.In("X"), n.In("W")
		if err := checkKernels(x, weight); err != nil {
			return nil, err
		}
		w, extra, err := closedTranspose(n, x, weight)
		if err != nil {
			return nil, err
		}
		if len(x.Shape) == 3 {
			w, extra = w.asPicture(), append([]int{0}, extra...)
		}
		y := b.wholeStrides(n, b.asPictures(n.Name, x), b.asPictures(n.Name+".weight", weight), w, extra)
		return []*graph.Value{b.asLines(n.Name, y, x)}, nil
	},
})

// wholeStrides appends the node's operator. extra says by how many elements its output is
// larger at its ends. ConvTranspose itself takes less than one stride of that as
// output_padding. Pad appends the whole strides, which no kernel reaches.
func (b Builder) wholeStrides(n *graph.Node, x, weight *graph.Value, w Sliding, extra []int) *graph.Value {
	rank, bias := len(x.Shape), n.In("B")
	pads, rest := make([]int, 2*rank), make([]int, len(extra))
	for i, e := range extra {
		rest[i] = e % w.Strides[i]
		pads[rank+2+i] = e - rest[i]
	}
	inputs, attributes := []*graph.Value{x, weight, bias}, append(w.Attributes(), groupOf(n)...)
	if slices.Max(rest) > 0 {
		attributes = append(attributes, graph.Attribute{Name: "output_padding", Value: wide(rest)})
	}
	if slices.Max(pads) == 0 {
		return b.one("ConvTranspose", n.Name, inputs, attributes...)
	}
	y := b.one("ConvTranspose", n.Name, inputs[:2], attributes...)
	y = b.one("Pad", n.Name+".longer", []*graph.Value{y, b.Ints(n.Name+".longer.pads", wide(pads)...)})
	if bias == nil {
		return y
	}
	sizes := ones(rank - 1)
	sizes[0] = bias.Size(0)
	return b.Binary("Add", n.Name+".biased", y, b.View(n.Name+".bias", bias, sizes...))
}

// closedTranspose returns the window of a model's node and its output padding. It turns the
// attributes auto_pad and output_shape into pads, as ONNX ConvTranspose-11 says.
func closedTranspose(n *graph.Node, x, weight *graph.Value) (Sliding, []int, error) {
	dims := len(x.Shape) - 2
	w, err := SlidingOf(n, dims)
	if err != nil {
		return w, nil, err
	}
	if w.Kernel == nil {
		w.Kernel = weight.Shape[2:].Sizes()
	}
	extra, err := sizesOf(n, "output_padding", dims, 0, 0)
	if err != nil {
		return w, nil, err
	}
	wanted := make([]int, dims)
	switch list, pad := n.Ints("output_shape"), n.Text("auto_pad"); {
	case len(list) >= dims: // older models have the images and channels too
		for i := range wanted {
			wanted[i] = int(list[len(list)-dims+i])
		}
	case list != nil:
		return w, nil, fmt.Errorf("attribute \"output_shape\" is %v, want %d sizes", list, dims)
	case pad == "SAME_UPPER" || pad == "SAME_LOWER":
		for i := range wanted {
			wanted[i] = x.Size(2+i) * w.Strides[i]
		}
	case pad == "VALID":
		w.Before, w.After = make([]int, dims), make([]int, dims)
		return w, extra, nil
	case pad == "NOTSET":
		return w, extra, nil
	default:
		return w, nil, fmt.Errorf("attribute \"auto_pad\" is %q, want NOTSET, SAME_UPPER, SAME_LOWER or VALID", pad)
	}
	for i, size := range wanted {
		total := (x.Size(2+i)-1)*w.Strides[i] + extra[i] + w.reach(i) - size
		extra[i] += max(-total, 0)
		total = max(total, 0)
		w.Before[i], w.After[i] = total-total/2, total/2
		if n.Text("auto_pad") == "SAME_UPPER" {
			w.Before[i], w.After[i] = w.After[i], w.Before[i]
		}
	}
	return w, extra, nil
}

// ConvTranspose appends the transposed convolution of x [n, 1, …] with the
// constant weight [1, 1, …], of the given output sizes.
func (b Builder) ConvTranspose(name string, x, weight *graph.Value, window Sliding, sizes ...int) *graph.Value {
	if x == nil || len(x.Shape) != 2+len(sizes) || len(window.Kernel) != len(sizes) {
		b.Fail("ConvTranspose %q: input %v, want images of %d dimensions", name, x, len(sizes))
		return x
	}
	extra, attributes := make([]int64, len(sizes)), window.Attributes()
	for i, size := range sizes {
		extra[i] = int64(size - ((x.Size(2+i)-1)*window.Strides[i] + window.reach(i) - window.Before[i] - window.After[i]))
	}
	return b.one("ConvTranspose", name, []*graph.Value{x, weight}, append(attributes, graph.Attribute{Name: "output_padding", Value: extra})...)
}

// convTransposeGradient makes use of the fact that y is itself a gradient: the gradient of a
// convolution with the weight W with respect to its images, where X is the gradient with
// respect to the convolution's result. So
//
//	dX = Conv(dy, W)
//	dW = ConvGrad(X, dy, W)'s dW
//	dB = Σ dy
func convTransposeGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, weight, bias := n.In("X"), n.In("W"), n.In("B")
	d, grads := dy[0], make([]*graph.Value, len(n.Inputs))
	var attributes []graph.Attribute
	for _, a := range n.Attributes {
		if a.Name != "output_padding" {
			attributes = append(attributes, a)
		}
	}
	if bias != nil && b.Wants(bias) {
		grads[2] = b.ReduceSum(n.Name+".db", d, false, perChannel(len(d.Shape))...)
	}
	if b.Wants(x) {
		grads[0] = b.one("Conv", n.Name+".dx", []*graph.Value{d, weight}, attributes...)
	}
	if b.Wants(weight) {
		_, grads[1], _ = b.convGrad(n.Name, x, d, weight, attributes, ConvOperands{Weight: true})
	}
	return grads
}

// perChannel returns the dimensions of images except that of the channels.
func perChannel(rank int) []int64 {
	axes := []int64{0}
	for i := 2; i < rank; i++ {
		axes = append(axes, int64(i))
	}
	return axes
}

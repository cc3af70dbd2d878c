package importer

import (
	"math"
	"slices"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// This file makes models that are for a fixed number of images work for any number. The fixed
// number may be part of the constants that operators such as Reshape take as shapes, and tensors
// may be repeated that many times. r.batch is the fixed number, 0 if there is none.

// openBatch replaces inputs of a call that contain the fixed number of images.
func (r *reader) openBatch(n *onnxpb.Node, c *op.Call) {
	name := nodeName(n)
	if r.batch != 0 && n.GetOpType() == "Resize" {
		r.openResize(name, c)
	}
	if r.batch == 0 || slices.Contains(c.Inputs, nil) {
		return
	}
	switch n.GetOpType() {
	case "Reshape":
		if len(c.Inputs) == 2 {
			r.reopen(name, c, 1, openSizes(c.Inputs[0].Shape, innerBatch(c.Inputs[0]), c.Inputs[1].Ints(), r.batch))
		}
	case "Expand":
		r.reopen(name, c, 1, keepBatch(c.Inputs[0].Shape, c.Inputs[1].Ints(), r.batch))
	case "Slice":
		if len(c.Inputs) > 2 {
			r.reopen(name, c, 2, r.openEnds(c.Inputs))
		}
	case "Concat":
		axis := 0
		for _, a := range n.GetAttribute() {
			if a.GetName() == "axis" {
				axis = int(a.GetI())
			}
		}
		r.openParts(name, c, axis)
	case "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Where", "Equal", "Less", "Greater", "And", "Or", "MatMul":
		r.openOperands(c)
	}
}

// openGather replaces a Gather over a flattened tensor whose indices select the same elements
// from each of the fixed number of images: it returns a Gather of those elements for one image.
// It returns nil for any other node. Models have such a Gather for tensors whose dimensions were
// in another order in memory.
func (r *reader) openGather(n *onnxpb.Node, c *op.Call) *graph.Value {
	if r.batch == 0 || n.GetOpType() != "Gather" || len(c.Inputs) != 2 || c.Inputs[0] == nil || c.Inputs[1] == nil || len(c.Inputs[0].Shape) != 1 || batchAt(c.Inputs[0].Shape) < 0 {
		return nil
	}
	x, indices := c.Inputs[0], op.TensorOf(c.Inputs[1])
	if indices == nil || len(indices.Shape) < 2 || int64(indices.Shape[0]) != r.batch {
		return nil
	}
	each, size := indices.Len()/int(r.batch), x.Shape[0].Size
	for i, k := range indices.Ints {
		if from := k - int64(i/each)*size; from < 0 || from >= size || from != indices.Ints[i%each] {
			return nil
		}
	}
	name := nodeName(n)
	images := r.b.Shaped(name+".images", x, graph.Shape{graph.Symbol(BatchSymbol), {Size: size}})
	return r.b.Gather(name, images, r.b.IntTensor(name+".one", indices.Shape[1:], indices.Ints[:each]), 1)
}

// openResize replaces the number of images in the sizes of a Resize by the size of the batch.
func (r *reader) openResize(name string, c *op.Call) {
	const at = 3 // the input "sizes"
	if len(c.Inputs) != at+1 || c.Inputs[0] == nil || c.Inputs[at] == nil {
		return
	}
	x, list := c.Inputs[0], c.Inputs[at].Ints()
	if batchAt(x.Shape) != 0 || len(list) != len(x.Shape) || list[0] != r.batch*x.Shape[0].Size {
		return
	}
	first := r.b.Do("", "Shape", op.Call{
		Name: name + ".batch", Inputs: []*graph.Value{x}, Attributes: []graph.Attribute{{Name: "end", Value: int64(1)}},
	})[0]
	c.Inputs[at] = r.b.Concat(name+".sizes", []*graph.Value{first, r.b.Ints(name+".rest", list[1:]...)}, 0, graph.Fixed(len(list)))
}

// reopen makes a list of numbers an input of the call, unless the list is nil.
func (r *reader) reopen(name string, c *op.Call, input int, list []int64) {
	if list != nil {
		c.Inputs[input] = r.b.Ints(name+".open", list...)
	}
}

// openEnds returns the ends of a Slice, with an end at the last of the fixed number of images
// replaced by the end of the batch. It returns nil if nothing has to change.
func (r *reader) openEnds(in []*graph.Value) []int64 {
	x, ends := in[0].Shape, in[2].Ints()
	at := batchAt(x)
	open := slices.Clone(ends)
	for i, end := range ends {
		axis := int64(i)
		if len(in) > 3 {
			axes := in[3].Ints()
			if len(axes) != len(ends) {
				return nil
			}
			if axis = axes[i]; axis < 0 {
				axis += int64(len(x))
			}
		}
		if axis == int64(at) && end == r.batch*x[at].Size {
			open[i] = math.MaxInt64
			return open
		}
	}
	return nil
}

// openParts changes parts of a Concat that are repeated for the fixed number of images, such as
// a class token, so that they are repeated for each image of the batch.
func (r *reader) openParts(name string, c *op.Call, axis int) {
	like, at := r.batched(c.Inputs)
	if like == nil {
		return
	}
	if axis < 0 {
		axis += len(like.Shape)
	}
	for i, v := range c.Inputs {
		if at == axis || len(v.Shape) != len(like.Shape) || v.Shape[at] != (graph.Dim{Size: r.batch}) || like.Shape[at].Size != 1 {
			continue
		}
		if v = r.ofOneImage(v, at); v != nil {
			c.Inputs[i] = r.b.Repeat(name+".each", v, like, at)
		}
	}
}

// openOperands replaces operands that repeat the same tensor for the fixed number of images by
// that tensor for one image, which is broadcast.
func (r *reader) openOperands(c *op.Call) {
	like, at := r.batched(c.Inputs)
	if like == nil || r.batch == 1 || like.Shape[at].Size != 1 {
		return
	}
	for i, v := range c.Inputs {
		k := at - len(like.Shape) + len(v.Shape)
		if k < 0 || v.Shape[k] != (graph.Dim{Size: r.batch}) {
			continue
		}
		if v = r.ofOneImage(v, k); v != nil {
			c.Inputs[i] = v
		}
	}
}

// batched returns the input that has a batch dimension, the one with the most dimensions if there
// are several, and the index of that dimension.
func (r *reader) batched(inputs []*graph.Value) (like *graph.Value, at int) {
	for _, v := range inputs {
		if k := batchAt(v.Shape); k >= 0 && (like == nil || len(v.Shape) > len(like.Shape)) {
			like, at = v, k
		}
	}
	return like, at
}

// ofOneImage returns the part of v that belongs to one image, if v repeats it for the fixed number
// of images along dimension at. Otherwise it returns nil.
func (r *reader) ofOneImage(v *graph.Value, at int) *graph.Value {
	if r.batch == 1 {
		return v
	}
	if n := v.Producer(); n.Is("", "Expand") || n.Is("", "Tile") {
		x := n.Inputs[0]
		if k := at - len(v.Shape) + len(x.Shape); k < 0 {
			return nil
		} else if x.Shape[k] == graph.Fixed(1) && slices.Equal(x.Shape[k+1:], v.Shape[at+1:]) {
			return x
		}
	}
	if t := op.TensorOf(v); t != nil {
		return r.b.First(v.Name+".first", t, at)
	}
	return nil
}

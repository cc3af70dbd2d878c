package op

import (
	"fmt"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Pad adds constant numbers of elements at the ends of dimensions. In the mode "constant" they may be
// negative, which cuts elements off. The pads are a constant, which is 0 by default, or, in the
// modes "reflect" and "edge", elements of the data.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Pad", Takes: Takes("data", "pads", "constant_value?"), Gives: Gives("output"), Fields: Fields("mode", "constant")},
	From:   11, Until: 17,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, pads := n.In("data"), n.In("pads").Ints()
		if v := n.In("constant_value"); v != nil && v.Elem != x.Elem {
			return nil, errDiffer(x, v)
		}
		shape := slices.Clone(x.Shape)
		if err := checkPads(n.Text("mode"), shape.Sizes(), pads); err != nil {
			return nil, fmt.Errorf("input %s: %w", x, err)
		}
		for i := range shape {
			extra := pads[i] + pads[len(shape)+i]
			if shape[i].Symbol != "" && (pads[i] != 0 || extra != 0) {
				return nil, fmt.Errorf("input %s cannot be padded along dimension %d, which is symbolic", x, i)
			}
			shape[i].Size += extra
		}
		return typed(x.Elem, shape)
	},
	Gradient: padGradient,
	Eval:     evalPad,
})

// checkPads checks that data of the sizes can be padded that way.
func checkPads(mode string, sizes []int, pads []int64) error {
	if len(pads) != 2*len(sizes) {
		return fmt.Errorf("%d pads for %d dimensions", len(pads), len(sizes))
	}
	for i, size := range sizes {
		before, after := pads[i], pads[len(sizes)+i]
		if before < -ElementLimit || after < -ElementLimit || before > ElementLimit || after > ElementLimit || int64(size)+before+after < 0 {
			return fmt.Errorf("pads %v are too large, or leave nothing of dimension %d", pads, i)
		}
		switch least, most := min(before, after), max(before, after); {
		case mode == "constant":
		case mode != "reflect" && mode != "edge":
			return fmt.Errorf("attribute \"mode\" is %q, want constant, reflect or edge", mode)
		case least < 0:
			return fmt.Errorf("pads %v are negative in the mode %q", pads, mode)
		case most > 0 && size == 0, mode == "reflect" && most > 0 && most >= int64(size):
			return fmt.Errorf("pads %v are too large for the mode %q", pads, mode)
		}
	}
	return nil
}

// PadColumns appends x [n, h, w, c] with columns of zeros on its left and right.
func (b Builder) PadColumns(name string, x *graph.Value, left, right int) *graph.Value {
	return b.pad(name, x, []int64{0, 0, int64(left), 0, 0, 0, int64(right), 0})
}

// pad appends x with zeros around it: pads before each dimension, then behind each.
func (b Builder) pad(name string, x *graph.Value, pads []int64) *graph.Value {
	return b.one("Pad", name, []*graph.Value{x, b.Ints(name+".pads", pads...)})
}

// padGradient returns the gradient with respect to the data: dy without the pads, plus, in the
// modes that repeat elements, dy of each pad added to the element that it repeats. It also
// returns the gradient with respect to the constant: the sum of dy over the pads.
func padGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, value, pads := n.In("data"), n.In("constant_value"), n.In("pads").Ints()
	grads := make([]*graph.Value, len(n.Inputs))
	switch mode := n.Text("mode"); {
	case mode == "constant":
		back := make([]int64, len(pads))
		for i, p := range pads {
			back[i] = -p
		}
		grads[0] = b.pad(n.Name, dy[0], back)
	case b.Wants(x):
		grads[0] = dy[0]
		for axis := range x.Shape {
			before, after := pads[axis], pads[len(x.Shape)+axis]
			if before+after > 0 {
				grads[0] = b.padGradientAlong(fmt.Sprint(n.Name, ".", axis), grads[0], axis, x.Shape[axis].Size, before, after, mode == "reflect")
			}
		}
	}
	if value != nil && b.Wants(value) {
		rest := b.Binary("Sub", n.Name+".pads", b.total(n.Name+".all", dy[0]), b.total(n.Name+".data", grads[0]))
		grads[2] = b.Shaped(n.Name+".value", rest, value.Shape)
	}
	return grads
}

// total appends the sum of all elements.
func (b Builder) total(name string, x *graph.Value) *graph.Value {
	axes := make([]int64, len(x.Shape))
	for i := range axes {
		axes[i] = int64(i)
	}
	return b.ReduceSum(name, x, false, axes...)
}

// padGradientAlong appends the gradient with respect to elements that were padded along one axis
// in the mode "reflect" or "edge", given d, the gradient with respect to elements and pads.
func (b Builder) padGradientAlong(name string, d *graph.Value, axis int, size, before, after int64, reflect bool) *graph.Value {
	sum := []*graph.Value{b.cut(name+".core", d, axis, before, before+size, 1)}
	for _, side := range []struct {
		name           string
		from, to       int64 // of the pads in d
		edge, mirrored int64 // the first element that they repeat, in each mode
	}{
		{"before", 0, before, 0, 1},
		{"after", before + size, before + size + after, size - 1, size - 1 - after},
	} {
		count, at := side.to-side.from, side.edge
		if count == 0 {
			continue
		}
		name := name + "." + side.name
		var part *graph.Value
		if reflect {
			part, at = b.cut(name, d, axis, side.to-1, side.from-1, -1), side.mirrored
		} else {
			part, count = b.ReduceSum(name+".sum", b.cut(name, d, axis, side.from, side.to, 1), true, int64(axis)), 1
		}
		pads := make([]int64, 2*len(d.Shape))
		pads[axis], pads[len(d.Shape)+axis] = at, size-at-count
		sum = append(sum, b.pad(name+".placed", part, pads))
	}
	return b.Sum(name, sum...)
}

// cut appends the elements from, from + step, … of one axis, up to but not including `to`.
func (b Builder) cut(name string, x *graph.Value, axis int, from, to, step int64) *graph.Value {
	if to < 0 {
		to = math.MinInt32 // before the first element, when going back
	}
	return b.one("Slice", name, []*graph.Value{
		x, b.Ints(name+".from", from), b.Ints(name+".to", to), b.Ints(name+".axis", int64(axis)), b.Ints(name+".step", step),
	})
}

func evalPad(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x := in[0]
	if err := in[1].want("pads", graph.Int64, 1); err != nil {
		return nil, err
	}
	mode, pads, rank := n.Text("mode"), in[1].Ints, len(x.Shape)
	if err := checkPads(mode, x.Shape, pads); err != nil {
		return nil, fmt.Errorf("input %s: %w", x, err)
	}
	value, err := newTensor(x.Elem, 1)
	if err != nil {
		return nil, err
	}
	if len(in) > 2 && in[2] != nil {
		if value = in[2]; value.Elem != x.Elem || value.Len() != 1 {
			return nil, fmt.Errorf("constant_value is %s, want one number of the type of %s", value, x)
		}
	}
	shape, sources := slices.Clone(x.Shape), make([][]int, rank)
	for i := range shape {
		shape[i] += int(pads[i] + pads[rank+i])
	}
	y, err := newTensor(x.Elem, shape...)
	if err != nil {
		return nil, err
	}
	for i := range shape {
		sources[i] = padSources(mode, x.Shape[i], shape[i], int(pads[i]))
	}
	switch {
	case x.Floats != nil:
		padInto(y.Floats, x.Floats, x.Shape, shape, sources, value.Floats[0])
	case x.Doubles != nil:
		padInto(y.Doubles, x.Doubles, x.Shape, shape, sources, value.Doubles[0])
	default:
		padInto(y.Ints, x.Ints, x.Shape, shape, sources, value.Ints[0])
	}
	return one(y)
}

// padSources returns, for each index of a padded dimension, the index of the element that is
// copied there, or -1 for the constant.
func padSources(mode string, size, padded, before int) []int {
	list := make([]int, padded)
	for i := range list {
		at := i - before
		switch {
		case at >= 0 && at < size:
		case mode == "constant":
			at = -1
		case mode == "edge":
			at = max(0, min(at, size-1))
		case at < 0: // reflect
			at = -at
		default:
			at = 2*size - 2 - at
		}
		list[i] = at
	}
	return list
}

// padInto fills y of sizes `to` with elements of x of sizes `from`, a row along the last dimension
// at a time. sources holds the result of padSources for each dimension.
func padInto[T any](y, x []T, from, to []int, sources [][]int, value T) {
	if len(to) == 0 || len(y) == 0 {
		copy(y, x)
		return
	}
	last, step := len(to)-1, strides(from, from)
	index := make([]int, last)
	for width := to[last]; ; y = y[width:] {
		start, inside := 0, true
		for d, k := range index {
			inside = inside && sources[d][k] >= 0
			start += sources[d][k] * step[d]
		}
		for i, k := range sources[last] {
			if !inside || k < 0 {
				y[i] = value
			} else {
				y[i] = x[start+k]
			}
		}
		if !next(index, to) {
			return
		}
	}
}

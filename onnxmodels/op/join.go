package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Operators that cut tensors into parts, and that join parts.

// Split cuts a tensor into equal parts, or into parts whose sizes an input holds.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Split", Takes: Takes("input", "split?"), Gives: Gives("outputs*"), Fields: Fields("axis", int64(0))},
	From:   13, Until: 17,
	Infer: inferSplit,
	// dx = the parts' gradients joined
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		x := n.In("input")
		axis, _ := axisOf(x, n.Int("axis"))
		parts := make([]*graph.Value, len(dy))
		for i, d := range dy {
			if y := n.Outputs[i]; d == nil {
				d = b.As(y.Elem, b.Zeros(n.Name, b.ShapeOf(n.Name+".shape", y), y.Shape))
			}
			parts[i] = d
		}
		return []*graph.Value{b.Concat(n.Name, parts, axis, x.Shape[axis]), nil}[:len(n.Inputs)]
	},
	Eval:  evalSplit,
	Moves: true,
})

func inferSplit(n *graph.Node) ([]graph.Type, error) {
	x, parts := n.In("input"), len(n.Outputs)
	axis, err := axisOf(x, n.Int("axis"))
	if err != nil {
		return nil, err
	}
	d := x.Shape[axis]
	sizes := make([]int64, parts)
	switch given := n.In("split"); {
	case given != nil && (!given.Constant() || len(given.Ints()) != parts):
		return nil, fmt.Errorf("the sizes %s of %d parts are not constant", given, parts)
	case given != nil:
		sizes = given.Ints()
		if total := sum(sizes); d.Symbol != "" || total != d.Size || slices.Min(sizes) < 0 {
			return nil, fmt.Errorf("%s cannot be cut into parts of %v along dimension %d", x, sizes, axis)
		}
	case d.Symbol == "" && d.Size%int64(parts) != 0:
		return nil, fmt.Errorf("%s cannot be cut into %d equal parts", x, parts)
	default:
		for i := range sizes {
			sizes[i] = d.Size / int64(parts)
		}
	}
	types := make([]graph.Type, parts)
	for i := range types {
		shape := slices.Clone(x.Shape)
		switch {
		case d.Symbol == "":
			shape[axis].Size = sizes[i]
		case d.Size%int64(parts) == 0:
			shape[axis].Size /= int64(parts)
		default:
			shape[axis] = graph.Symbol(n.Name + ".part") // for example half of the batch
		}
		types[i] = graph.Type{Elem: x.Elem, Shape: shape}
	}
	return types, nil
}

func sum(list []int64) (total int64) {
	for _, v := range list {
		total += v
	}
	return total
}

func evalSplit(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x, parts := in[0], len(n.Outputs)
	axis, err := axisIn(n.Int("axis"), len(x.Shape))
	if err != nil {
		return nil, err
	}
	var sizes []int64
	if len(in) > 1 && in[1] != nil {
		sizes = in[1].Ints
	} else {
		for range parts {
			sizes = append(sizes, int64(x.Shape[axis]/max(parts, 1)))
		}
	}
	if parts == 0 || len(sizes) != parts || sum(sizes) != int64(x.Shape[axis]) || slices.Min(sizes) < 0 {
		return nil, fmt.Errorf("input %s cannot be cut into %d parts of %v along dimension %d", x, parts, sizes, axis)
	}
	list, start := make([]*Tensor, parts), 0
	inner := product(x.Shape[axis+1:])
	for i, size := range sizes {
		shape := slices.Clone(x.Shape)
		shape[axis] = int(size)
		if list[i], err = empty(x.Elem, shape...); err != nil {
			return nil, err
		}
		for outer := range product(x.Shape[:axis]) {
			from := (outer*x.Shape[axis] + start) * inner
			list[i].extend(x, from, from+int(size)*inner)
		}
		start += int(size)
	}
	return list, nil
}

// Split appends the n equal parts of x along its first dimension. If the size of that dimension
// is a symbol, the parts get the given symbol as their size.
func (b Builder) Split(name string, x *graph.Value, n int, symbol string) []*graph.Value {
	if n < 1 || x == nil || len(x.Shape) == 0 {
		b.Fail("Split %q: %d parts are fewer than 1, or input %v has no dimension", name, n, x)
		return nil
	}
	c := Call{Name: name, Inputs: []*graph.Value{x}, Attributes: []graph.Attribute{{Name: "axis", Value: int64(0)}}}
	for range n {
		c.Want = append(c.Want, true)
		if x.Shape[0].Symbol != "" {
			c.Types = append(c.Types, graph.Type{Elem: x.Elem, Shape: append(graph.Shape{graph.Symbol(symbol)}, x.Shape[1:]...)})
		}
	}
	return slices.Clone(b.Do("", "Split", c))
}

// Until opset 12 the sizes were an attribute. Since opset 18 the attribute num_outputs may give
// the number of parts, the last of which may be smaller.
var _ = RegisterVariants(
	&Variant{
		Schema: graph.Schema{Op: "Split", Takes: Takes("input"), Gives: Gives("outputs*"), Fields: Fields("axis", int64(0), "split", []int64(nil))},
		Until:  12,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			return b.splitInto(n, n.Ints("split"))
		},
	},
	&Variant{
		Schema: graph.Schema{Op: "Split", Takes: Takes("input", "split?"), Gives: Gives("outputs*"), Fields: Fields("axis", int64(0), "num_outputs", int64(0))},
		From:   18,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x, parts := n.In("input"), int64(len(n.Outputs))
			if given := n.In("split"); given != nil {
				if !given.Constant() {
					return nil, fmt.Errorf("the sizes of its parts are not constant")
				}
				return b.splitInto(n, given.Ints())
			}
			axis, err := axisOf(x, n.Int("axis"))
			if err != nil {
				return nil, err
			}
			if x.Shape[axis].Symbol != "" || x.Shape[axis].Size%parts == 0 {
				return b.splitInto(n, nil)
			}
			sizes := make([]int64, parts)
			each, left := (x.Shape[axis].Size+parts-1)/parts, x.Shape[axis].Size
			for i := range sizes {
				sizes[i] = min(each, left)
				left -= sizes[i]
			}
			return b.splitInto(n, sizes)
		},
	},
)

// splitInto appends Split of the node's input into parts of the sizes, or into equal parts if
// there are none.
func (b Builder) splitInto(n *graph.Node, sizes []int64) ([]*graph.Value, error) {
	c := Call{Name: n.Name, Inputs: []*graph.Value{n.In("input")}, Attributes: []graph.Attribute{{Name: "axis", Value: n.Int("axis")}}}
	if sizes != nil {
		c.Inputs = append(c.Inputs, b.Ints(n.Name+".sizes", sizes...))
	}
	for range n.Outputs {
		c.Want = append(c.Want, true)
	}
	return b.Do("", "Split", c), nil
}

// Concat joins tensors along an axis.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Concat", Takes: Takes("inputs*"), Gives: Gives("concat_result"), Fields: Fields("axis", Required{int64(0)})},
	Infer:  inferConcat,
	// each part's gradient, cut out of dy
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		axis, err := axisOf(dy[0], n.Int("axis"))
		if err != nil {
			b.Fail("differentiate %q: %w", n.Name, err)
			return n.Inputs
		}
		first := n.Inputs[0].Shape[axis]
		other := slices.ContainsFunc(n.Inputs, func(v *graph.Value) bool { return v.Shape[axis] != first })
		open := slices.ContainsFunc(n.Inputs, func(v *graph.Value) bool { return v.Shape[axis].Symbol != "" })
		switch {
		case open && other:
			b.Fail("differentiate %q: its parts have sizes that differ and are not all fixed", n.Name)
			return n.Inputs
		case open:
			return b.Split(n.Name, dy[0], len(n.Inputs), first.Symbol)
		}
		c := Call{Name: n.Name, Inputs: []*graph.Value{dy[0], nil}, Attributes: []graph.Attribute{{Name: "axis", Value: int64(axis)}}}
		sizes := make([]int64, len(n.Inputs))
		for i, v := range n.Inputs {
			sizes[i], c.Want = v.Shape[axis].Size, append(c.Want, true)
		}
		c.Inputs[1] = b.Ints(n.Name+".sizes", sizes...)
		return b.Do("", "Split", c)
	},
	Eval:  evalConcat,
	Moves: true,
})

func inferConcat(n *graph.Node) ([]graph.Type, error) {
	first := n.Inputs[0]
	axis, err := axisOf(first, n.Int("axis"))
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(first.Shape)
	for _, v := range n.Inputs[1:] {
		if len(v.Shape) != len(shape) {
			return nil, fmt.Errorf("%s and %s do not fit along dimension %d", first, v, axis)
		}
		like := slices.Clone(v.Shape)
		like[axis] = shape[axis]
		if v.Elem != first.Elem || !like.Equal(shape) {
			return nil, fmt.Errorf("%s and %s do not fit along dimension %d", first, v, axis)
		}
		if v.Shape[axis].Symbol == shape[axis].Symbol {
			shape[axis].Size += v.Shape[axis].Size
		} else {
			shape[axis] = graph.Symbol(n.Name + ".joined") // for example the batch and one more
		}
	}
	return typed(first.Elem, shape)
}

func evalConcat(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	first := in[0]
	axis, err := axisIn(n.Int("axis"), len(first.Shape))
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(first.Shape)
	for _, x := range in[1:] {
		fits := x.Elem == first.Elem && len(x.Shape) == len(shape)
		for i := range x.Shape {
			fits = fits && (i == axis || x.Shape[i] == shape[i])
		}
		if !fits {
			return nil, fmt.Errorf("inputs %s and %s do not fit along dimension %d", first, x, axis)
		}
		shape[axis] += x.Shape[axis]
	}
	y, err := empty(first.Elem, shape...)
	if err != nil {
		return nil, err
	}
	for outer := range product(shape[:axis]) {
		for _, x := range in {
			span := product(x.Shape[axis:])
			y.extend(x, outer*span, (outer+1)*span)
		}
	}
	return one(y)
}

// Concat appends the parts joined along a dimension, which then has the given size.
func (b Builder) Concat(name string, parts []*graph.Value, axis int, size graph.Dim) *graph.Value {
	c := Call{Name: name, Inputs: parts, Attributes: []graph.Attribute{{Name: "axis", Value: int64(axis)}}}
	if len(parts) > 0 && parts[0] != nil && axis >= 0 && axis < len(parts[0].Shape) {
		shape := slices.Clone(parts[0].Shape)
		shape[axis] = size
		c.Types = []graph.Type{{Elem: parts[0].Elem, Shape: shape}}
	}
	return b.Do("", "Concat", c)[0]
}

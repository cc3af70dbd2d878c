package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Until opset 10 pads and the constant were attributes. Since opset 18 the input axes may name
// the dimensions that are padded, and since opset 19 there is the mode "wrap", which repeats the
// opposite end of the data.
var _ = RegisterVariants(
	&Variant{
		Schema: graph.Schema{
			Op: "Pad", Takes: Takes("data"), Gives: Gives("output"),
			Fields: Fields("pads", Required{[]int64(nil)}, "mode", "constant", "value", float32(0)),
		},
		Until: 10,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			var value *graph.Value
			if v := n.Float("value"); v != 0 {
				value = b.As(n.In("data").Elem, b.Scalar(n.Name+".value", v))
			}
			return b.padded(n, n.Ints("pads"), value)
		},
	},
	&Variant{
		Schema: graph.Schema{Op: "Pad", Takes: Takes("data", "pads", "constant_value?", "axes?"), Gives: Gives("output"), Fields: Fields("mode", "constant")},
		From:   11,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			rank := len(n.In("data").Shape)
			list, err := integersOf("pads", n.In("pads"))
			if err != nil {
				return nil, err
			}
			if n.In("axes") == nil {
				return b.padded(n, list, n.In("constant_value"))
			}
			named, err := integersOf("axes", n.In("axes"))
			if err != nil {
				return nil, err
			}
			axes, err := axesList(named, rank)
			if err != nil {
				return nil, err
			}
			if len(list) != 2*len(axes) {
				return nil, fmt.Errorf("there are %d pads for %d axes, want two for each axis", len(list), len(axes))
			}
			pads := make([]int64, 2*rank)
			for i, axis := range axes {
				pads[axis], pads[rank+axis] = list[i], list[len(axes)+i]
			}
			return b.padded(n, pads, n.In("constant_value"))
		},
	},
)

// integersOf returns the integers that an input holds, which must be known before the model
// runs.
func integersOf(what string, v *graph.Value) ([]int64, error) {
	if t := TensorOf(v); t != nil && t.Ints != nil {
		return t.Ints, nil
	}
	known := v.Known()
	if !fixed(known) {
		return nil, fmt.Errorf("the %s %s are not known before the model runs", what, v)
	}
	list := make([]int64, len(known))
	for i, d := range known {
		list[i] = d.Size
	}
	return list, nil
}

// padded appends the output of a model's Pad node, given the pads of all dimensions.
func (b Builder) padded(n *graph.Node, pads []int64, value *graph.Value) ([]*graph.Value, error) {
	x, mode := n.In("data"), n.Text("mode")
	if len(pads) != 2*len(x.Shape) {
		return nil, fmt.Errorf("there are %d pads for input %s, want two for each dimension", len(pads), x)
	}
	if value != nil && len(value.Shape) == 1 { // some models have [1]
		value = b.Shaped(n.Name+".scalar", value, graph.Shape{})
	}
	name := n.Name
	if mode != "constant" {
		value = nil
		if slices.Min(append(pads, 0)) < 0 { // negative pads cut first, then the others pad
			cuts, rest := make([]int64, len(pads)), make([]int64, len(pads))
			for i, p := range pads {
				cuts[i], rest[i] = min(p, 0), max(p, 0)
			}
			x, pads = b.pad(name+".cut", x, cuts), rest
		}
	}
	if mode == "wrap" {
		for axis := range x.Shape {
			x = b.wrapped(fmt.Sprint(name, ".", axis), x, axis, pads[axis], pads[len(x.Shape)+axis])
		}
		return []*graph.Value{x}, b.Err()
	}
	inputs := []*graph.Value{x, b.Ints(name+".pads", pads...), value}
	return []*graph.Value{b.one("Pad", name, inputs, graph.Attribute{Name: "mode", Value: mode})}, nil
}

// wrapped appends x padded in the mode "wrap" along one axis: its end is put before its start and
// its start behind its end.
func (b Builder) wrapped(name string, x *graph.Value, axis int, before, after int64) *graph.Value {
	d := x.Shape[axis]
	if before == 0 && after == 0 || b.Err() != nil {
		return x
	}
	if d.Symbol != "" || d.Size < 1 || before+after > ElementLimit {
		b.Fail("Pad %q: input %s cannot be padded along dimension %d", name, x, axis)
		return x
	}
	var parts []*graph.Value
	for at, end := -before, d.Size+after; at < end; {
		from := (at%d.Size + d.Size) % d.Size
		to := min(d.Size, from+end-at)
		part := x
		if from > 0 || to < d.Size {
			part = b.cut(fmt.Sprint(name, ".part", len(parts)), x, axis, from, to, 1)
		}
		parts = append(parts, part)
		at += to - from
	}
	return b.Concat(name, parts, axis, graph.Dim{Size: before + d.Size + after})
}

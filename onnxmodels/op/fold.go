package op

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// This file computes parts of a graph while it is built. Models compute shapes as they
// run, by Shape, Gather, Concat and Reshape; with their results known, up to the symbol of
// the batch, every value has a type.

// foldLimit is how many elements a constant may have that is computed while a graph is
// built. Larger ones stay in the graph as what computes them.
const foldLimit = 1 << 22

// fold returns the outputs of an operator whose inputs are constants, as constants; or nil
// if they are not, or if it has no pure Go form.
func (b Builder) fold(o *Operator, c Call, types []graph.Type) []*graph.Value {
	n := &graph.Node{Schema: &o.Schema, Name: c.Name, Inputs: c.Inputs, Attributes: c.Attributes, Outputs: make([]*graph.Value, len(c.Want))}
	if o.Known != nil && len(types[0].Shape) <= 1 && !types[0].Elem.Floating() {
		if known := o.Known(n); fixed(known) {
			return []*graph.Value{b.constant(c.Name+o.Gives[0].Suffix, knownTensor(known, types[0]))}
		}
	}
	if o.Eval == nil || len(c.Inputs) == 0 {
		return nil
	}
	in := make([]*Tensor, len(c.Inputs))
	for i, v := range c.Inputs {
		if v == nil {
			continue
		}
		if in[i] = TensorOf(v); in[i] == nil {
			return nil
		}
	}
	for _, t := range types {
		if n := Elements(t.Shape); n > foldLimit {
			return nil
		}
	}
	out, err := o.Eval(n, in)
	if err != nil || len(out) < len(c.Want) {
		return nil // running the model tells what is wrong
	}
	values := make([]*graph.Value, len(c.Want))
	for i, want := range c.Want {
		if want {
			values[i] = b.constant(c.Name+o.Gives[min(i, len(o.Gives)-1)].Suffix, out[i])
		}
	}
	return values
}

// constant appends a tensor as a constant.
func (b Builder) constant(name string, t *Tensor) *graph.Value {
	return b.Constant(name, t.Elem, t.Shape, t.Bytes())
}

// fixed tells whether all elements are known numbers.
func fixed(known []graph.Dim) bool {
	return known != nil && !slices.ContainsFunc(known, func(d graph.Dim) bool { return d.Symbol != "" })
}

func knownTensor(known []graph.Dim, t graph.Type) *Tensor {
	x := &Tensor{Elem: t.Elem, Shape: make([]int, len(t.Shape)), Ints: make([]int64, len(known))}
	for i := range x.Shape {
		x.Shape[i] = len(known) // a list, or a scalar without dimensions
	}
	for i, d := range known {
		x.Ints[i] = wrap(t.Elem, d.Size)
	}
	return x
}

// know finds the elements of the node's first output, if it is a list of integers that
// can be told.
func (o *Operator) know(n *graph.Node) {
	y := n.Outputs[0]
	if y == nil || y.Elem != graph.Int64 && y.Elem != graph.Int32 || len(y.Shape) > 1 {
		return
	}
	switch {
	case o.Known != nil:
		y.SetKnown(o.Known(n))
	case o.Moves:
		y.SetKnown(o.moved(n))
	}
}

// moved tells which elements an operator that moves them puts where: it moves their
// numbers instead.
func (o *Operator) moved(n *graph.Node) []graph.Dim {
	var known []graph.Dim
	in := make([]*Tensor, len(n.Inputs))
	data := 1 // how many inputs hold what is moved
	if o.Takes[0].Variadic {
		data = len(n.Inputs)
	}
	for i, v := range n.Inputs {
		switch {
		case v == nil:
		case i >= data:
			if in[i] = TensorOf(v); in[i] == nil {
				return nil
			}
		default:
			elements := v.Known()
			size, static := v.Shape.Elements()
			if elements == nil || !static || size != len(elements) {
				return nil
			}
			in[i] = &Tensor{Elem: graph.Int64, Shape: v.Shape.Sizes(), Ints: make([]int64, len(elements))}
			for k := range elements {
				in[i].Ints[k] = int64(len(known) + k)
			}
			known = append(known, elements...)
		}
	}
	out, err := o.Eval(n, in)
	if err != nil || len(out) == 0 {
		return nil
	}
	moved := make([]graph.Dim, len(out[0].Ints))
	for i, k := range out[0].Ints {
		moved[i] = known[k]
	}
	return moved
}

// alongside returns what f makes of each pair of known elements, of which a single one
// meets all. It returns nil if one cannot be told.
func alongside(a, b *graph.Value, f func(x, y graph.Dim) (graph.Dim, bool)) []graph.Dim {
	x, y := a.Known(), b.Known()
	if len(x) == 0 || len(y) == 0 || len(x) != len(y) && len(x) != 1 && len(y) != 1 {
		return nil
	}
	known := make([]graph.Dim, max(len(x), len(y)))
	for i := range known {
		var ok bool
		if known[i], ok = f(x[min(i, len(x)-1)], y[min(i, len(y)-1)]); !ok {
			return nil
		}
	}
	return known
}

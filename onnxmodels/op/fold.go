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
	if values := b.constants(o, c, o.told(n, types), types); values != nil {
		return values
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
		if x.Shape[i] = int(t.Shape[i].Size); len(x.Shape) == 1 {
			x.Shape[i] = len(known) // a list, or a scalar without dimensions
		}
	}
	for i, d := range known {
		x.Ints[i] = wrap(t.Elem, d.Size)
	}
	return x
}

// constants appends the outputs of a call as constants, if all their elements are known
// numbers.
func (b Builder) constants(o *Operator, c Call, lists [][]graph.Dim, types []graph.Type) []*graph.Value {
	for i, want := range c.Want {
		if want && (i >= len(lists) || !fixed(lists[i])) {
			return nil
		}
	}
	values := make([]*graph.Value, len(c.Want))
	for i, want := range c.Want {
		if want {
			values[i] = b.constant(c.Name+o.Gives[min(i, len(o.Gives)-1)].Suffix, knownTensor(lists[i], types[i]))
		}
	}
	return values
}

// know finds the elements of the node's outputs, if they are integers that can be told.
func (o *Operator) know(n *graph.Node) {
	types := make([]graph.Type, len(n.Outputs))
	for i, y := range n.Outputs {
		if y != nil {
			types[i] = y.Type()
		}
	}
	for i, known := range o.told(n, types) {
		if y := n.Outputs[i]; y != nil && (y.Elem == graph.Int64 || y.Elem == graph.Int32) {
			y.SetKnown(known)
		}
	}
}

// told returns the elements of the outputs as far as they can be told, nil for those of which
// they cannot.
func (o *Operator) told(n *graph.Node, types []graph.Type) [][]graph.Dim {
	switch {
	case types[0].Elem.Floating():
	case o.Known != nil && len(types[0].Shape) <= 1:
		return [][]graph.Dim{o.Known(n)}
	case o.Moves:
		return o.moved(n)
	}
	return nil
}

// moved tells which elements an operator that moves them puts where: it moves their
// numbers instead.
func (o *Operator) moved(n *graph.Node) [][]graph.Dim {
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
	if err != nil || len(out) != len(n.Outputs) {
		return nil
	}
	lists := make([][]graph.Dim, len(out))
	for i, y := range out {
		lists[i] = make([]graph.Dim, len(y.Ints))
		for k, from := range y.Ints {
			lists[i][k] = known[from]
		}
	}
	return lists
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

package op

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// This file computes parts of a graph while it is built ("constant folding"). Models compute
// shapes at run time with Shape, Gather, Concat and Reshape. Only with the results known, up to
// symbols such as the batch size, can every value be given a type.

// foldLimit is the most elements that a folded constant may have. The operators that compute
// larger ones stay in the graph.
const foldLimit = 1 << 22

// fold evaluates a call whose inputs are constants and returns its outputs as constants. It
// returns nil if an input is not constant, or if pure Go cannot evaluate the operator.
func (b Builder) fold(o *Operator, c Call, types []graph.Type) []*graph.Value {
	n := &graph.Node{Schema: &o.Schema, Name: c.Name, Inputs: c.Inputs, Attributes: c.Attributes, Outputs: make([]*graph.Value, len(c.Want))}
	if values := b.knownConstants(o, c, o.knownOutputs(n, types), types); values != nil {
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
		return nil // running the model will report what is wrong
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

// fixed reports whether all elements are known and none is a symbol.
func fixed(known []graph.Dim) bool {
	return known != nil && !slices.ContainsFunc(known, func(d graph.Dim) bool { return d.Symbol != "" })
}

// knownTensor returns known elements, which must be fixed, as a tensor of the type.
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

// knownConstants appends the outputs of a call as constants, given their known elements (see
// knownOutputs). It returns nil if an element is unknown or a symbol.
func (b Builder) knownConstants(o *Operator, c Call, lists [][]graph.Dim, types []graph.Type) []*graph.Value {
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

// setKnown records the elements of the node's outputs, if they are integers and can be told
// without running the graph.
func (o *Operator) setKnown(n *graph.Node) {
	types := make([]graph.Type, len(n.Outputs))
	for i, y := range n.Outputs {
		if y != nil {
			types[i] = y.Type()
		}
	}
	for i, known := range o.knownOutputs(n, types) {
		if y := n.Outputs[i]; y != nil && (y.Elem == graph.Int64 || y.Elem == graph.Int32) {
			y.SetKnown(known)
		}
	}
}

// knownOutputs returns the elements of each output, as fixed numbers or multiples of symbols. An
// output whose elements cannot be told without running the graph is nil or missing.
func (o *Operator) knownOutputs(n *graph.Node, types []graph.Type) [][]graph.Dim {
	switch {
	case types[0].Elem.Floating():
	case o.Known != nil && len(types[0].Shape) <= 1:
		return [][]graph.Dim{o.Known(n)}
	case o.Moves:
		return o.movedElements(n)
	}
	return nil
}

// movedElements returns the known elements of the outputs of an operator that only moves
// elements. It evaluates the operator on the indices of the elements in place of their values.
func (o *Operator) movedElements(n *graph.Node) [][]graph.Dim {
	var known []graph.Dim
	in := make([]*Tensor, len(n.Inputs))
	data := 1 // how many inputs hold elements to move; the others hold axes, sizes and the like
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

// knownPairs applies f to each pair of known elements of a and b; a single element is broadcast.
// It returns nil if an element is not known, or if f cannot tell a result.
func knownPairs(a, b *graph.Value, f func(x, y graph.Dim) (graph.Dim, bool)) []graph.Dim {
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

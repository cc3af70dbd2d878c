package op

import "onnxlab/onnxmodels/graph"

// Operators of any number of inputs of one type, which are broadcast.
var (
	_ = variadic("Max", "max", numbers, 0, chosenGradient, largerOf)
	_ = variadic("Min", "min", numbers, 0, chosenGradient, smallerOf)
	_ = variadic("Sum", "sum", floats, 0, addGradient, arithmetic{floats: addRow[float32], doubles: addRow[float64]})
)

var largerOf = pairwise(
	func(a, b float64) float64 { return max(a, b) },
	func(elem graph.Elem, a, b int64) int64 { return ordered(elem, max(ordered(elem, a), ordered(elem, b))) },
)

var smallerOf = pairwise(
	func(a, b float64) float64 { return min(a, b) },
	func(elem graph.Elem, a, b int64) int64 { return ordered(elem, min(ordered(elem, a), ordered(elem, b))) },
)

// variadic declares an operator that combines all its inputs with f, one after the other.
func variadic(name, gives string, k kind, from int, gradient func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value, f arithmetic) *Operator {
	return Register(&Operator{
		Schema:   graph.Schema{Op: name, Takes: Takes("data_0*"), Gives: Gives(gives)},
		Infer:    k.broadcast,
		Gradient: gradient,
		From:     from,
		Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
			y := in[0]
			for _, x := range in[1:] {
				var err error
				if y, err = f.of(y, x); err != nil {
					return nil, err
				}
			}
			return one(y)
		},
	})
}

// chosenGradient passes dy to the input that was chosen as y, to the first one if several are
// equal to it.
func chosenGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := make([]*graph.Value, len(n.Inputs))
	y, left := n.Outputs[0], dy[0]
	last := 0 // the last input that wants a gradient
	for i, in := range n.Inputs {
		if b.Wants(in) {
			last = i
		}
	}
	for i, in := range n.Inputs[:last+1] {
		share := left
		if i < len(n.Inputs)-1 {
			is := b.Compare("Equal", n.Name+".is", in, y)
			share = b.where(n.Name+".share", is, left, nil)
			if i < last {
				left = b.where(n.Name+".left", is, nil, left)
			}
		}
		if b.Wants(in) {
			grads[i] = b.reduceTo(n.Name, share, in)
		}
	}
	return grads
}

// Mean becomes a sum times 1/n.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "Mean", Takes: Takes("data_0*"), Gives: Gives("mean")},
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		sum := b.Sum(n.Name+".sum", n.Inputs...)
		return []*graph.Value{b.scaled(n.Name, sum, 1/float64(len(n.Inputs)))}, nil
	},
})

// Sum appends the sum of values of one type, broadcast.
func (b Builder) Sum(name string, values ...*graph.Value) *graph.Value {
	return b.one("Sum", name, values)
}

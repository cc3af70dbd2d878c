package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Operators along one axis whose result depends on the order of its elements.

// CumSum gives, for each element, the sum of the elements up to it, without it if exclusive.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "CumSum", Takes: Takes("x", "axis"), Gives: Gives("y"), Fields: Fields("exclusive", int64(0), "reverse", int64(0))},
	From:   11,
	Infer:  FirstType,
	// dx = the cumulative sums of dy from the other end
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		dx := b.one("CumSum", n.Name, []*graph.Value{dy[0], n.In("axis")},
			graph.Attribute{Name: "exclusive", Value: n.Int("exclusive")}, graph.Attribute{Name: "reverse", Value: 1 - n.Int("reverse")})
		return []*graph.Value{dx, nil}
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x := in[0]
		if in[1].Ints == nil || len(in[1].Ints) != 1 {
			return nil, fmt.Errorf("axis %s, want one integer", in[1])
		}
		axis, err := axisIn(in[1].Ints[0], len(x.Shape))
		if err != nil {
			return nil, err
		}
		y, err := newTensor(x.Elem, x.Shape...)
		if err != nil {
			return nil, err
		}
		size, step := x.Shape[axis], product(x.Shape[axis+1:])
		for i := range x.Len() / max(size, 1) {
			from := i/step*size*step + i%step
			accumulate(y.Floats, x.Floats, from, size, step, n)
			accumulate(y.Doubles, x.Doubles, from, size, step, n)
			accumulate(y.Ints, x.Ints, from, size, step, n)
		}
		y.fit(0, y.Len())
		return one(y)
	},
})

// accumulate writes the cumulative sums of one line: n elements that are `step` apart.
func accumulate[T float32 | float64 | int64](y, x []T, from, n, step int, node *graph.Node) {
	if len(y) == 0 {
		return
	}
	at := func(i int) int { return from + i*step }
	if node.Flag("reverse") {
		at = func(i int) int { return from + (n-1-i)*step }
	}
	var sum T
	for i := range n {
		if k := at(i); node.Flag("exclusive") {
			y[k] = sum
			sum += x[k]
		} else {
			sum += x[k]
			y[k] = sum
		}
	}
}

// TopK gives the largest or smallest elements along an axis, and their indices. Of equal
// elements the one with the lower index comes first.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "TopK", Takes: Takes("X", "K"), Gives: Gives("Values", "Indices .indices"),
		Fields: Fields("axis", int64(-1), "largest", int64(1), "sorted", int64(1)),
	},
	From: 10,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("X")
		axis, err := axisOf(x, n.Int("axis"))
		if err != nil {
			return nil, err
		}
		shape := slices.Clone(x.Shape)
		if k := n.In("K").Known(); len(k) != 1 {
			shape[axis] = graph.Symbol(n.Name + ".K")
		} else if shape[axis] = k[0]; k[0].Symbol == "" && x.Shape[axis].Symbol == "" && (k[0].Size < 0 || k[0].Size > x.Shape[axis].Size) {
			return nil, fmt.Errorf("input %s has fewer than %d elements along dimension %d", x, k[0].Size, axis)
		}
		return []graph.Type{{Elem: x.Elem, Shape: shape}, {Elem: graph.Int64, Shape: shape}}, nil
	},
	// dx = dy at the indices of the selected elements, else 0
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		x := n.In("X")
		if dy[0] == nil {
			return []*graph.Value{nil, nil}
		}
		if len(n.Outputs) == 1 || n.Outputs[1] == nil {
			n.Outputs = n.Outputs[:1]
			b.AddOutput(n, ".indices", graph.Type{Elem: graph.Int64, Shape: n.Outputs[0].Shape})
		}
		return []*graph.Value{b.elementsGrad(n.Name, dy[0], x, n.Outputs[1], n.Int("axis")), nil}
	},
	Eval: evalTopK,
})

// Until opset 9 the number of elements was an attribute.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "TopK", Takes: Takes("X"), Gives: Gives("Values", "Indices .indices"), Fields: Fields("axis", int64(-1), "k", Required{int64(0)})},
	Until:  9,
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		return b.Do("", "TopK", Call{
			Name: n.Name, Inputs: []*graph.Value{n.In("X"), b.Ints(n.Name+".k", n.Int("k"))},
			Attributes: []graph.Attribute{{Name: "axis", Value: n.Int("axis")}},
		})[:len(n.Outputs)], nil
	},
})

func evalTopK(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x := in[0]
	axis, err := axisIn(n.Int("axis"), len(x.Shape))
	if err != nil {
		return nil, err
	}
	size, step := x.Shape[axis], product(x.Shape[axis+1:])
	if len(in[1].Ints) != 1 || in[1].Ints[0] < 0 || in[1].Ints[0] > int64(size) {
		return nil, fmt.Errorf("input %s does not have %v elements along dimension %d", x, in[1].Ints, axis)
	}
	k := int(in[1].Ints[0])
	shape := slices.Clone(x.Shape)
	shape[axis] = k
	values, err := newTensor(x.Elem, shape...)
	if err != nil {
		return nil, err
	}
	indices, err := newTensor(graph.Int64, shape...)
	if err != nil {
		return nil, err
	}
	order := make([]int, size)
	for i := range values.Len() / max(k, 1) {
		from, to := i/step*size*step+i%step, i/step*k*step+i%step
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(a, b int) int {
			c := x.compare(from+a*step, from+b*step)
			if n.Flag("largest") {
				return -c
			}
			return c
		})
		for j, at := range order[:k] {
			values.copyElement(to+j*step, x, from+at*step)
			indices.Ints[to+j*step] = int64(at)
		}
	}
	return []*Tensor{values, indices}[:max(len(n.Outputs), 1)], nil
}

// compare returns −1, 0 or 1 if element i is less than, equal to or greater than element j.
func (t *Tensor) compare(i, j int) int {
	less, more := t.At(i) < t.At(j), t.At(i) > t.At(j)
	if t.Ints != nil {
		less, more = t.Ints[i] < t.Ints[j], t.Ints[i] > t.Ints[j]
	}
	if t.Elem == graph.Uint64 {
		less, more = uint64(t.Ints[i]) < uint64(t.Ints[j]), uint64(t.Ints[i]) > uint64(t.Ints[j])
	}
	switch {
	case less:
		return -1
	case more:
		return 1
	}
	return 0
}

// copyElement sets element i to element j of x, which must have the same type.
func (t *Tensor) copyElement(i int, x *Tensor, j int) {
	switch {
	case t.Floats != nil:
		t.Floats[i] = x.Floats[j]
	case t.Doubles != nil:
		t.Doubles[i] = x.Doubles[j]
	default:
		t.Ints[i] = x.Ints[j]
	}
}

// ReverseSequence reverses, for each element of the batch, the order of the
// first sequence_lens[i] time steps.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "ReverseSequence", Takes: Takes("input", "sequence_lens"), Gives: Gives("Y"),
		Fields: Fields("batch_axis", int64(1), "time_axis", int64(0)),
	},
	From: 10,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		if batch, time := n.Int("batch_axis"), n.Int("time_axis"); len(n.In("input").Shape) < 2 || batch+time != 1 || batch*time != 0 {
			return nil, fmt.Errorf("batch axis %d and time axis %d of input %s, want 0 and 1 in either order", batch, time, n.In("input"))
		}
		return FirstType(n)
	},
	// dx = dy reversed again
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		return []*graph.Value{b.one("ReverseSequence", n.Name, []*graph.Value{dy[0], n.In("sequence_lens")}, n.Attributes...), nil}
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x, lengths := in[0], in[1].Ints
		batch, time := int(n.Int("batch_axis")), int(n.Int("time_axis"))
		if len(x.Shape) < 2 || len(lengths) != x.Shape[batch] {
			return nil, fmt.Errorf("there are %d lengths for input %s, want one for each element of the batch", len(lengths), x)
		}
		y, err := newTensor(x.Elem, x.Shape...)
		if err != nil {
			return nil, err
		}
		steps, size := elementStrides(x.Shape), product(x.Shape[2:])
		for b, length := range lengths {
			if length < 0 || length > int64(x.Shape[time]) {
				return nil, fmt.Errorf("length %d is outside the time axis of input %s", length, x)
			}
			for t := range x.Shape[time] {
				from := t
				if t < int(length) {
					from = int(length) - 1 - t
				}
				for k := range size {
					y.copyElement(b*steps[batch]+t*steps[time]+k, x, b*steps[batch]+from*steps[time]+k)
				}
			}
		}
		return one(y)
	},
})

package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Operators on booleans, and Where, which chooses by them.
var (
	_ = logical("And", func(a, b int64) int64 { return a & b })
	_ = logical("Or", func(a, b int64) int64 { return a | b })
	_ = logical("Xor", func(a, b int64) int64 { return a ^ b })
	_ = unary("Not", booleans, rule{whole: func(_ graph.Elem, x int64) int64 { return 1 - x }})
)

func logical(name string, f func(a, b int64) int64) *Operator {
	each := pairwise(nil, func(_ graph.Elem, a, b int64) int64 { return f(a, b) })
	return Register(&Operator{
		Schema: graph.Schema{Op: name, Takes: Takes("A", "B"), Gives: Gives("C")},
		Infer:  booleans.broadcast,
		Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
			y, err := each.of(in[0], in[1])
			return []*Tensor{y}, err
		},
	})
}

// Where gives X where the condition holds, else Y, all broadcast.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Where", Takes: Takes("condition", "X", "Y"), Gives: Gives("output")},
	From:   9,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		condition, x, y := n.In("condition"), n.In("X"), n.In("Y")
		if err := booleans.check(condition); err != nil {
			return nil, err
		}
		if x.Elem != y.Elem {
			return nil, fmt.Errorf("inputs %s and %s differ in type", x, y)
		}
		shape, ok := broadcast(x.Shape, y.Shape)
		if ok {
			shape, ok = broadcast(shape, condition.Shape)
		}
		if !ok {
			return nil, fmt.Errorf("inputs %s, %s and %s cannot be broadcast", condition, x, y)
		}
		return typed(x.Elem, shape)
	},
	// dX = dy where the condition holds, dY = dy elsewhere
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		grads, condition := make([]*graph.Value, 3), n.In("condition")
		if x := n.In("X"); b.Wants(x) {
			grads[1] = b.reduceTo(n.Name+".dx", b.where(n.Name+".dx", condition, dy[0], nil), x)
		}
		if y := n.In("Y"); b.Wants(y) {
			grads[2] = b.reduceTo(n.Name+".dy", b.where(n.Name+".dy", condition, nil, dy[0]), y)
		}
		return grads
	},
	Known: knownChoice,
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		condition, a, b := in[0], in[1], in[2]
		if a.Elem != b.Elem {
			return nil, errTypes(a, b)
		}
		shape, err := broadcastSizes(a.Shape, b.Shape)
		if err == nil {
			shape, err = broadcastSizes(shape, condition.Shape)
		}
		if err != nil {
			return nil, err
		}
		y, err := newTensor(a.Elem, shape...)
		if err != nil {
			return nil, err
		}
		return []*Tensor{y}, runs(shape, in, func(r run) {
			choose(y.Floats, a.Floats, b.Floats, condition.Ints, r)
			choose(y.Doubles, a.Doubles, b.Doubles, condition.Ints, r)
			choose(y.Ints, a.Ints, b.Ints, condition.Ints, r)
		})
	},
})

// choose fills a run of y with elements of a where the condition holds, else of b. It does
// nothing if y is nil, which it is if the tensors are not of type T.
func choose[T any](y, a, b []T, condition []int64, r run) {
	if y == nil {
		return
	}
	c, i, j := r.at[0], r.at[1], r.at[2]
	for k := range r.length {
		if condition[c] != 0 {
			y[r.to+k] = a[i]
		} else {
			y[r.to+k] = b[j]
		}
		c, i, j = c+r.by[0], i+r.by[1], j+r.by[2]
	}
}

// knownChoice returns the known elements of Where that a constant condition chooses.
func knownChoice(n *graph.Node) []graph.Dim {
	condition := TensorOf(n.In("condition"))
	x, y := n.In("X").Known(), n.In("Y").Known()
	if condition == nil || len(x) == 0 || len(y) == 0 || len(condition.Ints) == 0 {
		return nil
	}
	count := max(len(condition.Ints), len(x), len(y))
	known := make([]graph.Dim, count)
	for _, n := range []int{len(condition.Ints), len(x), len(y)} {
		if n != 1 && n != count {
			return nil
		}
	}
	for i := range known {
		from := y
		if condition.Ints[min(i, len(condition.Ints)-1)] != 0 {
			from = x
		}
		known[i] = from[min(i, len(from)-1)]
	}
	return known
}

// where appends x where the condition holds, else y. One of them may be nil, which stands for 0.
func (b Builder) where(name string, condition, x, y *graph.Value) *graph.Value {
	if x == nil {
		x = b.number(name+".zero", y, 0)
	} else if y == nil {
		y = b.number(name+".zero", x, 0)
	}
	return b.one("Where", name, []*graph.Value{condition, x, y})
}

func errTypes(a, b *Tensor) error { return fmt.Errorf("inputs %s and %s differ in type", a, b) }

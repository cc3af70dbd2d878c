package op

import (
	"math"

	"onnxlab/onnxmodels/graph"
)

// Operators that return a boolean for each pair of elements, or for each element.
var (
	_ = comparison("Equal", anything, 0, equalDims, func(a, b float64) bool { return a == b }, func(a, b int64) bool { return a == b })
	_ = comparison("Less", numbers, 0, lessDims, func(a, b float64) bool { return a < b }, func(a, b int64) bool { return a < b })
	_ = comparison("LessOrEqual", numbers, 12, not(swapped(lessDims)), func(a, b float64) bool { return a <= b }, func(a, b int64) bool { return a <= b })
	_ = comparison("Greater", numbers, 0, swapped(lessDims), func(a, b float64) bool { return a > b }, func(a, b int64) bool { return a > b })
	_ = comparison("GreaterOrEqual", numbers, 12, not(lessDims), func(a, b float64) bool { return a >= b }, func(a, b int64) bool { return a >= b })

	_ = property("IsNaN", 9, nil, func(*graph.Node) func(float64) bool { return math.IsNaN })
	_ = property("IsInf", 10, Fields("detect_negative", int64(1), "detect_positive", int64(1)), func(n *graph.Node) func(float64) bool {
		negative, positive := n.Flag("detect_negative"), n.Flag("detect_positive")
		return func(x float64) bool { return negative && math.IsInf(x, -1) || positive && math.IsInf(x, 1) }
	})
)

// comparison declares an operator that compares two inputs of one type, which are broadcast. The
// function known compares dimensions, some of which may be symbols: see equalDims.
func comparison(name string, k kind, from int, known func(x, y graph.Dim) (graph.Dim, bool), float func(a, b float64) bool, whole func(a, b int64) bool) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Op: name, Takes: Takes("A", "B"), Gives: Gives("C")},
		From:   from,
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			types, err := k.broadcast(n)
			if err != nil {
				return nil, err
			}
			return typed(graph.Bool, types[0].Shape)
		},
		Known: func(n *graph.Node) []graph.Dim { return knownPairs(n.In("A"), n.In("B"), known) },
		Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
			return compared(in[0], in[1], float, whole)
		},
	})
}

func compared(a, b *Tensor, float func(a, b float64) bool, whole func(a, b int64) bool) ([]*Tensor, error) {
	if a.Elem != b.Elem {
		return nil, errTypes(a, b)
	}
	shape, err := broadcastSizes(a.Shape, b.Shape)
	if err != nil {
		return nil, err
	}
	y, err := newTensor(graph.Bool, shape...)
	if err != nil {
		return nil, err
	}
	return []*Tensor{y}, runs(shape, []*Tensor{a, b}, func(r run) {
		i, j := r.at[0], r.at[1]
		for k := range r.length {
			if a.Ints != nil {
				y.Ints[r.to+k] = flag(whole(ordered(a.Elem, a.Ints[i]), ordered(a.Elem, b.Ints[j])))
			} else {
				y.Ints[r.to+k] = flag(float(a.At(i), b.At(j)))
			}
			i, j = i+r.by[0], j+r.by[1]
		}
	})
}

// equalDims returns 1 if two dimensions are equal, else 0, and whether that can be told: a
// symbol may be any size from 0 on.
func equalDims(x, y graph.Dim) (graph.Dim, bool) {
	if x == y || x.Symbol == "" && y.Symbol == "" {
		return graph.Dim{Size: flag(x == y)}, true
	}
	return graph.Dim{}, x.Symbol == "" && x.Size < 0 || y.Symbol == "" && y.Size < 0
}

// lessDims returns 1 if x is less than y, else 0, and whether that can be told.
func lessDims(x, y graph.Dim) (graph.Dim, bool) {
	switch {
	case x.Symbol == y.Symbol && (x.Symbol == "" || x == y):
		return graph.Dim{Size: flag(x.Size < y.Size)}, true
	case x.Symbol == "":
		return graph.Dim{Size: 1}, x.Size < 0
	}
	return graph.Dim{}, y.Symbol == "" && y.Size <= 0
}

func swapped(f func(x, y graph.Dim) (graph.Dim, bool)) func(x, y graph.Dim) (graph.Dim, bool) {
	return func(x, y graph.Dim) (graph.Dim, bool) { return f(y, x) }
}

func not(f func(x, y graph.Dim) (graph.Dim, bool)) func(x, y graph.Dim) (graph.Dim, bool) {
	return func(x, y graph.Dim) (graph.Dim, bool) {
		d, ok := f(x, y)
		return graph.Dim{Size: 1 - d.Size}, ok
	}
}

// property declares an operator that tests each element for a property.
func property(name string, from int, fields []graph.Field, f func(n *graph.Node) func(x float64) bool) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Op: name, Takes: Takes("X"), Gives: Gives("Y"), Fields: fields},
		From:   from,
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			if err := floats.check(n.In("X")); err != nil {
				return nil, err
			}
			return typed(graph.Bool, n.In("X").Shape)
		},
		Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
			y, err := newTensor(graph.Bool, in[0].Shape...)
			if err != nil {
				return nil, err
			}
			is := f(n)
			for i := range y.Ints {
				y.Ints[i] = flag(is(in[0].At(i)))
			}
			return one(y)
		},
	})
}

// Compare appends "Equal", "Less", "LessOrEqual", "Greater" or "GreaterOrEqual": a boolean for
// each pair of elements.
func (b Builder) Compare(op, name string, x, y *graph.Value) *graph.Value {
	return b.one(op, name, []*graph.Value{x, y})
}

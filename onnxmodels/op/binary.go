package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Operators of two inputs of one element type, broadcast as ONNX (and NumPy)
// broadcasts. In the comments dy is the gradient by the output; gradients are summed
// over what was broadcast.
var (
	// da = db = dy
	_ = pairwise("Add", addGradient, plusDims, arithmetic{
		float: func(a, b float64) float64 { return a + b },
		whole: func(_ graph.Elem, a, b int64) int64 { return a + b },
	})
	// da = dy, db = −dy
	_ = pairwise("Sub", subGradient, minusDims, arithmetic{
		float: func(a, b float64) float64 { return a - b },
		whole: func(_ graph.Elem, a, b int64) int64 { return a - b },
	})
	// da = dy·b, db = dy·a
	_ = pairwise("Mul", mulGradient, timesDims, arithmetic{
		float: func(a, b float64) float64 { return a * b },
		whole: func(_ graph.Elem, a, b int64) int64 { return a * b },
	})
	// da = dy/b, db = −dy·y/b
	_ = pairwise("Div", divGradient, overDims, arithmetic{
		float: func(a, b float64) float64 { return a / b },
		whole: quotientOf,
	})
	_ = Register(&Operator{
		Schema: graph.Schema{Op: "Mod", Takes: Takes("A", "B"), Gives: Gives("C"), Fields: Fields("fmod", int64(0))},
		Infer:  inferBinary,
	})
	_ = compare("Equal")
	_ = compare("Less")
	_ = extremum("Max")
	_ = extremum("Min")
)

// arithmetic is what an operator does to two numbers: floating point numbers, whose result
// is rounded to their type, and integers of a type, whose result wraps.
type arithmetic struct {
	float func(a, b float64) float64
	whole func(elem graph.Elem, a, b int64) int64
}

// pairwise declares an arithmetic operator of two inputs.
func pairwise(name string, gradient func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value, known func(x, y graph.Dim) (graph.Dim, bool), f arithmetic) *Operator {
	return Register(&Operator{
		Schema:   graph.Schema{Op: name, Takes: Takes("A", "B"), Gives: Gives("C")},
		Infer:    inferBinary,
		Gradient: gradient,
		Known:    func(n *graph.Node) []graph.Dim { return alongside(n.Inputs[0], n.Inputs[1], known) },
		Eval:     func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) { return combined(in[0], in[1], f) },
	})
}

// quotientOf is a/b of integers, cut towards 0; a division by 0 is 0.
func quotientOf(elem graph.Elem, a, b int64) int64 {
	switch {
	case b == 0:
		return 0
	case elem == graph.Uint64:
		return int64(uint64(a) / uint64(b))
	case b == -1:
		return -a // which a division of the smallest integer cannot give
	}
	return a / b
}

// Sums, differences, products and quotients of dimensions, and whether they are
// dimensions.

func plusDims(x, y graph.Dim) (graph.Dim, bool) {
	switch {
	case x.Size == 0:
		return y, true
	case y.Size == 0:
		return x, true
	}
	return graph.Dim{Size: x.Size + y.Size, Symbol: x.Symbol}, x.Symbol == y.Symbol
}

func minusDims(x, y graph.Dim) (graph.Dim, bool) {
	return plusDims(x, graph.Dim{Size: -y.Size, Symbol: y.Symbol})
}

func timesDims(x, y graph.Dim) (graph.Dim, bool) {
	return graph.Dim{Size: x.Size * y.Size, Symbol: x.Symbol + y.Symbol}, x.Symbol == "" || y.Symbol == ""
}

func overDims(x, y graph.Dim) (graph.Dim, bool) {
	switch {
	case y.Size == 0 || x.Symbol == "" && y.Symbol != "":
		return x, false
	case x.Symbol == "":
		return graph.Dim{Size: x.Size / y.Size}, true
	case x.Symbol == y.Symbol:
		return graph.Dim{Size: x.Size / y.Size}, x.Size%y.Size == 0
	}
	return graph.Dim{Size: x.Size / y.Size, Symbol: x.Symbol}, y.Symbol == "" && x.Size%y.Size == 0
}

// compare declares an operator that gives a boolean for each pair of elements.
func compare(name string) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Op: name, Takes: Takes("A", "B"), Gives: Gives("C")},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			types, err := inferBinary(n)
			if err != nil {
				return nil, err
			}
			types[0].Elem = graph.Bool
			return types, nil
		},
	})
}

// extremum declares an operator of any number of inputs.
func extremum(name string) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Op: name, Takes: Takes("data_0*"), Gives: Gives("max")},
		Infer:  inferBinary,
	})
}

// inferBinary is the shape that all inputs have together.
func inferBinary(n *graph.Node) ([]graph.Type, error) {
	t := n.Inputs[0].Type()
	for _, v := range n.Inputs[1:] {
		if v.Elem != t.Elem {
			return nil, fmt.Errorf("inputs %s and %s differ in type", n.Inputs[0], v)
		}
		shape, ok := broadcast(t.Shape, v.Shape)
		if !ok {
			return nil, fmt.Errorf("inputs %s and %s cannot be broadcast", n.Inputs[0], v)
		}
		t.Shape = shape
	}
	return []graph.Type{t}, nil
}

// broadcast returns the shape that a and b have together, if there is one.
func broadcast(a, b graph.Shape) (graph.Shape, bool) {
	if len(b) > len(a) {
		a, b = b, a
	}
	shape := append(graph.Shape{}, a...)
	offset := len(a) - len(b)
	for i, d := range b {
		at := &shape[offset+i]
		switch unit := graph.Fixed(1); {
		case *at == unit:
			*at = d
		case d == unit:
		default:
			var ok bool
			if *at, ok = unify(*at, d); !ok {
				return nil, false
			}
		}
	}
	return shape, true
}

// Compatible tells whether two shapes can be the same when the graph runs.
func Compatible(a, b graph.Shape) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if _, ok := unify(a[i], b[i]); !ok {
			return false
		}
	}
	return true
}

// unify returns what two dimensions are that have to be equal when the graph runs, and
// whether they can be: a symbol can be any number or another symbol.
func unify(a, b graph.Dim) (graph.Dim, bool) {
	switch {
	case a.Symbol == "":
		return a, b.Symbol != "" || a == b
	case b.Symbol == "":
		return b, true
	}
	return a, a.Symbol != b.Symbol || a == b
}

func addGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := make([]*graph.Value, len(n.Inputs))
	for i, in := range n.Inputs {
		if b.Wants(in) {
			grads[i] = b.reduceTo(n.Name, dy[0], in)
		}
	}
	return grads
}

func subGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := addGradient(b, n, dy)
	if grads[1] != nil {
		grads[1] = b.Unary("Neg", n.Name+".negated", grads[1])
	}
	return grads
}

func mulGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := make([]*graph.Value, 2)
	for i, in := range n.Inputs {
		if b.Wants(in) {
			grads[i] = b.reduceTo(n.Name, b.Binary("Mul", n.Name, dy[0], n.Inputs[1-i]), in)
		}
	}
	return grads
}

// dy/b, and −dy·y/b where y = a/b
func divGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	by, grads := n.In("B"), make([]*graph.Value, 2)
	share := b.Binary("Div", n.Name+".da", dy[0], by)
	if b.Wants(n.In("A")) {
		grads[0] = b.reduceTo(n.Name+".da", share, n.In("A"))
	}
	if b.Wants(by) {
		grads[1] = b.Unary("Neg", n.Name+".negated", b.reduceTo(n.Name+".db", b.Binary("Mul", n.Name+".db", share, n.Out("C")), by))
	}
	return grads
}

// Binary appends an elementwise operator of two inputs of one element type: "Add",
// "Sub", "Mul", "Div", "Mod", "Max", "Min".
func (b Builder) Binary(op, name string, x, y *graph.Value) *graph.Value {
	return b.one(op, name, []*graph.Value{x, y})
}

// Compare appends "Equal" or "Less": a boolean for each pair of elements.
func (b Builder) Compare(op, name string, x, y *graph.Value) *graph.Value {
	return b.one(op, name, []*graph.Value{x, y})
}

// Sum adds values of one type and shape.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Sum", Takes: Takes("data_0*"), Gives: Gives("sum")},
	Infer:  inferBinary,
})

// Sum appends the sum of values of one type and shape.
func (b Builder) Sum(name string, values ...*graph.Value) *graph.Value {
	return b.one("Sum", name, values)
}

// combined applies f to each pair of elements.
func combined(a, b *Tensor, f arithmetic) ([]*Tensor, error) {
	if a.Elem != b.Elem {
		return nil, fmt.Errorf("inputs %s and %s differ in type", a, b)
	}
	return pairs(a, b, a.Elem, f)
}

// pairs applies f to each pair of elements of one type, for a result of the type elem.
func pairs(a, b *Tensor, elem graph.Elem, f arithmetic) ([]*Tensor, error) {
	shape, err := broadcastSizes(a.Shape, b.Shape)
	if err != nil {
		return nil, err
	}
	y, err := newTensor(elem, shape...)
	if err != nil {
		return nil, err
	}
	as, bs := strides(a.Shape, shape), strides(b.Shape, shape)
	walk(shape, as, bs, func(to, n, i, j, di, dj int) {
		for k := range n {
			p, q := i+k*di, j+k*dj
			switch {
			case a.Ints == nil:
				y.set(to+k, f.float(a.At(p), b.At(q)))
			default:
				y.Ints[to+k] = wrap(elem, f.whole(a.Elem, a.Ints[p], b.Ints[q]))
			}
		}
	})
	return one(y)
}

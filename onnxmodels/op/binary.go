package op

import (
	"onnxlab/onnxmodels/graph"
)

// Arithmetic of two inputs of one element type, which are broadcast. In the comments, dy is the
// gradient with respect to the output; gradients are summed over the dimensions that were
// broadcast.
var (
	// da = db = dy
	_ = arithmeticOf("Add", addGradient, plusDims, arithmetic{addRow[float32], addRow[float64], ofAnyType(addRow[int64])})
	// da = dy, db = −dy
	_ = arithmeticOf("Sub", subGradient, minusDims, arithmetic{subRow[float32], subRow[float64], ofAnyType(subRow[int64])})
	// da = dy·b, db = dy·a
	_ = arithmeticOf("Mul", mulGradient, timesDims, arithmetic{mulRow[float32], mulRow[float64], ofAnyType(mulRow[int64])})
	// da = dy/b, db = −dy·y/b
	_ = arithmeticOf("Div", divGradient, overDims, arithmetic{divRow[float32], divRow[float64], quotientRow})
)

// arithmeticOf declares an arithmetic operator of two inputs.
func arithmeticOf(name string, gradient func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value, known func(x, y graph.Dim) (graph.Dim, bool), f arithmetic) *Operator {
	return Register(&Operator{
		Schema:   graph.Schema{Op: name, Takes: Takes("A", "B"), Gives: Gives("C")},
		Infer:    numbers.broadcast,
		Gradient: gradient,
		Known:    func(n *graph.Node) []graph.Dim { return knownPairs(n.Inputs[0], n.Inputs[1], known) },
		Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
			y, err := f.of(in[0], in[1])
			return []*Tensor{y}, err
		},
	})
}

type number interface{ float32 | float64 | int64 }

func addRow[T number](y, a, b []T, da, db int) {
	for k := range y {
		y[k] = a[k*da] + b[k*db]
	}
}

func subRow[T number](y, a, b []T, da, db int) {
	for k := range y {
		y[k] = a[k*da] - b[k*db]
	}
}

func mulRow[T number](y, a, b []T, da, db int) {
	for k := range y {
		y[k] = a[k*da] * b[k*db]
	}
}

func divRow[T float32 | float64](y, a, b []T, da, db int) {
	for k := range y {
		y[k] = a[k*da] / b[k*db]
	}
}

// ofAnyType adapts a row of int64 arithmetic to all integer types: sums, differences and
// products have the same low bits in each, and the result is wrapped afterwards.
func ofAnyType(row func(y, a, b []int64, da, db int)) func(elem graph.Elem, y, a, b []int64, da, db int) {
	return func(_ graph.Elem, y, a, b []int64, da, db int) { row(y, a, b, da, db) }
}

func quotientRow(elem graph.Elem, y, a, b []int64, da, db int) {
	for k := range y {
		y[k] = quotientOf(elem, a[k*da], b[k*db])
	}
}

// quotientOf returns a/b of integers, rounded towards 0. A division by 0 gives 0.
func quotientOf(elem graph.Elem, a, b int64) int64 {
	switch {
	case b == 0:
		return 0
	case elem == graph.Uint64:
		return int64(uint64(a) / uint64(b))
	case b == -1:
		return -a // dividing the smallest integer by −1 would overflow
	}
	return a / b
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
	if x := n.In("A"); x == n.In("B") { // a square
		grads[0] = b.Binary("Mul", n.Name, dy[0], b.Binary("Add", n.Name+".twice", x, x))
		return grads
	}
	for i, in := range n.Inputs {
		if b.Wants(in) {
			grads[i] = b.reduceTo(n.Name, b.Binary("Mul", n.Name, dy[0], n.Inputs[1-i]), in)
		}
	}
	return grads
}

// divGradient returns da = dy/b and db = −dy·y/b, where y = a/b.
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

// Binary appends an elementwise operator of two inputs of one element type, which is also that
// of the output: "Add", "Sub", "Mul", "Div", "Mod", "Max", "Min".
func (b Builder) Binary(op, name string, x, y *graph.Value) *graph.Value {
	return b.one(op, name, []*graph.Value{x, y})
}

// number appends a scalar constant of the type of x.
func (b Builder) number(name string, x *graph.Value, f float64) *graph.Value {
	t, _ := newTensor(x.Elem)
	t.set(0, f)
	return b.constant(name, t)
}

// scaled appends x times a constant number.
func (b Builder) scaled(name string, x *graph.Value, f float64) *graph.Value {
	return b.Binary("Mul", name, x, b.number(name+".factor", x, f))
}

// shifted appends x plus a constant number.
func (b Builder) shifted(name string, x *graph.Value, f float64) *graph.Value {
	return b.Binary("Add", name, x, b.number(name+".addend", x, f))
}

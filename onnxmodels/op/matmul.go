package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// MatMul multiplies the matrices A [..., m, k] and B [..., k, n], whose dimensions before
// these are broadcast.
var _ = Register(&Operator{
	Schema:   graph.Schema{Op: "MatMul", Takes: Takes("A!", "B!"), Gives: Gives("Y")},
	Infer:    func(n *graph.Node) ([]graph.Type, error) { return inferMatMul(n, false, false) },
	Gradient: matMulGradient,
	Cost:     matMulCost,
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		return evalMatMul(in[0], in[1], matrixProduct{alpha: 1})
	},
})

// FusedMatMul is MatMul of matrices that may be transposed (com.microsoft).
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Microsoft, Op: "FusedMatMul", Takes: Takes("A!", "B!"), Gives: Gives("Y"),
		Fields: Fields("alpha", float32(1), "transA", int64(0), "transB", int64(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) { return inferMatMul(n, n.Flag("transA"), n.Flag("transB")) },
	Cost:  matMulCost,
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		return evalMatMul(in[0], in[1], matrixProduct{ta: n.Flag("transA"), tb: n.Flag("transB"), alpha: n.Float("alpha")})
	},
})

// In models an input may be a vector. It counts as a row on the left and as a column on the
// right, and the result does not have that dimension of 1.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "MatMul", Takes: Takes("A!", "B!"), Gives: Gives("Y")},
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x, w := n.In("A"), n.In("B")
		row, column := len(x.Shape) == 1, len(w.Shape) == 1
		if row {
			x = b.one("Unsqueeze", n.Name+".row", []*graph.Value{x, b.Ints(n.Name+".first", 0)})
		}
		if column {
			w = b.one("Unsqueeze", n.Name+".column", []*graph.Value{w, b.Ints(n.Name+".last", 1)})
		}
		y := b.MatMul(n.Name, x, w)
		if row {
			y = b.one("Squeeze", n.Name+".without_row", []*graph.Value{y, b.Ints(n.Name+".rows", -2)})
		}
		if column {
			y = b.one("Squeeze", n.Name+".without_column", []*graph.Value{y, b.Ints(n.Name+".columns", -1)})
		}
		return []*graph.Value{y}, nil
	},
})

// MatMul appends the products of the matrices x [..., m, k] and y [..., k, n].
func (b Builder) MatMul(name string, x, y *graph.Value) *graph.Value {
	return b.one("MatMul", name, []*graph.Value{x, y})
}

// matMulOf appends the products of matrices that may be transposed (com.microsoft
// FusedMatMul).
func (b Builder) matMulOf(name string, x, y *graph.Value, transposeX, transposeY bool) *graph.Value {
	return b.in(Microsoft, "FusedMatMul", name, []*graph.Value{x, y},
		graph.Attribute{Name: "transA", Value: flag(transposeX)}, graph.Attribute{Name: "transB", Value: flag(transposeY)})
}

func inferMatMul(n *graph.Node, ta, tb bool) ([]graph.Type, error) {
	a, b := n.In("A"), n.In("B")
	p, q := len(a.Shape)-2, len(b.Shape)-2
	if p < 0 || q < 0 || a.Elem != b.Elem {
		return nil, fmt.Errorf("inputs %s and %s are not matrices of one type", a, b)
	}
	m, k := sides(&graph.Value{Shape: a.Shape[p:]}, ta)
	k2, columns := sides(&graph.Value{Shape: b.Shape[q:]}, tb)
	if _, ok := unify(k, k2); !ok {
		return nil, fmt.Errorf("inputs %s and %s do not fit", a, b)
	}
	shape, ok := broadcast(a.Shape[:p], b.Shape[:q])
	if !ok {
		return nil, fmt.Errorf("inputs %s and %s cannot be broadcast", a, b)
	}
	return typed(a.Elem, append(shape, m, columns))
}

func matMulCost(n *graph.Node) int64 {
	a := n.In("A")
	if n.Op == "FusedMatMul" && n.Flag("transA") {
		return matrixCost(n.Out("Y"), a.Shape[len(a.Shape)-2])
	}
	return matrixCost(n.Out("Y"), a.Shape[len(a.Shape)-1])
}

// matMulGradient returns dA = dy·Bᵀ and dB = Aᵀ·dy, summed over the dimensions that were
// broadcast. If B is a single matrix, as weights are, two plain Gemms compute them.
func matMulGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, w, d, grads := n.In("A"), n.In("B"), dy[0], make([]*graph.Value, 2)
	if len(w.Shape) == 2 && len(x.Shape) >= 2 {
		flat := b.Rows(n.Name+".dy", d)
		if b.Wants(x) {
			grads[0] = b.Shaped(n.Name+".da", b.Gemm(n.Name+".da", flat, w, nil, GemmOptions{TransposeB: true}), x.Shape)
		}
		if b.Wants(w) {
			grads[1] = b.Gemm(n.Name+".db", b.Rows(n.Name+".x", x), flat, nil, GemmOptions{TransposeA: true})
		}
		return grads
	}
	if b.Wants(x) {
		grads[0] = b.reduceTo(n.Name+".da", b.matMulOf(n.Name+".da", d, w, false, true), x)
	}
	if b.Wants(w) {
		grads[1] = b.reduceTo(n.Name+".db", b.matMulOf(n.Name+".db", x, d, true, false), w)
	}
	return grads
}

// Rows appends x as a matrix whose rows are the lines along its last dimension. At most one of
// its other dimensions may be a symbol.
func (b Builder) Rows(name string, x *graph.Value) *graph.Value {
	last := x.Shape[len(x.Shape)-1]
	count, err := quotient(x.Shape[:len(x.Shape)-1], nil)
	if err != nil {
		b.Fail("rows of %q: %s has more than one symbolic dimension", name, x)
		return x
	}
	return b.Shaped(name+".rows", x, graph.Shape{count, last})
}

func evalMatMul(a, b *Tensor, p matrixProduct) ([]*Tensor, error) {
	r, q := len(a.Shape)-2, len(b.Shape)-2
	if r < 0 || q < 0 || a.Elem != b.Elem {
		return nil, fmt.Errorf("inputs %s and %s are not matrices of one type", a, b)
	}
	k2 := 0
	p.m, p.k = oriented(&Tensor{Shape: a.Shape[r:]}, p.ta)
	k2, p.n = oriented(&Tensor{Shape: b.Shape[q:]}, p.tb)
	outer, err := broadcastSizes(a.Shape[:r], b.Shape[:q])
	if err != nil || p.k != k2 {
		return nil, fmt.Errorf("inputs %s and %s cannot be multiplied", a, b)
	}
	y, err := newTensor(a.Elem, append(slices.Clone(outer), p.m, p.n)...)
	if err != nil {
		return nil, err
	}
	var places [][2]int // for each product, the index of its matrix in a and in b
	sa, sb := strides(a.Shape[:r], outer), strides(b.Shape[:q], outer)
	walk(outer, sa, sb, func(_, n, i, j, di, dj int) {
		for l := range n {
			places = append(places, [2]int{i + l*di, j + l*dj})
		}
	})
	return []*Tensor{y}, parallel(len(places), func(i int) {
		multiplyInto(y, a, b, p, i*p.m*p.n, places[i][0]*p.m*p.k, places[i][1]*p.k*p.n)
	})
}

package op

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"onnxlab/onnxmodels/graph"
)

// gemmOperator is Gemm: alpha·A·B + beta·C, where A and B may be transposed and C is
// broadcast or missing.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "Gemm", Takes: Takes("A!", "B!", "C!?"), Gives: Gives("Y"),
		Fields: Fields("alpha", float32(1), "beta", float32(1), "transA", int64(0), "transB", int64(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		a, b := n.In("A"), n.In("B")
		for _, v := range []*graph.Value{a, b} {
			if err := wantRank(v, 2); err != nil {
				return nil, err
			}
		}
		m, k := sides(a, n.Flag("transA"))
		k2, columns := sides(b, n.Flag("transB"))
		if _, ok := unify(k, k2); !ok || a.Elem != b.Elem {
			return nil, fmt.Errorf("inputs %s and %s do not fit", a, b)
		}
		return typed(a.Elem, graph.Shape{m, columns})
	},
	Gradient: gemmGradient, // dA = dy·Bᵀ, dB = Aᵀ·dy, dC = Σ dy
	Cost: func(n *graph.Node) int64 {
		_, inner := sides(n.In("A"), n.Flag("transA"))
		return matrixCost(n.Out("Y"), inner)
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		var c *Tensor
		if len(in) > 2 {
			c = in[2]
		}
		return multiply(in[0], in[1], c, n.Flag("transA"), n.Flag("transB"), n.Float("alpha"), n.Float("beta"))
	},
})

// matMul is MatMul of the matrix A [m, k] and each of the matrices B [..., k, n].
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "MatMul", Takes: Takes("A!", "B!"), Gives: Gives("Y")},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		a, b := n.In("A"), n.In("B")
		at := len(b.Shape) - 2
		if err := wantRank(a, 2); err != nil {
			return nil, err
		}
		if at < 0 || a.Shape[1] != b.Shape[at] {
			return nil, fmt.Errorf("inputs %s and %s do not fit", a, b)
		}
		shape := slices.Clone(b.Shape)
		shape[at] = a.Shape[0]
		return typed(a.Elem, shape)
	},
	Cost: func(n *graph.Node) int64 {
		a := n.In("A")
		return matrixCost(n.Out("Y"), a.Shape[len(a.Shape)-1])
	},
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		return multiply(in[0], in[1], nil, false, false, 1, 1)
	},
})

// matrixCost is that of sums of so many products.
func matrixCost(y *graph.Value, inner graph.Dim) int64 {
	return Times(Elements(y.Shape), inner.Size)
}

// sides are the rows and columns of a matrix that may be transposed.
func sides(v *graph.Value, transposed bool) (rows, columns graph.Dim) {
	if transposed {
		return v.Shape[1], v.Shape[0]
	}
	return v.Shape[0], v.Shape[1]
}

// GemmOptions are the transpositions of Gemm's operands.
type GemmOptions struct {
	TransposeA, TransposeB bool
}

// Gemm appends the matrix product of x [m, k] and y [k, n], plus the vector c
// [n], which may be nil.
func (b Builder) Gemm(name string, x, y, c *graph.Value, o GemmOptions) *graph.Value {
	return b.one("Gemm", name, []*graph.Value{x, y, c},
		graph.Attribute{Name: "transA", Value: flag(o.TransposeA)}, graph.Attribute{Name: "transB", Value: flag(o.TransposeB)})
}

// MatMul appends the product of the matrix x [m, k] and each of the matrices y
// [..., k, n].
func (b Builder) MatMul(name string, x, y *graph.Value) *graph.Value {
	return b.one("MatMul", name, []*graph.Value{x, y})
}

// flag is the value of an attribute that is true or false.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func gemmGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, w, c, d := n.In("A"), n.In("B"), n.In("C"), dy[0]
	ta, tb := n.Flag("transA"), n.Flag("transB")
	grads := make([]*graph.Value, len(n.Inputs))
	if b.Wants(x) {
		if ta {
			grads[0] = b.Gemm(n.Name+".dxt", w, d, nil, GemmOptions{TransposeA: tb, TransposeB: true})
		} else {
			grads[0] = b.Gemm(n.Name+".dx", d, w, nil, GemmOptions{TransposeB: !tb})
		}
	}
	if b.Wants(w) {
		grads[1] = b.gemmWeight(n.Name+".dw", x, d, ta, tb)
	}
	if c != nil && b.Wants(c) {
		grads[2] = b.ReduceSum(n.Name+".db", d, false, 0)
	}
	return grads
}

func (b *Backward) gemmWeight(name string, x, d *graph.Value, ta, tb bool) *graph.Value {
	if tb {
		return b.Gemm(name, d, x, nil, GemmOptions{TransposeA: true, TransposeB: ta})
	}
	return b.Gemm(name, x, d, nil, GemmOptions{TransposeA: !ta})
}

// multiply is alpha·a·b + beta·c of matrices.
func multiply(a, b, c *Tensor, ta, tb bool, alpha, beta float32) ([]*Tensor, error) {
	if err := a.want("input A", graph.Float, 2); err != nil {
		return nil, err
	}
	if err := b.want("input B", graph.Float, 2); err != nil {
		return nil, err
	}
	m, k := oriented(a, ta)
	k2, n := oriented(b, tb)
	if k != k2 || k == 0 || m == 0 || n == 0 {
		return nil, fmt.Errorf("inputs %s and %s cannot be multiplied", a, b)
	}
	y, err := newFloats(m, n)
	if err != nil {
		return nil, err
	}
	if c != nil {
		if err := fillScaled(y, c, beta); err != nil {
			return nil, err
		}
	}
	transposed := map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}
	gonum.Implementation{}.Sgemm(transposed[ta], transposed[tb], m, n, k, alpha, a.Floats, a.Shape[1], b.Floats, b.Shape[1], 1, y.Floats, n)
	return one(y)
}

// fillScaled sets the matrix y to beta·c, broadcast.
func fillScaled(y, c *Tensor, beta float32) error {
	if err := c.want("input C", graph.Float, -1); err != nil {
		return err
	}
	if shape, err := broadcastSizes(y.Shape, c.Shape); err != nil || !slices.Equal(shape, y.Shape) {
		return fmt.Errorf("input C %s does not fit %v", c, y.Shape)
	}
	from, n := strides(c.Shape, y.Shape), y.Shape[1]
	for i := range y.Shape[0] {
		for j := range n {
			y.Floats[i*n+j] = beta * c.Floats[i*from[0]+j*from[1]]
		}
	}
	return nil
}

// oriented returns the rows and columns of a matrix that may be transposed.
func oriented(v *Tensor, transposed bool) (rows, columns int) {
	if transposed {
		return v.Shape[1], v.Shape[0]
	}
	return v.Shape[0], v.Shape[1]
}

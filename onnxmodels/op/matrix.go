package op

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"onnxlab/onnxmodels/graph"
)

// Gemm computes alpha·A·B + beta·C, where A and B may be transposed and C is
// broadcast or missing.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "Gemm", Takes: Takes("A!", "B!", "C!?"), Gives: Gives("Y"),
		Fields: Fields("alpha", float32(1), "beta", float32(1), "transA", int64(0), "transB", int64(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		a, b := n.In("A"), n.In("B")
		if len(a.Shape) != 2 || len(b.Shape) != 2 {
			return nil, fmt.Errorf("inputs %s and %s, want matrices", a, b)
		}
		m, k := sides(a, n.Flag("transA"))
		k2, columns := sides(b, n.Flag("transB"))
		if _, ok := unify(k, k2); !ok || a.Elem != b.Elem {
			return nil, fmt.Errorf("inputs %s and %s do not fit", a, b)
		}
		return typed(a.Elem, graph.Shape{m, columns})
	},
	Gradient: gemmGradient, // dA = alpha·dy·Bᵀ, dB = alpha·Aᵀ·dy, dC = beta·Σ dy
	Cost: func(n *graph.Node) int64 {
		_, inner := sides(n.In("A"), n.Flag("transA"))
		return matrixCost(n.Out("Y"), inner)
	},
	Eval: evalGemm,
})

// Until opset 10, the input C was required.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{
		Op: "Gemm", Takes: Takes("A!", "B!", "C!"), Gives: Gives("Y"),
		Fields: Fields("alpha", float32(1), "beta", float32(1), "transA", int64(0), "transB", int64(0)),
	},
	Until: 10,
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		return []*graph.Value{b.one("Gemm", n.Name, n.Inputs, n.Attributes...)}, nil
	},
})

// matrixCost returns the cost of a matrix product: each element of y is a sum of `inner` products.
func matrixCost(y *graph.Value, inner graph.Dim) int64 {
	return Times(Elements(y.Shape), inner.Size)
}

// sides returns the rows and columns of a matrix that may be transposed.
func sides(v *graph.Value, transposed bool) (rows, columns graph.Dim) {
	if transposed {
		return v.Shape[1], v.Shape[0]
	}
	return v.Shape[0], v.Shape[1]
}

// GemmOptions are the attributes of Gemm.
type GemmOptions struct {
	TransposeA, TransposeB bool
	// Alpha is the factor of the product; 0 means 1.
	Alpha float32
}

// Gemm appends the matrix product of x [m, k] and y [k, n], plus the vector c
// [n], which may be nil.
func (b Builder) Gemm(name string, x, y, c *graph.Value, o GemmOptions) *graph.Value {
	attributes := []graph.Attribute{{Name: "transA", Value: flag(o.TransposeA)}, {Name: "transB", Value: flag(o.TransposeB)}}
	if o.Alpha != 0 && o.Alpha != 1 {
		attributes = append(attributes, graph.Attribute{Name: "alpha", Value: o.Alpha})
	}
	return b.one("Gemm", name, []*graph.Value{x, y, c}, attributes...)
}

// flag returns the value of an integer attribute, or of an element of type bool: 1 or 0.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func gemmGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, w, c, d := n.In("A"), n.In("B"), n.In("C"), dy[0]
	ta, tb, alpha := n.Flag("transA"), n.Flag("transB"), n.Float("alpha")
	grads := make([]*graph.Value, len(n.Inputs))
	if b.Wants(x) {
		if ta {
			grads[0] = b.Gemm(n.Name+".dxt", w, d, nil, GemmOptions{TransposeA: tb, TransposeB: true, Alpha: alpha})
		} else {
			grads[0] = b.Gemm(n.Name+".dx", d, w, nil, GemmOptions{TransposeB: !tb, Alpha: alpha})
		}
	}
	if b.Wants(w) {
		grads[1] = b.gemmWeight(n.Name+".dw", x, d, GemmOptions{ta, tb, alpha})
	}
	if c != nil && b.Wants(c) {
		if grads[2] = b.gemmBias(n, d, c); n.Float("beta") != 1 {
			grads[2] = b.Binary("Mul", n.Name+".beta", grads[2], b.As(c.Elem, b.Scalar(n.Name+".factor", n.Float("beta"))))
		}
	}
	return grads
}

// gemmWeight appends the gradient of Gemm with respect to B.
func (b *Backward) gemmWeight(name string, x, d *graph.Value, o GemmOptions) *graph.Value {
	if o.TransposeB {
		return b.Gemm(name, d, x, nil, GemmOptions{TransposeA: true, TransposeB: o.TransposeA, Alpha: o.Alpha})
	}
	return b.Gemm(name, x, d, nil, GemmOptions{TransposeA: !o.TransposeA, Alpha: o.Alpha})
}

// gemmBias appends the gradient of Gemm with respect to C, without the factor beta.
func (b *Backward) gemmBias(n *graph.Node, d, c *graph.Value) *graph.Value {
	if len(c.Shape) == 1 && c.Shape[0] == d.Shape[1] {
		return b.ReduceSum(n.Name+".db", d, false, 0)
	}
	return b.reduceTo(n.Name+".db", d, c)
}

// evalGemm computes Gemm of matrices of one type.
func evalGemm(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	a, b := in[0], in[1]
	if a.Elem != b.Elem || len(a.Shape) != 2 || len(b.Shape) != 2 {
		return nil, fmt.Errorf("inputs %s and %s are not matrices of one type", a, b)
	}
	ta, tb := n.Flag("transA"), n.Flag("transB")
	m, k := oriented(a, ta)
	k2, columns := oriented(b, tb)
	if k != k2 {
		return nil, fmt.Errorf("inputs %s and %s cannot be multiplied", a, b)
	}
	y, err := newTensor(a.Elem, m, columns)
	if err != nil {
		return nil, err
	}
	if len(in) > 2 && in[2] != nil {
		if err := fillScaled(y, in[2], float64(n.Float("beta"))); err != nil {
			return nil, err
		}
	}
	multiplyInto(y, a, b, matrixProduct{m, k, columns, ta, tb, n.Float("alpha")}, 0, 0, 0)
	return one(y)
}

// matrixProduct is the size of the product alpha·A·B of A [m, k] and B [k, n], either of which
// may be stored transposed.
type matrixProduct struct {
	m, k, n int
	ta, tb  bool
	alpha   float32
}

// multiplyInto adds alpha·a·b to y, for the matrices that begin at element atY of y, atA of a and
// atB of b.
func multiplyInto(y, a, b *Tensor, p matrixProduct, atY, atA, atB int) {
	if p.m == 0 || p.n == 0 || p.k == 0 {
		return
	}
	stepA, stepB := p.k, p.n
	if p.ta {
		stepA = p.m
	}
	if p.tb {
		stepB = p.k
	}
	if y.Elem == graph.Float {
		transposed := map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}
		gonum.Implementation{}.Sgemm(transposed[p.ta], transposed[p.tb], p.m, p.n, p.k, p.alpha, a.Floats[atA:], stepA, b.Floats[atB:], stepB, 1, y.Floats[atY:], p.n)
		return
	}
	at := func(step int, transposed bool, row, column int) int {
		if transposed {
			return column*step + row
		}
		return row*step + column
	}
	for i := range p.m {
		for j := range p.n {
			sum, whole := 0.0, int64(0)
			for l := range p.k {
				x, w := atA+at(stepA, p.ta, i, l), atB+at(stepB, p.tb, l, j)
				if y.Ints != nil {
					whole += a.Ints[x] * b.Ints[w]
				} else {
					sum += a.At(x) * b.At(w)
				}
			}
			to := atY + i*p.n + j
			if y.Ints != nil {
				y.Ints[to] = wrap(y.Elem, y.Ints[to]+int64(p.alpha)*whole)
			} else {
				y.set(to, y.At(to)+float64(p.alpha)*sum)
			}
		}
	}
}

// fillScaled sets the matrix y to beta·c, broadcast.
func fillScaled(y, c *Tensor, beta float64) error {
	if c.Elem != y.Elem {
		return fmt.Errorf("input C %s has another type than %s", c, y)
	}
	if shape, err := broadcastSizes(y.Shape, c.Shape); err != nil || !slices.Equal(shape, y.Shape) {
		return fmt.Errorf("input C %s does not fit %v", c, y.Shape)
	}
	from, n := strides(c.Shape, y.Shape), y.Shape[1]
	for i := range y.Shape[0] {
		for j := range n {
			y.set(i*n+j, beta*c.At(i*from[0]+j*from[1]))
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

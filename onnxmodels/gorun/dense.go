package gorun

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"onnxlab/onnxmodels/graph"
)

// gemm is Gemm: alpha·A·B + beta·C, where A and B may be transposed and C is
// broadcast or missing.
func gemm(a *attributes) kernel {
	alpha, beta := take(a, "alpha", float32(1)), take(a, "beta", float32(1))
	ta, tb := a.flag("transA"), a.flag("transB")
	return arity(2, 3, func(in []*Value) (*Value, error) {
		var c *Value
		if len(in) > 2 {
			c = in[2]
		}
		return multiply(in[0], in[1], c, ta, tb, alpha, beta)
	})
}

// matMul is MatMul of two matrices.
func matMul(in []*Value) (*Value, error) {
	if len(in) != 2 {
		return nil, fmt.Errorf("%d inputs, want 2", len(in))
	}
	return multiply(in[0], in[1], nil, false, false, 1, 1)
}

func multiply(a, b, c *Value, ta, tb bool, alpha, beta float32) (*Value, error) {
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
	y, err := floats(m, n)
	if err != nil {
		return nil, err
	}
	if c != nil {
		if err := c.want("input C", graph.Float, -1); err != nil {
			return nil, err
		}
		if shape, err := broadcast(y.Shape, c.Shape); err != nil || !slices.Equal(shape, y.Shape) {
			return nil, fmt.Errorf("input C %s does not fit [%d, %d]", c, m, n)
		}
		from := strides(c.Shape, y.Shape)
		for i := range m {
			for j := range n {
				y.Float32[i*n+j] = beta * c.Float32[i*from[0]+j*from[1]]
			}
		}
	}
	flag := map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}
	gonum.Implementation{}.Sgemm(flag[ta], flag[tb], m, n, k, alpha, a.Float32, a.Shape[1], b.Float32, b.Shape[1], 1, y.Float32, n)
	return y, nil
}

// oriented returns the rows and columns of a matrix that may be transposed.
func oriented(v *Value, transposed bool) (rows, columns int) {
	if transposed {
		return v.Shape[1], v.Shape[0]
	}
	return v.Shape[0], v.Shape[1]
}

// softmax is Softmax along one axis, as from opset 13 on.
func softmax(a *attributes) kernel {
	along := take(a, "axis", int64(-1))
	return arity(1, 1, func(in []*Value) (*Value, error) {
		x := in[0]
		if err := x.want("input", graph.Float, -1); err != nil {
			return nil, err
		}
		d, err := axis(along, len(x.Shape))
		if err != nil {
			return nil, err
		}
		y, err := floats(x.Shape...)
		if err != nil {
			return nil, err
		}
		n, step := x.Shape[d], product(x.Shape[d+1:])
		for outer := range product(x.Shape[:d]) {
			for inner := range step {
				from := outer*n*step + inner
				softmaxOf(y.Float32[from:], x.Float32[from:], n, step)
			}
		}
		return y, nil
	})
}

// softmaxOf sets n elements of y, step apart, to the softmax of those of x.
func softmaxOf(y, x []float32, n, step int) {
	largest := float32(math.Inf(-1))
	for i := range n {
		largest = max(largest, x[i*step])
	}
	sum := 0.0
	for i := range n {
		sum += math.Exp(float64(x[i*step]) - float64(largest))
	}
	for i := range n {
		y[i*step] = float32(math.Exp(float64(x[i*step])-float64(largest)) / sum)
	}
}

package lower_test

import (
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/lower/lowertest"
	"onnxlab/onnxmodels/op"
)

// TestProducts has a dense layer as PyTorch exports it, and the gradients that are derived
// from it. Each of them transposes a matrix of the weight's size.
func TestProducts(t *testing.T) {
	build := func(b *lowertest.Builder) []*graph.Value {
		x, weight, dy := b.In("x", 0, 2, 5, 8), b.In("weight", 0, 6, 8), b.In("dy", 0, 2, 5, 6)
		turned := b.Transpose("turned", weight, 1, 0)
		y := b.Binary("Add", "y", b.In("bias", 0, 6), b.MatMul("product", x, turned))
		rows := b.Rows("dy", dy)
		dx := b.Gemm("dx", rows, turned, nil, op.GemmOptions{TransposeB: true})
		dw := b.Gemm("dw", b.Rows("x", x), rows, nil, op.GemmOptions{TransposeA: true, Alpha: 0.5})
		return []*graph.Value{y, dx, b.Transpose("dw.turned", dw, 1, 0)}
	}
	lowertest.Compare(t, "", "MatMul", 1e-6, lower.Products, build)
	lowertest.Compare(t, "", "Transpose", 1e-6, lower.Products, build)
	lowertest.Compare(t, "", "Add", 1e-6, lower.Products, build)
}

// TestOtherProducts has products that Products must leave as they are: products of batches of
// matrices, a product with an image added, and one whose result is also used before it is
// transposed.
func TestOtherProducts(t *testing.T) {
	b := lowertest.New()
	x, y := b.In("x", 0, 2, 3, 4, 5), b.In("y", 0, 2, 3, 5, 4)
	batches := b.MatMul("batches", x, y)
	product := b.Gemm("product", b.In("a", 0, 3, 4), b.In("b", 0, 4, 2), nil, op.GemmOptions{})
	turned := b.Transpose("turned", product, 1, 0)
	sum := b.Binary("Add", "sum", b.MatMul("rows", b.In("c", 0, 4, 3), b.In("d", 0, 3, 2)), b.In("e", 0, 4, 2))
	b.Run(t, []*graph.Value{batches, product, turned, sum}, lower.Products)
	for name, want := range map[string]int{"MatMul": 1, "Transpose": 1, "Add": 1, "Gemm": 2} {
		if n := b.Count("", name); n != want {
			t.Errorf("%d %s, want %d", n, name, want)
		}
	}
}

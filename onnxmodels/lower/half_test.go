package lower_test

import (
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/lower/lowertest"
)

// TestHalfProducts multiplies the result of a Transpose that moves the first dimension by
// values of other ranks: a matrix, as in dense layers, a stack of matrices, and a computed
// matrix. Without equalRanks, ONNX Runtime 1.28 crashes when it loads any of these products.
func TestHalfProducts(t *testing.T) {
	for name, product := range map[string]func(b *lowertest.Builder, x *graph.Value) *graph.Value{
		"matrix": func(b *lowertest.Builder, x *graph.Value) *graph.Value {
			return b.MatMul("product", b.Transpose("turned", x, 1, 0, 2), weights(b, 5, 6))
		},
		"stack": func(b *lowertest.Builder, x *graph.Value) *graph.Value {
			stacked := b.Shaped("stack", x, graph.Static(4, 3, 1, 5))
			return b.MatMul("product", b.Transpose("turned", stacked, 1, 2, 0, 3), weights(b, 1, 5, 6))
		},
		"right": func(b *lowertest.Builder, x *graph.Value) *graph.Value {
			return b.MatMul("product", weights(b, 2, 3, 6, 3), b.Transpose("turned", x, 1, 0, 2))
		},
		"computed": func(b *lowertest.Builder, x *graph.Value) *graph.Value {
			return b.MatMul("product", b.Transpose("turned", x, 1, 0, 2), b.Unary("Neg", "negated", weights(b, 5, 6)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var outputs [2][][]float32
			for i := range outputs {
				b := lowertest.New()
				x := b.In("x", 0, 4, 3, 5)
				if name == "right" {
					x = b.In("y", 0, 3, 3, 5)
				}
				y := b.Cast("y.float", product(b, b.Cast("x.half", x, graph.Float)), graph.Float)
				outputs[i] = b.Run(t, []*graph.Value{y}, func(g *graph.Graph) {
					if i == 1 {
						lower.Half(g, y.Producer())
					}
				})
			}
			lowertest.CheckClose(t, outputs[1], outputs[0], 1e-3)
		})
	}
}

// weights appends a constant of numbers from −1 to 1.
func weights(b *lowertest.Builder, sizes ...int) *graph.Value {
	n := 1
	for _, size := range sizes {
		n *= size
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i*i%7)/3 - 1
	}
	return b.Floats("weight", sizes, values)
}

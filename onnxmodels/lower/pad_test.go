package lower_test

import (
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower/lowertest"
	"onnxlab/onnxmodels/op"
)

// TestZerosBeforeMaxPool pads negative numbers with zeros before a MaxPool. The windows at the edges
// then have the maximum 0. Without keepPads, ONNX Runtime 1.28 returns negative numbers for them.
func TestZerosBeforeMaxPool(t *testing.T) {
	for name, constant := range map[string]func(b *lowertest.Builder) []*graph.Value{
		"default": func(*lowertest.Builder) []*graph.Value { return nil },
		"zero":    func(b *lowertest.Builder) []*graph.Value { return []*graph.Value{b.Scalar("zero", 0)} },
	} {
		t.Run(name, func(t *testing.T) {
			b := lowertest.New()
			inputs := []*graph.Value{b.In("x", -100, 2, 3, 4, 4), b.Ints("pads", 0, 0, 1, 1, 0, 0, 1, 1)}
			padded := b.Do("", "Pad", op.Call{Name: "pad", Inputs: append(inputs, constant(b)...)})[0]
			got := b.Run(t, []*graph.Value{b.MaxPool("pool", padded, op.Valid(2, 2))}, lowertest.Nothing)[0]
			for i, v := range got {
				if row, column := i/3%3, i%3; (v == 0) != (row != 1 || column != 1) {
					t.Errorf("row %d, column %d: %v, want 0 at the edges alone", row, column, v)
				}
			}
		})
	}
}

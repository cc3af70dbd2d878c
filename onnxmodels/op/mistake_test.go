package op

import (
	"strings"
	"testing"

	"onnxlab/onnxmodels/graph"
)

// TestMistakes: a mistake that a layer of one's own can make becomes the error of
// Err and of Model. It names the operator, and whatever is built afterwards does
// not panic.
func TestMistakes(t *testing.T) {
	for want, build := range map[string]func(g Builder, x, scalar *graph.Value) *graph.Value{
		`Relu "y": input X is missing`:     func(g Builder, _, _ *graph.Value) *graph.Value { return g.Unary("Relu", "y", nil) },
		`Add "y": input B is missing`:      func(g Builder, x, _ *graph.Value) *graph.Value { return g.Binary("Add", "y", x, nil) },
		`Less "y": input A is missing`:     func(g Builder, x, _ *graph.Value) *graph.Value { return g.Compare("Less", "y", nil, x) },
		`Conv "y": input W is missing`:     func(g Builder, x, _ *graph.Value) *graph.Value { return g.Conv("y", x, nil, nil, Same(3, 1, 8, 8)) },
		`Cast "y": input input is missing`: func(g Builder, _, _ *graph.Value) *graph.Value { return g.Cast("y", nil, graph.Int64) },
		`MatMul "y": input B is missing`:   func(g Builder, x, _ *graph.Value) *graph.Value { return g.MatMul("y", x, nil) },
		`Sum "y": there are no inputs`:     func(g Builder, _, _ *graph.Value) *graph.Value { return g.Sum("y") },
		`Sum "y": input 1 is missing`:      func(g Builder, x, _ *graph.Value) *graph.Value { return g.Sum("y", x, nil) },
		`Concat "y": there are no inputs`:  func(g Builder, _, _ *graph.Value) *graph.Value { return g.Concat("y", nil, 0, graph.Fixed(1)) },
		`Concat "y": input 1 is missing`: func(g Builder, x, _ *graph.Value) *graph.Value {
			return g.Concat("y", []*graph.Value{x, nil}, 1, graph.Fixed(1))
		},
		`8, 8] has no dimension 4`: func(g Builder, x, _ *graph.Value) *graph.Value {
			return g.Concat("y", []*graph.Value{x, x}, 4, graph.Fixed(1))
		},
		`perm" is [0 1 1 3], which is not a permutation`: func(g Builder, x, _ *graph.Value) *graph.Value { return g.Transpose("y", x, 0, 1, 1, 3) },
		`perm" is [0 1 2 4], which is not a permutation`: func(g Builder, x, _ *graph.Value) *graph.Value { return g.Transpose("y", x, 0, 1, 2, 4) },
		`Gather "y": input x`:                            func(g Builder, x, _ *graph.Value) *graph.Value { return g.Gather("y", x, g.Ints("i", 0), -5) },
		`Split "y": 0 parts are fewer than 1`:            func(g Builder, x, _ *graph.Value) *graph.Value { g.Split("y", x, 0, "s"); return x },
		`Flatten "y": input s float32[] has no d`:        func(g Builder, _, s *graph.Value) *graph.Value { return g.Flatten("y", s) },
		`ArgMax "y": input s`:                            func(g Builder, _, s *graph.Value) *graph.Value { return g.ArgMax("y", s) },
		`Softmax "y": input s`:                           func(g Builder, _, s *graph.Value) *graph.Value { return g.Softmax("y", s) },
		`has no dimension -5`:                            func(g Builder, x, _ *graph.Value) *graph.Value { return g.ReduceMean("y", x, false, -5) },
		`axis 7 is outside 4 dimensions`:                 func(g Builder, x, _ *graph.Value) *graph.Value { return g.ReduceSum("y", x, false, 7) },
		`"strides": 0 is outside 1..65535`:               func(g Builder, x, _ *graph.Value) *graph.Value { return g.MaxPool("y", x, Same(0, 0, 8, 8)) },
		`repeated [0 2] times`:                           func(g Builder, x, _ *graph.Value) *graph.Value { return g.Upsample("y", x, 0, 2) },
	} {
		g := On(graph.New("test"))
		x := g.Input("x", graph.Float, graph.Shape{graph.Symbol("batch"), graph.Fixed(3), graph.Fixed(8), graph.Fixed(8)})
		y := build(g, x, g.Scalar("s", 1))
		g.Output(g.Unary("Relu", "after", y))
		if m, err := g.Model(); m != nil || err == nil || g.Err() == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %s", err, want)
		}
	}
}

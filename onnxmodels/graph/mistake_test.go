package graph

import (
	"strings"
	"testing"
)

// TestMistakes: what a layer of one's own may get wrong is the error of Err and of
// Model, names the operator, and keeps what follows from failing otherwise.
func TestMistakes(t *testing.T) {
	for want, build := range map[string]func(g *Graph, x, scalar *Value) *Value{
		`Relu "y": input 0 is nil`:                func(g *Graph, _, _ *Value) *Value { return g.Unary("Relu", "y", nil) },
		`Add "y": input 1 is nil`:                 func(g *Graph, x, _ *Value) *Value { return g.Binary("Add", "y", x, nil) },
		`Less "y": input 0 is nil`:                func(g *Graph, x, _ *Value) *Value { return g.Compare("Less", "y", nil, x) },
		`Conv "y": input 0 is nil`:                func(g *Graph, x, _ *Value) *Value { return g.Conv("y", x, nil, nil, Same(3, 1, 8, 8)) },
		`Cast "y": input 0 is nil`:                func(g *Graph, _, _ *Value) *Value { return g.Cast("y", nil, Int64) },
		`MatMul "y": input 1 is nil`:              func(g *Graph, x, _ *Value) *Value { return g.MatMul("y", x, nil) },
		`Sum "y": there are no inputs`:            func(g *Graph, _, _ *Value) *Value { return g.Sum("y") },
		`Sum "y": input 1 is nil`:                 func(g *Graph, x, _ *Value) *Value { return g.Sum("y", x, nil) },
		`Concat "y": there are no parts`:          func(g *Graph, _, _ *Value) *Value { return g.Concat("y", nil, 0, Fixed(1)) },
		`Concat "y": input 0 is nil`:              func(g *Graph, x, _ *Value) *Value { return g.Concat("y", []*Value{x, nil}, 1, Fixed(1)) },
		`8, 8] has no dimension 4`:                func(g *Graph, x, _ *Value) *Value { return g.Concat("y", []*Value{x, x}, 4, Fixed(1)) },
		`permutation [0 1 1 3] of x`:              func(g *Graph, x, _ *Value) *Value { return g.Transpose("y", x, 0, 1, 1, 3) },
		`permutation [0 1 2 4] of x`:              func(g *Graph, x, _ *Value) *Value { return g.Transpose("y", x, 0, 1, 2, 4) },
		`Gather "y": input x`:                     func(g *Graph, x, _ *Value) *Value { return g.Gather("y", x, g.Ints("i", 0), -1) },
		`Split "y": 0 parts are fewer than 1`:     func(g *Graph, x, _ *Value) *Value { g.Split("y", x, 0, "s"); return x },
		`Flatten "y": input s float32[] has no d`: func(g *Graph, _, s *Value) *Value { return g.Flatten("y", s) },
		`ArgMax "y": input s`:                     func(g *Graph, _, s *Value) *Value { return g.ArgMax("y", s) },
		`Softmax "y": input s`:                    func(g *Graph, _, s *Value) *Value { return g.Softmax("y", s) },
		`has no dimension -1`:                     func(g *Graph, x, _ *Value) *Value { return g.ReduceMean("y", x, false, -1) },
		`has no dimension 7`:                      func(g *Graph, x, _ *Value) *Value { return g.ReduceSum("y", x, false, 7) },
		`a kernel of 0x0 does not fit`:            func(g *Graph, x, _ *Value) *Value { y, _ := g.MaxPool("y", x, Same(0, 0, 8, 8)); return y },
		`repeated 0x2 times`:                      func(g *Graph, x, _ *Value) *Value { return g.Upsample("y", x, 0, 2) },
	} {
		g := New("test")
		x := g.Input("x", Float, Shape{Symbol("batch"), Fixed(3), Fixed(8), Fixed(8)})
		y := build(g, x, g.Scalar("s", 1))
		g.Output(g.Unary("Relu", "after", y))
		if m, err := g.Model(); m != nil || err == nil || g.Err() == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %s", err, want)
		}
	}
}

package op_test

import (
	"slices"
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/op"
)

// TestSplitParts: Gathers and Slices that together read all of a value become a Split with
// the same results. Those that leave some of it out, or read some of it twice, stay.
func TestSplitParts(t *testing.T) {
	slice := func(b op.Builder, name string, x *graph.Value, start, end, axis int64) *graph.Value {
		inputs := []*graph.Value{x, b.Ints(name+".starts", start), b.Ints(name+".ends", end), b.Ints(name+".axes", axis)}
		return b.Do("", "Slice", op.Call{Name: name, Inputs: inputs})[0]
	}
	index := func(b op.Builder, name string, x *graph.Value, i int64, axis int) *graph.Value {
		return b.Gather(name, x, b.IntTensor(name+".index", nil, []int64{i}), axis)
	}
	for name, c := range map[string]struct {
		build func(b op.Builder, x *graph.Value) []*graph.Value
		want  []string // the operators without Neg and Identity
	}{
		"gathers": {func(b op.Builder, x *graph.Value) []*graph.Value {
			return []*graph.Value{index(b, "c", x, 2, 1), index(b, "a", x, -3, 1), index(b, "b", x, 1, 1)}
		}, []string{"Split", "Reshape", "Reshape", "Reshape"}},
		"slices": {func(b op.Builder, x *graph.Value) []*graph.Value {
			return []*graph.Value{slice(b, "b", x, 1, 99, 2), slice(b, "a", x, 0, -3, -1)}
		}, []string{"Split"}},
		"a gap": {func(b op.Builder, x *graph.Value) []*graph.Value {
			return []*graph.Value{index(b, "a", x, 0, 1), index(b, "c", x, 2, 1)}
		}, []string{"Gather", "Gather"}},
		"one twice": {func(b op.Builder, x *graph.Value) []*graph.Value {
			return []*graph.Value{slice(b, "a", x, 0, 3, 2), slice(b, "b", x, 2, 4, 2)}
		}, []string{"Slice", "Slice"}},
		"two axes": {func(b op.Builder, x *graph.Value) []*graph.Value {
			return []*graph.Value{slice(b, "a", x, 0, 1, 1), slice(b, "b", x, 1, 4, 2)}
		}, []string{"Slice", "Slice"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := op.On(graph.New("parts"))
			x := b.Unary("Neg", "negated", b.Input("x", graph.Float, graph.Shape{graph.Symbol("batch"), graph.Fixed(3), graph.Fixed(4)}))
			for _, v := range c.build(b, x) {
				b.Output(b.Unary("Neg", "y", v))
			}
			before := results(t, b.Graph)
			op.SplitParts(b.Graph)
			b.Prune()
			var ops []string
			for _, n := range b.Nodes {
				if n.Op != "Neg" {
					ops = append(ops, n.Op)
				}
			}
			if !slices.Equal(ops, c.want) {
				t.Errorf("its operators are %v, want %v", ops, c.want)
			}
			for i, y := range results(t, b.Graph) {
				if !slices.Equal(y.Shape, before[i].Shape) || !slices.Equal(y.Floats, before[i].Floats) {
					t.Errorf("output %d is %v, want %v", i, y.Floats, before[i].Floats)
				}
			}
		})
	}
}

// results runs a graph on numbers in their order.
func results(t *testing.T, g *graph.Graph) []*op.Tensor {
	t.Helper()
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	p, err := interp.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	x := &op.Tensor{Elem: graph.Float, Shape: []int{2, 3, 4}}
	for i := range 24 {
		x.Floats = append(x.Floats, float32(i))
	}
	out, err := p.Run(map[string]*op.Tensor{"x": x})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

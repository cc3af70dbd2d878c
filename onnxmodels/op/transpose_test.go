package op

import (
	"slices"
	"testing"

	"onnxlab/onnxmodels/graph"
)

// TestTransposes: two Transposes of a model that cancel disappear, and others
// become one.
func TestTransposes(t *testing.T) {
	b := Folding(graph.New("test"))
	x := b.Input("x", graph.Float, graph.Static(2, 3, 4, 5))
	transpose := func(x *graph.Value, perm ...int64) *graph.Value {
		variant, err := Resolve("", "Transpose", 13)
		if err != nil {
			t.Fatal(err)
		}
		out, err := b.Express(variant, Call{Name: "turned", Inputs: []*graph.Value{x}, Attributes: []graph.Attribute{{Name: "perm", Value: perm}}, Want: []bool{true}})
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	last := transpose(x, 0, 2, 3, 1)
	if got := transpose(last, 0, 3, 1, 2); got != x {
		t.Errorf("there and back it is %s, want %s", got, x)
	}
	both := transpose(last, 2, 0, 3, 1)
	n := both.Producer()
	if n.In("data") != x || !slices.Equal(n.Ints("perm"), []int64{3, 0, 1, 2}) || !both.Shape.Equal(graph.Static(5, 2, 3, 4)) {
		t.Errorf("two are %s %v of %s", both, n.Ints("perm"), n.In("data"))
	}
	if got := transpose(x, 0, 1, 2, 3); got != x {
		t.Errorf("none is %s, want %s", got, x)
	}
}

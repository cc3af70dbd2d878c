package op

import (
	"strings"
	"testing"

	"onnxlab/onnxmodels/graph"
)

// TestUnknownShapes: a shape that is only known once the model runs is refused.
func TestUnknownShapes(t *testing.T) {
	for name, inputs := range map[string]int{"Expand": 2, "ConstantOfShape": 1, "Reshape": 2} {
		b := Folding(graph.New("test"))
		x := b.Input("x", graph.Float, graph.Static(4))
		sizes := b.Input("sizes", graph.Int64, graph.Static(2))
		variant, err := Resolve("", name, 17)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Express(variant, Call{Name: "y", Inputs: []*graph.Value{x, sizes}[2-inputs:], Want: []bool{true}})
		if want := "the shape of its output is not known before the model runs"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that has %q", name, err, want)
		}
	}
}

// TestOpenParts checks the sizes of a Concat of values of symbolic sizes, and
// of a Split of one.
func TestOpenParts(t *testing.T) {
	b := On(graph.New("test"))
	batch := b.Input("x", graph.Float, graph.Shape{graph.Symbol("batch"), graph.Fixed(3)})
	concat := func(parts ...*graph.Value) string {
		return b.Do("", "Concat", Call{Name: "y", Inputs: parts, Attributes: []graph.Attribute{{Name: "axis", Value: int64(0)}}})[0].Shape.String()
	}
	if got := concat(batch, batch); got != "[2*batch, 3]" {
		t.Errorf("twice the batch is %s", got)
	}
	if got := concat(batch, b.Input("one", graph.Float, graph.Static(1, 3)), batch); got != "[y.joined, 3]" {
		t.Errorf("the batch and one more are %s", got)
	}
	half := b.Do("", "Split", Call{Name: "z", Inputs: []*graph.Value{batch}, Want: []bool{true, true}})[1]
	if got := half.Shape.String(); got != "[z.part, 3]" {
		t.Errorf("half of the batch is %s", got)
	}
}

package importer_test

import (
	"slices"
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/ortrun"
)

// TestPadBeforeMaxPool: ONNX Runtime takes the value of pads before a pool into account.
func TestPadBeforeMaxPool(t *testing.T) {
	b := op.On(graph.New("padded"))
	x := b.Input("x", graph.Float, graph.Shape{graph.Symbol("batch"), graph.Fixed(1), graph.Fixed(2), graph.Fixed(2)})
	padded := b.Do("", "Pad", op.Call{Name: "pad", Inputs: []*graph.Value{x, b.Ints("pads", 0, 0, 1, 1, 0, 0, 1, 1)}})[0]
	b.Output(b.MaxPool("pool", padded, op.Valid(2, 2)))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	read, err := importer.Canonical(m)
	if err != nil {
		t.Fatal(err)
	}
	if m, err = op.On(read).Model(); err != nil {
		t.Fatal(err)
	}
	got := ortrun.Load(t, m).Run(t, ortrun.Input{Name: "x", Shape: []int{1, 1, 2, 2}, Float32: []float32{-1, 2, -3, -4}})[0]
	if want := []float32{0, 2, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

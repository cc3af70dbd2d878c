package importer_test

import (
	"encoding/binary"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
)

// A model for one image that resizes it to constant sizes, [1, 3, 24, 18], takes any number of
// images.
func TestOpenResize(t *testing.T) {
	file, _ := read(t, "inference")
	g := file.Model.GetGraph()
	for _, n := range g.GetNode() {
		for i, in := range n.GetInput() {
			if in == "input" {
				n.Input[i] = "resized"
			}
		}
	}
	var sizes []byte
	for _, n := range []uint64{1, 3, 24, 18} {
		sizes = binary.LittleEndian.AppendUint64(sizes, n)
	}
	g.Initializer = append(g.Initializer, graph.Tensor("sizes", graph.Int64, []int{4}, sizes))
	resize := &onnxpb.Node{OpType: proto.String("Resize"), Input: []string{"input", "", "", "sizes"}, Output: []string{"resized"}}
	g.Node = append([]*onnxpb.Node{resize}, g.GetNode()...)
	batch := g.GetInput()[0].GetType().GetTensorType().GetShape().GetDim()[0]
	batch.Value = &onnxpb.TensorShape_Dimension_DimValue{DimValue: 1}

	m, err := importer.Read(file.Model, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, n := range m.Graph.Nodes {
		if n.Is("", "Resize") {
			found = true
			want := graph.Shape{graph.Symbol(importer.BatchSymbol), graph.Fixed(3), graph.Fixed(24), graph.Fixed(18)}
			if got := n.Out("Y").Shape; !got.Equal(want) {
				t.Errorf("resized to %v, want %v", got, want)
			}
		}
	}
	if !found || m.Logits.Shape[0].Symbol != importer.BatchSymbol {
		t.Errorf("resized: %t, logits %s", found, m.Logits)
	}
}

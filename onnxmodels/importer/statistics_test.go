package importer_test

import (
	"cmp"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// rename inserts a node between the running statistics of each batch normalisation and their tensors.
func rename(m *modelfile.Model, op string, attributes ...*onnxpb.Attribute) {
	var nodes []*onnxpb.Node
	for _, n := range m.Graph.Node {
		if n.GetOpType() == "BatchNormalization" {
			for i := 3; i < 5; i++ {
				out := n.Input[i] + ".renamed"
				nodes = append(nodes, &onnxpb.Node{OpType: proto.String(op), Name: proto.String(out), Input: []string{n.Input[i]}, Output: []string{out}, Attribute: attributes})
				n.Input[i] = out
			}
		}
		nodes = append(nodes, n)
	}
	m.Graph.Node = nodes
}

// TestRenamedStatistics: statistics behind an Identity or a Cast are statistics of the file.
func TestRenamedStatistics(t *testing.T) {
	for op, attributes := range map[string][]*onnxpb.Attribute{
		"Identity": nil,
		"Cast":     {{Name: proto.String("to"), I: proto.Int64(1), Type: onnxpb.Attribute_INT.Enum()}},
	} {
		file, want := read(t, "training")
		rename(file.Model, op, attributes...)
		got, err := importer.Read(file.Model, importer.Options{})
		if err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		same := func(a, b importer.Parameter) bool { return a.Name == b.Name && a.Kind == b.Kind }
		if !slices.EqualFunc(byName(got.Parameters), byName(want.Parameters), same) {
			t.Errorf("%s: parameters %v, want %v", op, got.Parameters, want.Parameters)
		}
		normalises := slices.ContainsFunc(got.Graph.Nodes, func(n *graph.Node) bool { return n.Is("", "BatchNormalization") })
		if !normalises {
			t.Errorf("%s: the normalisations do not use their statistics", op)
		}
	}
}

func byName(list []importer.Parameter) []importer.Parameter {
	return slices.SortedFunc(slices.Values(list), func(a, b importer.Parameter) int { return cmp.Compare(a.Name, b.Name) })
}

// TestUntieStatistics: one tensor of ones is two scales and a running variance. The variance gets a
// tensor of its own in any case, the second scale only if all are untied.
func TestUntieStatistics(t *testing.T) {
	for _, all := range []bool{false, true} {
		file, want := read(t, "training")
		g := file.Model.Graph
		for _, n := range g.Node {
			for i, in := range n.Input {
				if in == "norm.running_var" || in == "norm2.weight" {
					n.Input[i] = "norm.weight"
				}
			}
		}
		for _, i := range g.Initializer {
			if i.GetName() == "norm.weight" {
				ones := make([]float32, i.Dims[0])
				for k := range ones {
					ones[k] = 1
				}
				i.RawData, i.FloatData = nil, ones
			}
		}
		untie, least := importer.UntieStatistics, len(want.Parameters)-1
		if all {
			untie, least = importer.Untie, len(want.Parameters)
		}
		untie(file.Model)
		got, err := importer.Read(file.Model, importer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Parameters) != least {
			t.Errorf("all: %v: %d parameters, want %d", all, len(got.Parameters), least)
		}
		for _, p := range got.Parameters {
			if p.Name == "norm.weight" && p.Kind != importer.Weight {
				t.Errorf("all: %v: the scale is of kind %v", all, p.Kind)
			}
		}
	}
}

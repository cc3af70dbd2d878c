package importer_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// branches is a model of x [batch, width]. It squeezes x if its width is 1, and otherwise
// negates it. Both branches call their value y, which is also the name of the model's output.
func branches(width int64) *modelfile.Model {
	node := func(op string, out string, attributes []*onnxpb.Attribute, in ...string) *onnxpb.Node {
		return &onnxpb.Node{OpType: proto.String(op), Name: proto.String(op + out), Input: in, Output: []string{out}, Attribute: attributes}
	}
	ints := func(name string, sizes []int, v int64) *onnxpb.Tensor {
		return graph.Tensor(name, graph.Int64, sizes, (&op.Tensor{Elem: graph.Int64, Ints: []int64{v}}).Bytes())
	}
	info := func(name string, dims ...*onnxpb.TensorShape_Dimension) *onnxpb.ValueInfo {
		t := &onnxpb.Type_TensorType{ElemType: proto.Int32(int32(graph.Float)), Shape: &onnxpb.TensorShape{Dim: dims}}
		return &onnxpb.ValueInfo{Name: proto.String(name), Type: &onnxpb.Type{Value: &onnxpb.Type_TensorType_{TensorType: t}}}
	}
	branch := func(name string, g *onnxpb.Graph) *onnxpb.Attribute {
		g.Name, g.Output = proto.String(name), []*onnxpb.ValueInfo{info("y")}
		return &onnxpb.Attribute{Name: proto.String(name), Type: onnxpb.Attribute_GRAPH.Enum(), G: g}
	}
	squeeze := &onnxpb.Graph{Initializer: []*onnxpb.Tensor{ints("axes", []int{1}, 1)}, Node: []*onnxpb.Node{node("Squeeze", "y", nil, "x", "axes")}}
	negate := &onnxpb.Graph{Node: []*onnxpb.Node{node("Neg", "axes", nil, "x"), node("Identity", "y", nil, "axes")}}
	return &modelfile.Model{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSet{{Domain: proto.String(""), Version: proto.Int64(17)}},
		Graph: &onnxpb.Graph{
			Name: proto.String("branches"),
			Input: []*onnxpb.ValueInfo{info("x",
				&onnxpb.TensorShape_Dimension{Value: &onnxpb.TensorShape_Dimension_DimParam{DimParam: "batch"}},
				&onnxpb.TensorShape_Dimension{Value: &onnxpb.TensorShape_Dimension_DimValue{DimValue: width}})},
			Output:      []*onnxpb.ValueInfo{info("y")},
			Initializer: []*onnxpb.Tensor{ints("one", []int{}, 1), ints("axis", []int{}, 1)},
			Node: []*onnxpb.Node{
				node("Shape", "shape", nil, "x"), node("Gather", "width", nil, "shape", "axis"), node("Equal", "narrow", nil, "width", "one"),
				node("If", "y", []*onnxpb.Attribute{branch("then_branch", squeeze), branch("else_branch", negate)}, "narrow"),
			},
		},
	}
}

// TestBranches: an If on a shape is the branch that its condition chooses.
func TestBranches(t *testing.T) {
	for width, want := range map[int64]*op.Tensor{
		1: {Shape: []int{3}, Floats: []float32{1, 2, 3}},
		2: {Shape: []int{3, 2}, Floats: []float32{-1, -2, -3, -4, -5, -6}},
	} {
		p, err := interp.Compile(branches(width))
		if err != nil {
			t.Fatal(err)
		}
		x := &op.Tensor{Elem: graph.Float, Shape: []int{3, int(width)}, Floats: []float32{1, 2, 3, 4, 5, 6}[:3*width]}
		out, err := p.Run(map[string]*op.Tensor{"x": x})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out[0].Shape, want.Shape) || !slices.Equal(out[0].Floats, want.Floats) {
			t.Errorf("width %d: it is %s %v, want %v %v", width, out[0], out[0].Floats, want.Shape, want.Floats)
		}
	}
}

// TestBrokenBranches names what is wrong with an If.
func TestBrokenBranches(t *testing.T) {
	for want, damage := range map[string]func(g *onnxpb.Graph){
		"its condition narrow bool[] is not known before the model runs": func(g *onnxpb.Graph) { g.Node[1].Input[1] = "first" },
		`attribute "then_branch" is missing`:                             func(g *onnxpb.Graph) { g.Node[3].Attribute = g.Node[3].Attribute[1:] },
		`its condition "nothing" is not computed by any node`:            func(g *onnxpb.Graph) { g.Node[3].Input[0] = "nothing" },
		`"Squeezey" (Squeeze): dimension 0 of input x`: func(g *onnxpb.Graph) {
			g.Node[3].Attribute[0].G.Initializer[0].Int64Data, g.Node[3].Attribute[0].G.Initializer[0].RawData = []int64{0}, nil
		},
		`the output "z" of its branch is not computed by any node`: func(g *onnxpb.Graph) { g.Node[3].Attribute[0].G.Output[0].Name = proto.String("z") },
	} {
		m := branches(1)
		m.Graph.Initializer = append(m.Graph.Initializer, graph.Tensor("first", graph.Int64, nil, make([]byte, 8)))
		damage(m.Graph)
		if _, err := importer.Canonical(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}

package inspect

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/importer"
)

// mobile returns an inference model that takes floats and keeps batch normalisation, as other
// frameworks export models.
func mobile(t *testing.T) *onnxpb.Model {
	t.Helper()
	n, err := onnxmodels.MobileNet(onnxmodels.MobileNetOptions{Height: 32, Width: 32, Form: "cifar", WidthFactor: 0.5, Classes: 7})
	if err != nil {
		t.Fatal(err)
	}
	return inference(t, n, n.Initialize(1), onnxmodels.InferenceOptions{KeepBatchNorm: true, Input: onnxmodels.InputFloat32NCHW})
}

func classifier(t *testing.T, m *onnxpb.Model, size ImageSize) *ModelReport {
	t.Helper()
	r, err := Classifier(m, size)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestInferredShapes checks that a model which declares no shapes, as those of older exporters, is
// described like the same model with them.
func TestInferredShapes(t *testing.T) {
	declared, m := Model(mobile(t)), mobile(t)
	m.Graph.ValueInfo = nil
	if r := Model(m); r.Forward.Unknown == 0 {
		t.Fatal("all shapes are declared")
	}
	r := classifier(t, m, ImageSize{})
	if !reflect.DeepEqual(r.Nodes, declared.Nodes) || r.Forward != declared.Forward || r.Forward.Unknown != 0 || r.Forward.MultiplyAdds == 0 {
		t.Errorf("forward %+v, declared %+v", r.Forward, declared.Forward)
	}
	for i, n := range r.Nodes {
		if want := declared.Nodes[i]; n.Type != want.Type {
			t.Errorf("node %q has the type %s, want %s", n.Name, n.Type, want.Type)
		}
	}
}

// TestShapesUntilAnUnknownOperator checks that shapes are inferred as far as possible.
func TestShapesUntilAnUnknownOperator(t *testing.T) {
	m := planted([]*onnxpb.Node{
		node("Relu", []string{"image"}, []string{"a"}),
		node("Mystery", []string{"a"}, []string{"b"}),
		node("Relu", []string{"b"}, []string{"y"}),
	}, plain("image", "n", 0, 3, 4, 4), plain("y", "n", 0, 3, 4, 4))
	m.OpsetImport = []*onnxpb.OperatorSet{{Version: proto.Int64(17)}}
	r := classifier(t, m, ImageSize{})
	var types []string
	for _, n := range r.Nodes {
		types = append(types, n.Type)
	}
	if want := []string{"float32[n, 3, 4, 4]", "?", "float32[n, 3, 4, 4]"}; !slices.Equal(types, want) || r.Forward.Unknown != 1 {
		t.Errorf("types %q, want %q; %+v", types, want, r.Forward)
	}
	if len(r.Training.Refused) == 0 || !strings.Contains(r.Training.Refused[0], "Mystery") {
		t.Errorf("training %+v", r.Training)
	}
}

// TestOpenSize describes a model that takes images of any size: its costs are those of a model for
// the given size, and it shows what the file declares.
func TestOpenSize(t *testing.T) {
	fixed := classifier(t, mobile(t), ImageSize{})
	open := func() *onnxpb.Model {
		m := mobile(t)
		m.Graph.Input[0] = plain("image", "any", 0, 3, 0, 0)
		return m
	}
	size := ImageSize{Height: 32, Width: 32}
	r := classifier(t, open(), size)
	if r.AssumedSize == nil || *r.AssumedSize != size || fixed.AssumedSize != nil {
		t.Errorf("assumed sizes %v and %v", r.AssumedSize, fixed.AssumedSize)
	}
	if r.Forward.MultiplyAdds != fixed.Forward.MultiplyAdds || r.Forward.Unknown != 0 || r.Inputs[0].Type != "float32[any, 3, any, any]" {
		t.Errorf("forward %+v, want %+v; inputs %v", r.Forward, fixed.Forward, r.Inputs)
	}
	usual := classifier(t, open(), ImageSize{})
	if want := (ImageSize{usualSide, usualSide}); *usual.AssumedSize != want || usual.Forward.MultiplyAdds <= fixed.Forward.MultiplyAdds {
		t.Errorf("assumed size %v, forward %+v", usual.AssumedSize, usual.Forward)
	}
	var b bytes.Buffer
	if err := usual.WriteTable(&b); err != nil || !strings.Contains(b.String(), "shapes and costs are for 224x224 pixels") {
		t.Errorf("error %v, table\n%s", err, b.String())
	}
}

// TestLastLayer checks what is said about the layer that a new one replaces.
func TestLastLayer(t *testing.T) {
	r := classifier(t, mobile(t), ImageSize{})
	if want := (&onnxmodels.LastLayer{Parameters: []string{"dense.weight", "dense.bias"}, Features: 1280, Classes: 7}); !reflect.DeepEqual(r.Training.Head, want) {
		t.Errorf("head %+v, want %+v", r.Training.Head, want)
	}
	if r.Training.Statistics == 0 {
		t.Errorf("training %+v", r.Training)
	}
	folded := small(t)
	r = classifier(t, inference(t, folded, folded.Initialize(1), onnxmodels.InferenceOptions{}), ImageSize{})
	var b bytes.Buffer
	if err := r.WriteTable(&b); err != nil || !strings.Contains(b.String(), "have gradients, and there is no batch normalisation\n") {
		t.Errorf("error %v, table\n%s", err, b.String())
	}
}

// TestSummaryIsShort checks that the summary names neither nodes nor parameters, which have tables
// of their own.
func TestSummaryIsShort(t *testing.T) {
	r := Model(mobile(t))
	text := func(write func(w *bytes.Buffer) error) string {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	summary := text(func(w *bytes.Buffer) error { return r.WriteTable(w) })
	parameters := text(func(w *bytes.Buffer) error { return r.WriteParameters(w) })
	nodes := text(func(w *bytes.Buffer) error { return r.WriteNodes(w) })
	for _, p := range r.Parameters {
		if strings.Contains(summary, p.Name) || !strings.Contains(parameters, p.Name) {
			t.Errorf("parameter %q is in the summary, or not in its table", p.Name)
		}
	}
	if strings.Count(nodes, "\n") != len(r.Nodes)+2 || strings.Count(summary, "\n") > 40 {
		t.Errorf("summary\n%s", summary)
	}
}

// TestParametersInConstants checks that weights in nodes Constant, where PaddlePaddle has them,
// count like those in initializers, and that parameters are listed in the order of their use.
func TestParametersInConstants(t *testing.T) {
	want, m := Model(mobile(t)), mobile(t)
	inConstants(m)
	if r := Model(m); r.Elements != want.Elements || !slices.Equal(r.Parameters, want.Parameters) || r.Elements == 0 {
		t.Errorf("%d elements in %v, want %d in %v", r.Elements, r.Parameters, want.Elements, want.Parameters)
	}
}

// inConstants moves the initializers of a model into nodes Constant without names, in reverse order.
func inConstants(m *onnxpb.Model) {
	var constants []*onnxpb.Node
	for i := range m.Graph.Initializer {
		tensor := m.Graph.Initializer[len(m.Graph.Initializer)-1-i]
		n := &onnxpb.Node{OpType: proto.String("Constant"), Output: []string{tensor.GetName()}}
		n.Attribute = []*onnxpb.Attribute{{Name: proto.String("value"), Type: onnxpb.Attribute_TENSOR.Enum(), T: tensor}}
		constants = append(constants, n)
	}
	m.Graph.Node, m.Graph.Initializer = append(constants, m.Graph.Node...), nil
}

// TestDiffConstants compares models whose weights are in nodes Constant, and whose nodes have no
// names, as in PaddlePaddle's models.
func TestDiffConstants(t *testing.T) {
	m, other := mobile(t), mobile(t)
	for i, tensor := range other.Graph.Initializer {
		if tensor.GetName() == "dense.bias" {
			other.Graph.Initializer[i].RawData[3] = 0x40 // the first number, 0, becomes 2
		}
	}
	for _, m := range []*onnxpb.Model{m, other} {
		inConstants(m)
		for _, n := range m.Graph.Node {
			n.Name = nil
		}
	}
	d := Diff(ModelSubject(m), ModelSubject(other))
	if len(d.Structure) != 0 || len(d.Tensors) != 1 || d.Tensors[0].Name != "dense.bias" || d.Tensors[0].MaxAbs != 2 || d.Same == 0 {
		t.Errorf("%+v", d)
	}
	other.Graph.Node[len(other.Graph.Node)-3].OpType = proto.String("Other")
	if d := Diff(ModelSubject(m), ModelSubject(other)); len(d.Structure) != 1 {
		t.Errorf("structure %+v", d.Structure)
	}
}

// TestInitializersAsInputs checks that initializers are no inputs, though older models list them.
func TestInitializersAsInputs(t *testing.T) {
	want, m := Model(mobile(t)), mobile(t)
	for _, tensor := range m.Graph.Initializer {
		m.Graph.Input = append(m.Graph.Input, plain(tensor.GetName(), "", tensor.GetDims()...))
	}
	if r := Model(m); !slices.Equal(r.Inputs, want.Inputs) || !slices.Equal(r.Parameters, want.Parameters) || r.Elements != want.Elements {
		t.Errorf("inputs %v, %d elements in %d parameters", r.Inputs, r.Elements, len(r.Parameters))
	}
}

// TestDimensionsThatAreLeftOpen checks that a dimension without a size is not one of 0, and that a
// multiple of the batch counts so often for an image.
func TestDimensionsThatAreLeftOpen(t *testing.T) {
	m := planted([]*onnxpb.Node{node("Relu", []string{"image"}, []string{"a"}), node("Relu", []string{"a"}, []string{"y"})},
		plain("image", "n", 0, 6), plain("a", "n", 0, 6), plain("y", "3*n", 0, 2))
	m.Graph.ValueInfo[0].GetType().GetTensorType().GetShape().Dim[1].Value = nil
	r := Model(m)
	if r.Nodes[0].Type != "float32[n, ?]" || r.Nodes[0].Cost != nil {
		t.Errorf("open: %+v", r.Nodes[0])
	}
	if c := r.Nodes[1].Cost; c == nil || c.Bytes != 3*2*4 {
		t.Errorf("a multiple: cost %+v of %s", c, r.Nodes[1].Type)
	}
	m.Graph.Input[0].GetType().GetTensorType().GetShape().Dim[0].Value = nil // so many images as there are
	m.OpsetImport = []*onnxpb.OperatorSet{{Version: proto.Int64(17)}}
	m.Graph.ValueInfo = nil
	importer.InferTypes(m)
	if r := Model(m); r.Nodes[0].Type != "float32[batch, 6]" || r.Nodes[0].Cost == nil || r.Nodes[0].Cost.Bytes != 6*4 {
		t.Errorf("without a number of images: %+v, cost %+v", r.Nodes[0], r.Nodes[0].Cost)
	}
}

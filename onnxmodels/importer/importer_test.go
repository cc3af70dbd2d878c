package importer_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// The forms in which PyTorch exports the classifier that testdata/make.py makes.
var forms = []string{"training", "inference", "default"}

func read(t *testing.T, form string) (*modelfile.File, *importer.Model) {
	t.Helper()
	file, err := modelfile.ReadFile(filepath.Join("testdata", "small_"+form+".onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := importer.Read(file.Model, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return file, m
}

func TestParameters(t *testing.T) {
	want := map[string]string{
		"training":  "depthwise.bias depthwise.weight head.bias head.weight norm.bias norm.running_mean* norm.running_var* norm.weight norm2.bias norm2.running_mean* norm2.running_var* norm2.weight project.weight stem.weight",
		"inference": "depthwise.bias depthwise.weight head.bias head.weight onnx::Conv_29 onnx::Conv_30 onnx::Conv_32 onnx::Conv_33",
		"default":   "depthwise.bias depthwise.weight head.bias head.weight project.weight project.weight_bias stem.weight stem.weight_bias",
	}
	for _, form := range forms {
		_, m := read(t, form)
		var names []string
		for _, p := range m.Parameters {
			if name := p.Name; p.Kind == importer.Statistic {
				names = append(names, name+"*")
			} else {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != want[form] {
			t.Errorf("%s: %s, want %s", form, got, want[form])
		}
		if got := m.Logits.Shape; got[0].Symbol != importer.BatchSymbol || got[1].Size != 5 {
			t.Errorf("%s: logits %v", form, got)
		}
	}
}

// TestGroupNorm has group normalisation as PyTorch exports it. InstanceNormalization's scale and
// bias are not learned if they are 1 and 0.
func TestGroupNorm(t *testing.T) {
	for scale, learned := range map[float32][]string{1: {"gain", "shift"}, 2: {"gain", "scale", "shift"}} {
		file, before := read(t, "inference")
		g := file.Model.GetGraph()
		node := func(kind, out string, in ...string) *onnxpb.Node {
			return &onnxpb.Node{OpType: proto.String(kind), Name: proto.String(kind + out), Input: in, Output: []string{out}}
		}
		const at = 0 // the first convolution
		image := g.Node[at].GetOutput()[0]
		for _, n := range g.Node[at+1:] {
			for i, in := range n.GetInput() {
				if in == image {
					n.Input[i] = "normalised"
				}
			}
		}
		g.Node = slices.Insert(g.Node, at+1,
			node("Reshape", "grouped", image, "groups"), node("InstanceNormalization", "flat", "grouped", "scale", "zero"),
			node("Shape", "sizes", image), node("Reshape", "image", "flat", "sizes"),
			node("Mul", "scaled", "image", "gain"), node("Add", "normalised", "scaled", "shift"))
		floats := func(name string, shape []int, values ...float32) *onnxpb.Tensor {
			return graph.Tensor(name, graph.Float, shape, (&op.Tensor{Elem: graph.Float, Floats: values}).Bytes())
		}
		one, channels, zeros := []int{1}, []int{8, 1, 1}, make([]float32, 8)
		g.Initializer = append(g.Initializer,
			graph.Tensor("groups", graph.Int64, []int{3}, (&op.Tensor{Elem: graph.Int64, Ints: []int64{0, 1, -1}}).Bytes()),
			floats("scale", one, scale), floats("zero", one, 0), floats("gain", channels, zeros...), floats("shift", channels, zeros...))
		after, err := importer.Read(file.Model, importer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range after.Parameters {
			if !slices.ContainsFunc(before.Parameters, func(b importer.Parameter) bool { return b.Name == p.Name }) {
				got = append(got, p.Name)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, learned) {
			t.Errorf("a scale of %v: learned %v, want %v", scale, got, learned)
		}
	}
}

// TestSingleParameters: of initializers with one element, those with a name of PyTorch's are learned.
func TestSingleParameters(t *testing.T) {
	for name, learned := range map[string]bool{"act.scale": true, "onnx::Mul_7": false, "val_7": false, "/act/Constant_1.5": false} {
		file, _ := read(t, "inference")
		g := file.Model.GetGraph()
		image := g.Node[0].GetOutput()[0]
		for _, n := range g.Node[1:] {
			for i, in := range n.GetInput() {
				if in == image {
					n.Input[i] = "scaled"
				}
			}
		}
		g.Node = slices.Insert(g.Node, 1, &onnxpb.Node{OpType: proto.String("Mul"), Input: []string{image, name}, Output: []string{"scaled"}})
		g.Initializer = append(g.Initializer, graph.Tensor(name, graph.Float, []int{1}, (&op.Tensor{Elem: graph.Float, Floats: []float32{2}}).Bytes()))
		m, err := importer.Read(file.Model, importer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(m.Parameters, func(p importer.Parameter) bool { return p.Name == name }); got != learned {
			t.Errorf("%s: learned %v, want %v", name, got, learned)
		}
	}
}

func TestReplaceHead(t *testing.T) {
	for _, form := range forms {
		file, before := read(t, form)
		was := proto.CloneOf(file.Model)
		h, err := before.ReplaceHead(3)
		if err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		if got := h.Names(); !slices.Equal(got, []string{"head.weight", "head.bias"}) || h.Features != 8 {
			t.Errorf("%s: head %v of %d features", form, got, h.Features)
		}
		after, err := importer.Read(file.Model, importer.Options{})
		if err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		if after.Logits.Size(1) != 3 || len(after.Parameters) != len(before.Parameters) {
			t.Errorf("%s: %d classes, %d parameters", form, after.Logits.Size(1), len(after.Parameters))
		}
		for i, tensor := range file.Model.GetGraph().GetInitializer() {
			then := was.GetGraph().GetInitializer()[i]
			if name := tensor.GetName(); strings.HasPrefix(name, "head.") == proto.Equal(tensor, then) {
				t.Errorf("%s: %q stayed: %t", form, name, proto.Equal(tensor, then))
			}
		}
	}
}

// The last layer is also found and replaced in models such as PaddlePaddle's, where all weights
// come from Constant nodes and a bias is added to a matrix product.
func TestReplaceHeadOfConstants(t *testing.T) {
	file, before := read(t, "inference")
	g := file.Model.GetGraph()
	var nodes []*onnxpb.Node
	for _, tensor := range g.GetInitializer() {
		if tensor.GetName() == "head.weight" {
			slices.Reverse(tensor.Dims)
		}
		nodes = append(nodes, &onnxpb.Node{OpType: proto.String("Constant"), Output: []string{tensor.GetName()}, Attribute: []*onnxpb.Attribute{{
			Name: proto.String("value"), Type: onnxpb.Attribute_TENSOR.Enum(), T: tensor,
		}}})
	}
	for _, n := range g.GetNode() {
		if n.GetOpType() != "Gemm" {
			nodes = append(nodes, n)
			continue
		}
		nodes = append(nodes,
			&onnxpb.Node{OpType: proto.String("MatMul"), Input: n.GetInput()[:2], Output: []string{"product"}},
			&onnxpb.Node{OpType: proto.String("Add"), Input: []string{"product", n.GetInput()[2]}, Output: n.GetOutput()})
	}
	g.Initializer, g.Node = nil, nodes
	m, err := importer.Read(file.Model, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := m.ReplaceHead(3)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Names(); !slices.Equal(got, []string{"head.weight", "head.bias"}) || h.Features != 8 {
		t.Errorf("head %v of %d features", got, h.Features)
	}
	after, err := importer.Read(file.Model, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if after.Logits.Size(1) != 3 || len(after.Parameters) != len(before.Parameters) {
		t.Errorf("%d classes, %d parameters, want 3 and %d", after.Logits.Size(1), len(after.Parameters), len(before.Parameters))
	}
}

// Writing a model back changes nothing but the values of its parameters, and leaves its data
// where it was: inside the file or beside it.
func TestWriteBack(t *testing.T) {
	for _, form := range forms {
		file, m := read(t, form)
		was := proto.CloneOf(file.Model)
		value := float32(0)
		err := m.SetParameters(func(name string) ([]float32, error) {
			for _, p := range m.Parameters {
				if p.Name == name {
					list := make([]float32, len(p.Floats()))
					for i := range list {
						value++
						list[i] = value
					}
					return list, nil
				}
			}
			return nil, fmt.Errorf("no %q", name)
		})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "written.onnx")
		if err := file.Write(path); err != nil {
			t.Fatal(err)
		}
		beside, err := filepath.Glob(path + ".data")
		if err != nil || (len(beside) == 1) != (form == "default") {
			t.Errorf("%s: %v, %v", form, beside, err)
		}
		again, err := modelfile.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		read, err := importer.Read(again.Model, importer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := float32(0)
		for _, p := range read.Parameters {
			for _, got := range p.Floats() {
				if want++; got != want {
					t.Fatalf("%s: %q has %v, want %v", form, p.Name, got, want)
				}
			}
			restore(again.Model, was, p.Name)
		}
		if !proto.Equal(again.Model, was) {
			t.Errorf("%s: more than the parameters has changed", form)
		}
	}
}

// restore gives a tensor of a model the data that it had.
func restore(m, was *modelfile.Model, name string) {
	for i, tensor := range m.GetGraph().GetInitializer() {
		if tensor.GetName() == name {
			proto.Reset(tensor)
			proto.Merge(tensor, was.GetGraph().GetInitializer()[i])
		}
	}
}

// TestHostile: models whose shapes explode, and cyclic ones, are refused before they take any
// memory (testdata/hostile.py).
func TestHostile(t *testing.T) {
	for name, want := range map[string]string{
		"constant_of_shape": "more than 2147483648 elements",
		"expand":            "more than 2147483648 elements",
		"tile":              "more than 2147483648 elements",
		"range":             "more than 268435456 elements",
		"cycle":             "cyclic or out of order",
	} {
		m, err := modelfile.Read(filepath.Join("testdata", "hostile_"+name+".onnx"))
		if err == nil {
			_, err = importer.Read(m, importer.Options{})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
}

package onnxmodels

import (
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

// smallGiven is the network of a small classifier (importer/testdata/make.py): stem, norm,
// depthwise, then skip beside project and norm2, then head, for images of 12x12 pixels.
func smallGiven(t *testing.T, form string, o GivenOptions) *Network {
	t.Helper()
	file, err := modelfile.ReadFile(filepath.Join("importer", "testdata", "small_"+form+".onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := importer.Read(file.Model, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := Given(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCut: the cut is at the last values that training does not change.
func TestCut(t *testing.T) {
	const plane = 6 * 6 // behind depthwise, whose stride is 2
	for _, c := range []struct {
		train     []string
		batchNorm string
		features  int
		upper     []string
	}{
		{[]string{"head.*"}, BatchNormAuto, 8, []string{"head.weight", "head.bias"}},
		// The sum of skip and norm2 has two sides.
		{[]string{"norm2.*"}, BatchNormAuto, 8*plane + 8*plane, []string{"head.weight", "head.bias", "norm2.weight", "norm2.bias", "norm2.running_mean", "norm2.running_var"}},
		// A normalisation by the batch is above the cut though it is frozen.
		{[]string{"head.*"}, BatchNormTrain, 8 * 12 * 12, nil},
	} {
		cut, err := smallGiven(t, "training", GivenOptions{Train: c.train, BatchNorm: c.batchNorm}).Cut()
		if err != nil {
			t.Fatal(err)
		}
		if got := cut.Upper.Features(); got != c.features {
			t.Errorf("%v, %s: %d features, want %d", c.train, c.batchNorm, got, c.features)
		}
		var names []string
		for _, p := range cut.Upper.Parameters() {
			names = append(names, p.Name)
		}
		slices.Sort(names)
		slices.Sort(c.upper)
		if c.upper != nil && !slices.Equal(names, c.upper) {
			t.Errorf("%v: the upper part has %v, want %v", c.train, names, c.upper)
		}
		if h, w := cut.Upper.Size(); h != 12 || w != 12 || cut.Upper.Classes() != 5 {
			t.Errorf("the upper part is for %dx%d pixels and %d classes", h, w, cut.Upper.Classes())
		}
	}
}

// TestCutBehindShapes has a model that reads the number of images with a Shape and repeats a
// token that many times, as PyTorch's exports of transformers do. The features of an image do not
// depend on that number.
func TestCutBehindShapes(t *testing.T) {
	node := func(kind, out string, in ...string) *onnxpb.Node {
		return &onnxpb.Node{OpType: proto.String(kind), Name: proto.String(out), Input: in, Output: []string{out}}
	}
	info := func(name string, dims ...int64) *onnxpb.ValueInfo {
		shape := &onnxpb.TensorShape{Dim: []*onnxpb.TensorShape_Dimension{{Value: &onnxpb.TensorShape_Dimension_DimParam{DimParam: "n"}}}}
		for _, d := range dims {
			shape.Dim = append(shape.Dim, &onnxpb.TensorShape_Dimension{Value: &onnxpb.TensorShape_Dimension_DimValue{DimValue: d}})
		}
		of := &onnxpb.Type_TensorType{ElemType: proto.Int32(int32(graph.Float)), Shape: shape}
		return &onnxpb.ValueInfo{Name: proto.String(name), Type: &onnxpb.Type{Value: &onnxpb.Type_TensorType_{TensorType: of}}}
	}
	weights := func(name string, sizes ...int) *onnxpb.Tensor {
		n, _ := graph.Static(sizes...).Elements()
		return graph.Tensor(name, graph.Float, sizes, (&op.Tensor{Elem: graph.Float, Floats: make([]float32, n)}).Bytes())
	}
	number := func(name string, i int64) *onnxpb.Tensor {
		return graph.Tensor(name, graph.Int64, []int{1}, (&op.Tensor{Elem: graph.Int64, Ints: []int64{i}}).Bytes())
	}
	sizes := node("Concat", "sizes", "count", "rest")
	sizes.Attribute = []*onnxpb.Attribute{{Name: proto.String("axis"), Type: onnxpb.Attribute_INT.Enum(), I: proto.Int64(0)}}
	model := &modelfile.Model{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSet{{Domain: proto.String(""), Version: proto.Int64(17)}},
		Graph: &onnxpb.Graph{
			Name: proto.String("shapes"), Input: []*onnxpb.ValueInfo{info("image", 3, 4, 4)}, Output: []*onnxpb.ValueInfo{info("logits", 5)},
			Initializer: []*onnxpb.Tensor{
				weights("conv.weight", 8, 3, 4, 4), weights("head.weight", 8, 5), weights("head.bias", 5), weights("token", 1, 8), number("first", 0), number("rest", 8),
			},
			Node: []*onnxpb.Node{
				node("Conv", "conv", "image", "conv.weight"), node("Shape", "shape", "image"), node("Gather", "count", "shape", "first"), sizes,
				node("Reshape", "rows", "conv", "sizes"), node("Expand", "tokens", "token", "sizes"), node("Add", "sum", "rows", "tokens"),
				node("Gemm", "logits", "sum", "head.weight", "head.bias"),
			},
		},
	}
	m, err := importer.Read(model, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := Given(m, GivenOptions{Train: []string{"head.*"}, Normalization: &Normalization{}})
	if err != nil {
		t.Fatal(err)
	}
	cut, err := n.Cut()
	if err != nil {
		t.Fatal(err)
	}
	if got := len(cut.Upper.Parameters()); cut.Upper.Features() != 8 || got != 2 {
		t.Errorf("%d features and %d parameters above them, want 8 and 2", cut.Upper.Features(), got)
	}
}

func TestCutRefuses(t *testing.T) {
	n := smallGiven(t, "training", GivenOptions{})
	if _, err := n.Cut(); err == nil || !strings.Contains(err.Error(), "its first layers are trained") {
		t.Errorf("all trained: %v", err)
	}
	own, err := CNN(CNNOptions{Height: 8, Width: 8, Widths: []int{2}, Convolutions: 1, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Cut(); err == nil || !strings.Contains(err.Error(), "only a given model") {
		t.Errorf("a network of our own: %v", err)
	}
}

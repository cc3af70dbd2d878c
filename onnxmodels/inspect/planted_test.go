package inspect

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/modelfile"
)

// plain is a value of float32 with the given sizes; 0 stands for the symbol.
func plain(name, symbol string, sizes ...int64) *onnxpb.ValueInfo {
	shape := &onnxpb.TensorShape{}
	for _, n := range sizes {
		d := &onnxpb.TensorShape_Dimension{Value: &onnxpb.TensorShape_Dimension_DimValue{DimValue: n}}
		if n == 0 {
			d.Value = &onnxpb.TensorShape_Dimension_DimParam{DimParam: symbol}
		}
		shape.Dim = append(shape.Dim, d)
	}
	tensor := &onnxpb.Type_TensorType{ElemType: proto.Int32(1), Shape: shape}
	return &onnxpb.ValueInfo{Name: proto.String(name), Type: &onnxpb.Type{Value: &onnxpb.Type_TensorType_{TensorType: tensor}}}
}

func node(operator string, inputs, outputs []string) *onnxpb.Node {
	return &onnxpb.Node{Name: proto.String(operator), OpType: proto.String(operator), Input: inputs, Output: outputs}
}

// planted returns a model with the input "image" and the output "y"; the type of y is the last
// argument.
func planted(nodes []*onnxpb.Node, image *onnxpb.ValueInfo, inner ...*onnxpb.ValueInfo) *onnxpb.Model {
	return &onnxpb.Model{IrVersion: proto.Int64(8), Graph: &onnxpb.Graph{
		Node: nodes, Input: []*onnxpb.ValueInfo{image}, Output: inner[len(inner)-1:], ValueInfo: slices.Clip(inner[:len(inner)-1]),
	}}
}

// described returns the reports of a model, for people and for programs.
func described(t *testing.T, m *onnxpb.Model) (r *ModelReport, table, svg string) {
	t.Helper()
	if err := modelfile.Check(m); err != nil {
		t.Fatal(err)
	}
	r = Model(m)
	var text, picture bytes.Buffer
	for _, err := range []error{r.WriteTable(&text), r.WriteSVG(&picture), r.WriteDOT(io.Discard)} {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	return r, text.String(), picture.String()
}

// TestSizesThatMeanNothing checks that models which pass the checks, but whose sizes no
// network has, have no cost and do not crash.
func TestSizesThatMeanNothing(t *testing.T) {
	split := node("Split", []string{"image"}, []string{"a", "b"})
	relu := node("Relu", []string{"image"}, []string{"y"})
	image := plain("image", "batch", 0, 3)
	for name, m := range map[string]*onnxpb.Model{
		"a share of 2^64": planted([]*onnxpb.Node{split, node("Relu", []string{"a"}, []string{"y"})}, image,
			plain("a", "part", 0, 3), plain("y", "part", slices.Repeat([]int64{0}, 64)...)),
		"negative":           planted([]*onnxpb.Node{relu}, image, plain("y", "batch", 0, -1, 8)),
		"beyond 64 bits":     planted([]*onnxpb.Node{relu}, image, plain("y", "batch", 0, 1<<62, 1<<62)),
		"beyond all":         planted([]*onnxpb.Node{relu}, image, plain("y", "batch", 0, 1<<57)),
		"a negative product": planted([]*onnxpb.Node{node("MatMul", []string{"image", "image"}, []string{"y"})}, plain("image", "batch", 0, -3), plain("y", "batch", 0, 3)),
	} {
		r, table, _ := described(t, m)
		if last := r.Nodes[len(r.Nodes)-1]; last.Cost != nil || r.Forward.Unknown == 0 {
			t.Errorf("%s: cost %+v, in all %+v\n%s", name, last.Cost, r.Forward, table)
		}
	}
	// No outputs, and the largest number of images that 64 bits can hold.
	nothing := node("Split", []string{"image"}, nil)
	r, _, _ := described(t, planted([]*onnxpb.Node{nothing, split, node("Relu", []string{"a"}, []string{"y"})},
		plain("image", "", 1<<62, 3), plain("a", "part", 0, 3), plain("y", "part", 0)))
	if c := r.Nodes[2].Cost; c == nil || *c != (Cost{}) {
		t.Errorf("cost %+v of 2^62 images' share", c)
	}
	// Many large values, whose sum would be too large.
	var nodes []*onnxpb.Node
	values := []*onnxpb.ValueInfo{}
	for i := range 100 {
		name := strings.Repeat("v", i+1)
		nodes = append(nodes, node("Relu", []string{"image"}, []string{name}))
		values = append(values, plain(name, "batch", 0, 1<<56))
	}
	if r, _, _ := described(t, planted(nodes, image, values...)); r.Forward.Bytes < 1<<58 || r.Forward.Unknown == 0 {
		t.Errorf("in all %+v", r.Forward)
	}
}

// TestNamesThatCommand checks that metadata can neither command the terminal nor forge lines,
// that names are not markup, and that long names are shortened in tables. Names with control
// characters are refused when a model is read.
func TestNamesThatCommand(t *testing.T) {
	m := planted([]*onnxpb.Node{node("Relu", []string{"image"}, []string{"a"}), node("Relu", []string{"a"}, []string{"y"})},
		plain("image", "<script>", 0), plain("a", "", 1), plain("y", "<script>", 0))
	m.Graph.Node[0].Name = proto.String(strings.Repeat("N", 10_000))
	m.Graph.Node[1].OpType = proto.String("<script>")
	m.MetadataProps = []*onnxpb.Property{{Key: proto.String("key\x07"), Value: proto.String("\x1b[2J\u202evalue\nmetadata  forged")}}
	_, table, svg := described(t, m)
	if strings.ContainsAny(table, "\x1b\x07\x00\u202e") || strings.Contains(table, "\nmetadata  forged") || len(table) > 5000 {
		t.Errorf("%d bytes\n%.1000q", len(table), table)
	}
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if start, ok := token.(xml.StartElement); err != nil || ok && start.Name.Local == "script" {
			t.Fatalf("token %v, error %v", token, err)
		}
	}
}

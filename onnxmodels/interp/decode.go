package interp

import (
	"fmt"
	"slices"

	"github.com/owulveryck/onnx-go"
	"gonum.org/v1/gonum/graph/simple"
	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// decode has onnx-go decode a graph of canonical operators into a backend.
func decode(g *graph.Graph) (b *backend, err error) {
	defer op.Recovered(&err)
	m, err := g.Model()
	if err != nil {
		return nil, err
	}
	data, err := bare(m)
	if err != nil {
		return nil, err
	}
	b = &backend{WeightedDirectedGraph: simple.NewWeightedDirectedGraph(0, 0), nodes: g.Nodes}
	return b, onnx.NewModel(b).UnmarshalBinary(data)
}

// bare returns the model's bytes without declared shapes, without attributes, and without
// constants that are neither float32 nor int64. onnx-go would decode these wrongly, so the
// program takes them from the graph instead.
func bare(m *onnxpb.Model) ([]byte, error) {
	g := m.GetGraph()
	g.ValueInfo = nil
	for _, v := range append(g.GetInput(), g.GetOutput()...) {
		v.Type = nil
	}
	for _, n := range g.GetNode() {
		n.Attribute = nil
	}
	g.Initializer = slices.DeleteFunc(g.Initializer, func(t *onnxpb.Tensor) bool {
		elem := graph.Elem(t.GetDataType())
		return elem != graph.Float && elem != graph.Int64 || len(t.GetRawData()) == 0
	})
	return proto.Marshal(m)
}

// signature describes the input and the outputs that a model declares.
type signature struct {
	bytes         bool // uint8 [n, h, w, c], else float32 [n, c, h, w]
	height, width int
	channels      int // 3 or 1
	classes       int
}

func signatureOf(m *onnxpb.Model) (signature, error) {
	var f signature
	constant := map[string]bool{}
	for _, t := range m.GetGraph().GetInitializer() {
		constant[t.GetName()] = true
	}
	images := 0
	for _, in := range m.GetGraph().GetInput() {
		if constant[in.GetName()] {
			continue
		}
		images++
		d, elem := declared(in)
		switch {
		case in.GetName() != onnxmodels.InputImage || len(d) != 4:
			images++
		case elem == graph.Uint8 && (d[3] == 3 || d[3] == 1):
			f.bytes, f.height, f.width, f.channels = true, d[1], d[2], d[3]
		case elem == graph.Float && (d[1] == 3 || d[1] == 1):
			f.height, f.width, f.channels = d[2], d[3], d[1]
		}
	}
	if images != 1 || f.height < 1 || f.width < 1 || f.height > 1<<14 || f.width > 1<<14 {
		return f, fmt.Errorf("it does not have exactly one input, %q, of uint8 [batch, height, width, channels] or float32 [batch, channels, height, width], with 3 channels or 1", onnxmodels.InputImage)
	}
	for _, out := range m.GetGraph().GetOutput() {
		if d, elem := declared(out); out.GetName() == onnxmodels.OutputProbabilities && elem == graph.Float && len(d) == 2 {
			f.classes = d[1]
		}
	}
	if f.classes < 1 {
		return f, fmt.Errorf("it has no output %q of float32 [batch, classes]", onnxmodels.OutputProbabilities)
	}
	return f, nil
}

// declared returns the type and dimensions of a value, -1 for a symbolic one.
func declared(v *onnxpb.ValueInfo) ([]int, graph.Elem) {
	t := v.GetType().GetTensorType()
	var dims []int
	for _, d := range t.GetShape().GetDim() {
		n := -1
		if fixed, ok := d.GetValue().(*onnxpb.TensorShape_Dimension_DimValue); ok {
			n = int(min(fixed.DimValue, op.ElementLimit))
		}
		dims = append(dims, n)
	}
	return dims, graph.Elem(t.GetElemType())
}

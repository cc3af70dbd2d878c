package interp

import (
	"fmt"
	"slices"

	"github.com/owulveryck/onnx-go"
	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// The opsets whose forms of the operators are implemented: with 13 Softmax got
// its present meaning, and 22 is the newest there has been a look at. onnx-go
// does not hand over the version.
const (
	oldestOpset = 13
	newestOpset = 22
)

// decode has onnx-go decode the model into a backend.
func decode(m *onnxpb.Model) (b *backend, err error) {
	defer op.Recovered(&err)
	if err := checkOperators(m); err != nil {
		return nil, err
	}
	data, err := bare(m)
	if err != nil {
		return nil, err
	}
	b = newBackend(m.GetGraph().GetNode())
	if err := onnx.NewModel(b).UnmarshalBinary(data); err != nil {
		return nil, err
	}
	b.setIntegers(m.GetGraph().GetInitializer())
	return b, nil
}

// checkOperators checks what onnx-go leaves out: where the operators are from.
func checkOperators(m *onnxpb.Model) error {
	version := int64(0)
	for _, o := range m.GetOpsetImport() {
		if standard(o.GetDomain()) {
			version = o.GetVersion()
		}
	}
	if version < oldestOpset || version > newestOpset {
		return fmt.Errorf("opset %d is not supported in pure Go, %d to %d are", version, oldestOpset, newestOpset)
	}
	for _, n := range m.GetGraph().GetNode() {
		if !standard(n.GetDomain()) {
			return fmt.Errorf("node %q (%s.%s): the operator is not supported in pure Go", n.GetName(), n.GetDomain(), n.GetOpType())
		}
	}
	return nil
}

func standard(domain string) bool { return domain == "" || domain == "ai.onnx" }

// bare returns the model's bytes without what this package does not need and
// onnx-go would make tensors of: it allocates for the shape that a value only
// declares, however large. Unknown fields, which may be nested deep, go too.
func bare(m *onnxpb.Model) ([]byte, error) {
	full, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	m = &onnxpb.Model{}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(full, m); err != nil {
		return nil, err
	}
	g := m.GetGraph()
	for _, t := range g.GetInitializer() {
		if err := checkData(t); err != nil {
			return nil, err
		}
	}
	g.Initializer = slices.DeleteFunc(g.Initializer, isInteger)
	for _, n := range g.GetNode() {
		for _, a := range n.GetAttribute() {
			if a.GetT() != nil {
				return nil, fmt.Errorf("node %q (%s): attribute %q is not supported", n.GetName(), n.GetOpType(), a.GetName())
			}
		}
	}
	g.ValueInfo = nil
	for _, v := range append(g.GetInput(), g.GetOutput()...) {
		v.Type = nil
	}
	return proto.Marshal(m)
}

// checkData checks that a tensor has as many elements as its shape, in the one
// field that its type has for them.
func checkData(t *onnxpb.Tensor) error {
	typed := map[graph.Elem]int{graph.Float: len(t.GetFloatData()), graph.Int64: len(t.GetInt64Data())}
	elem := graph.Elem(t.GetDataType())
	n, known := typed[elem]
	if !known && (!isInteger(t) || t.RawData == nil) {
		return fmt.Errorf("tensor %q is of %s, want float32, int64 or, in its raw data, int8, uint8 or int32", t.GetName(), elem)
	}
	if t.RawData != nil {
		n = len(t.GetRawData()) / elem.Size()
	}
	want := int64(1)
	for _, d := range t.GetDims() {
		want *= d // cannot overflow: CheckModel has seen it
	}
	if int64(n) != want || n == 0 {
		return fmt.Errorf("tensor %q: dimensions %v need %d elements, it has %d", t.GetName(), t.GetDims(), want, n)
	}
	return nil
}

// form is what the graph's declarations say of the input and the outputs.
type form struct {
	bytes         bool // uint8 [n, h, w, 3], else float32 [n, 3, h, w]
	height, width int
	classes       int
}

func formOf(m *onnxpb.Model) (form, error) {
	var f form
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
		case elem == graph.Uint8 && d[3] == 3:
			f.bytes, f.height, f.width = true, d[1], d[2]
		case elem == graph.Float && d[1] == 3:
			f.height, f.width = d[2], d[3]
		}
	}
	if images != 1 || f.height < 1 || f.width < 1 || f.height > 1<<14 || f.width > 1<<14 {
		return f, fmt.Errorf("it has not one input, %q, of uint8 [batch, height, width, 3] or float32 [batch, 3, height, width]", onnxmodels.InputImage)
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

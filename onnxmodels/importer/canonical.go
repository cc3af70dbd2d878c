package importer

import (
	"fmt"
	"slices"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// Canonical returns the model as a graph of the same inputs, outputs and types in operators
// of opset 17: any model, not only classifiers. Dimensions that the model leaves open are
// symbols of its names for them.
func Canonical(m *modelfile.Model) (*graph.Graph, error) {
	r := newReader(m)
	initializer := map[string]bool{}
	for _, t := range m.GetGraph().GetInitializer() {
		initializer[t.GetName()] = true
	}
	for _, in := range m.GetGraph().GetInput() {
		if initializer[in.GetName()] {
			continue
		}
		t, err := typeOf(in)
		if err != nil {
			return nil, err
		}
		r.values[in.GetName()] = r.b.Input(in.GetName(), t.Elem, t.Shape)
	}
	if err := r.read(); err != nil {
		return nil, err
	}
	for _, out := range m.GetGraph().GetOutput() {
		v := r.values[out.GetName()]
		if v == nil {
			return nil, fmt.Errorf("output %q is computed by no node", out.GetName())
		}
		r.b.Output(r.asOutput(v, out.GetName()))
	}
	r.b.Prune()
	r.normaliseByBatch()
	return r.b.Graph, r.b.Err()
}

// normaliseByBatch replaces batch normalisations in training mode, whose running statistics
// are values of their own by now.
func (r *reader) normaliseByBatch() {
	for _, n := range slices.Clone(r.b.Nodes) {
		if n.Is("", "BatchNormalization") && n.Flag("training_mode") {
			r.b.Substitute(n, func() []*graph.Value { return []*graph.Value{r.b.BatchNormByBatch(n)} })
		}
	}
}

// asOutput returns the value under the name of an output of the model.
func (r *reader) asOutput(v *graph.Value, name string) *graph.Value {
	if v.Name == name && v.Producer() != nil {
		return v
	}
	copied := r.b.Append(&op.Lookup("", "Identity").Schema, name, []*graph.Value{v}, nil, v.Type()).Outputs[0]
	if !r.b.Named(name) {
		r.b.Rename(copied, name)
	}
	return copied
}

// typeOf reads the type that a model declares of a value.
func typeOf(v *onnxpb.ValueInfo) (graph.Type, error) {
	tensor := v.GetType().GetTensorType()
	t := graph.Type{Elem: graph.Elem(tensor.GetElemType()), Shape: graph.Shape{}}
	if tensor == nil || t.Elem.Size() == 0 {
		return t, fmt.Errorf("input %q is of a type that is not supported", v.GetName())
	}
	if tensor.GetShape() == nil {
		return t, fmt.Errorf("input %q has no shape", v.GetName())
	}
	for i, d := range tensor.GetShape().GetDim() {
		switch size, fixed := d.GetValue().(*onnxpb.TensorShape_Dimension_DimValue); {
		case fixed && size.DimValue >= 0:
			t.Shape = append(t.Shape, graph.Dim{Size: size.DimValue})
		case d.GetDimParam() != "":
			t.Shape = append(t.Shape, graph.Symbol(d.GetDimParam()))
		case i == 0:
			t.Shape = append(t.Shape, graph.Symbol(BatchSymbol))
		default:
			t.Shape = append(t.Shape, graph.Symbol(fmt.Sprintf("%s.%d", v.GetName(), i)))
		}
	}
	return t, nil
}

package importer

import (
	"fmt"
	"slices"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// Canonical returns the model as a graph of operators of opset 17, with the same inputs, outputs
// and types. It takes any model, not only classifiers. Dimensions that the model leaves open
// become symbols with the model's names for them.
func Canonical(m *modelfile.Model) (*graph.Graph, error) {
	r := newReader(m)
	if err := r.declareInputs(); err != nil {
		return nil, err
	}
	if err := r.read(); err != nil {
		return nil, err
	}
	for _, out := range m.GetGraph().GetOutput() {
		v := r.values[out.GetName()]
		if v == nil {
			return nil, fmt.Errorf("output %q is not computed by any node", out.GetName())
		}
		r.b.Output(r.asOutput(v, out.GetName()))
	}
	r.b.Prune()
	r.normaliseByBatch(func(*graph.Node) bool { return true })
	return r.b.Graph, r.b.Err()
}

// declareInputs appends the inputs of the model that are not initializers, as they are declared.
func (r *reader) declareInputs() error {
	initializer := map[string]bool{}
	for _, t := range r.model.GetGraph().GetInitializer() {
		initializer[t.GetName()] = true
	}
	for _, in := range r.model.GetGraph().GetInput() {
		if initializer[in.GetName()] {
			continue
		}
		t, err := typeOf(in)
		if err != nil {
			return err
		}
		r.values[in.GetName()] = r.b.Input(in.GetName(), t.Elem, t.Shape)
	}
	return nil
}

// normaliseByBatch replaces those batch normalisations in training mode that are chosen by ordinary
// operators. Their outputs of running statistics have been replaced already, by their Variant in
// package op.
func (r *reader) normaliseByBatch(chosen func(*graph.Node) bool) {
	for _, n := range slices.Clone(r.b.Nodes) {
		if n.Is("", "BatchNormalization") && n.Flag("training_mode") && chosen(n) {
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

// typeOf returns the type that a model declares for an input.
func typeOf(v *onnxpb.ValueInfo) (graph.Type, error) {
	tensor := v.GetType().GetTensorType()
	t := graph.Type{Elem: graph.Elem(tensor.GetElemType()), Shape: graph.Shape{}}
	if tensor == nil || t.Elem.Size() == 0 {
		return t, fmt.Errorf("input %q has a type that is not supported", v.GetName())
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

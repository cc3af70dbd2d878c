package importer

import (
	"fmt"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// attributes reads a node's attributes. The builder checks them against the schema.
func (r *reader) attributes(s *graph.Schema, n *onnxpb.Node) ([]graph.Attribute, error) {
	var list []graph.Attribute
	for _, a := range n.GetAttribute() {
		value, err := r.attribute(a)
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", a.GetName(), err)
		}
		if s.Op == "Cast" && a.GetName() == "to" {
			value = int64(r.elem(graph.Elem(a.GetI())))
		}
		list = append(list, graph.Attribute{Name: a.GetName(), Value: value})
	}
	return list, nil
}

func (r *reader) attribute(a *onnxpb.Attribute) (any, error) {
	switch a.GetType() {
	case onnxpb.Attribute_INT:
		return a.GetI(), nil
	case onnxpb.Attribute_FLOAT:
		return a.GetF(), nil
	case onnxpb.Attribute_STRING:
		return string(a.GetS()), nil
	case onnxpb.Attribute_INTS:
		return append([]int64{}, a.GetInts()...), nil
	case onnxpb.Attribute_FLOATS:
		return append([]float32{}, a.GetFloats()...), nil
	case onnxpb.Attribute_TENSOR:
		elem, sizes, data, err := Contents(a.GetT())
		if err != nil {
			return nil, err
		}
		if to := r.elem(elem); to != elem {
			t, err := op.Converted(op.FromBytes(elem, sizes, data), to)
			if err != nil {
				return nil, err
			}
			elem, data = to, t.Bytes()
		}
		return &graph.Literal{Elem: elem, Sizes: sizes, Data: data}, nil
	}
	return nil, fmt.Errorf("its type, %s, is not supported", a.GetType())
}

// constant appends the constant of a node Constant, whose value may be in any of several
// attributes.
func (r *reader) constant(n *onnxpb.Node) error {
	if len(n.GetOutput()) != 1 || len(n.GetAttribute()) != 1 {
		return fmt.Errorf("it has %d outputs and %d attributes, want one of each", len(n.GetOutput()), len(n.GetAttribute()))
	}
	name := n.GetOutput()[0]
	switch a := n.GetAttribute()[0]; a.GetName() {
	case "value":
		if a.GetT() == nil {
			return fmt.Errorf("attribute \"value\" is not a tensor")
		}
		r.tensor(name, a.GetT())
	case "value_float":
		r.values[name] = r.b.Scalar(name, a.GetF())
	case "value_floats":
		r.values[name] = r.b.Floats(name, []int{len(a.GetFloats())}, a.GetFloats())
	case "value_int":
		r.values[name] = r.b.IntTensor(name, nil, []int64{a.GetI()})
	case "value_ints":
		r.values[name] = r.b.Ints(name, a.GetInts()...)
	default:
		return fmt.Errorf("attribute %q is not supported", a.GetName())
	}
	return nil
}

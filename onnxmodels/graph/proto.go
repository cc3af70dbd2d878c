package graph

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
)

// The versions that every model declares. They are the oldest ones that have all the
// operators we use, so that old runtimes can load the models.
const (
	IRVersion = 8
	Opset     = 17
)

// Marked is the domain of operators that exist only in graphs under construction: a target
// must replace them before the graph can become a model. See package op.
const Marked = "onnxlab.marked"

// Property is one entry of a model's metadata.
type Property struct{ Key, Value string }

// Model returns the graph as an ONNX model, or the first mistake that was made
// in building it.
func (g *Graph) Model(metadata ...Property) (*onnxpb.Model, error) {
	if g.err != nil {
		return nil, g.err
	}
	graph := &onnxpb.Graph{Name: proto.String(g.Name)}
	domains := map[string]bool{}
	for _, n := range g.Nodes {
		if n.Domain == Marked {
			return nil, fmt.Errorf("build graph %q: %s %q must be lowered for a target first", g.Name, n.Op, n.Name)
		}
		p, err := n.proto()
		if err != nil {
			return nil, err
		}
		graph.Node = append(graph.Node, p)
		domains[n.Domain] = true
	}
	for _, c := range g.Constants {
		graph.Initializer = append(graph.Initializer, Tensor(c.Name, c.Elem, c.Shape.Sizes(), c.data))
	}
	graph.Input, graph.Output = infos(g.Inputs), infos(g.Outputs)
	graph.ValueInfo = infos(g.intermediates())
	m := &onnxpb.Model{
		IrVersion:    proto.Int64(IRVersion),
		ProducerName: proto.String("onnxlab"),
		Graph:        graph,
		OpsetImport:  []*onnxpb.OperatorSet{{Domain: proto.String(""), Version: proto.Int64(Opset)}},
	}
	delete(domains, "")
	for _, d := range slices.Sorted(maps.Keys(domains)) {
		m.OpsetImport = append(m.OpsetImport, &onnxpb.OperatorSet{Domain: proto.String(d), Version: proto.Int64(1)})
	}
	for _, p := range metadata {
		m.MetadataProps = append(m.MetadataProps,
			&onnxpb.Property{Key: proto.String(p.Key), Value: proto.String(p.Value)})
	}
	return m, nil
}

// intermediates returns the values that nodes compute and that are not outputs of the graph.
func (g *Graph) intermediates() []*Value {
	output := map[*Value]bool{}
	for _, v := range g.Outputs {
		output[v] = true
	}
	var values []*Value
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			if v != nil && !output[v] {
				values = append(values, v)
			}
		}
	}
	return values
}

// Tensor returns a tensor of little-endian elements.
func Tensor(name string, elem Elem, sizes []int, data []byte) *onnxpb.Tensor {
	t := &onnxpb.Tensor{Name: proto.String(name), DataType: proto.Int32(int32(elem)), RawData: data}
	for _, n := range sizes {
		t.Dims = append(t.Dims, int64(n))
	}
	return t
}

func infos(values []*Value) []*onnxpb.ValueInfo {
	list := make([]*onnxpb.ValueInfo, len(values))
	for i, v := range values {
		list[i] = v.Info(v.Name)
	}
	return list
}

// Info returns the declaration of a value of this type under a name.
func (v *Value) Info(name string) *onnxpb.ValueInfo {
	return &onnxpb.ValueInfo{Name: proto.String(name), Type: v.proto()}
}

func (v *Value) proto() *onnxpb.Type {
	tensor := &onnxpb.Type_TensorType{ElemType: proto.Int32(int32(v.Elem))}
	t := &onnxpb.Type{Value: &onnxpb.Type_TensorType_{TensorType: tensor}}
	if v.Sequence {
		return &onnxpb.Type{Value: &onnxpb.Type_SequenceType_{SequenceType: &onnxpb.Type_SequenceType{ElemType: t}}}
	}
	tensor.Shape = &onnxpb.TensorShape{}
	for _, d := range v.Shape {
		tensor.Shape.Dim = append(tensor.Shape.Dim, d.proto())
	}
	return t
}

func (d Dim) proto() *onnxpb.TensorShape_Dimension {
	if d.Symbol != "" {
		return &onnxpb.TensorShape_Dimension{Value: &onnxpb.TensorShape_Dimension_DimParam{DimParam: d.String()}}
	}
	return &onnxpb.TensorShape_Dimension{Value: &onnxpb.TensorShape_Dimension_DimValue{DimValue: d.Size}}
}

func (n *Node) proto() (*onnxpb.Node, error) {
	p := &onnxpb.Node{
		Name: proto.String(n.Name), OpType: proto.String(n.Op),
		Input: names(n.Inputs), Output: names(n.Outputs),
	}
	if n.Domain != "" {
		p.Domain = proto.String(n.Domain)
	}
	for _, a := range n.Attributes {
		pa, err := a.proto()
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", n.Op, n.Name, err)
		}
		p.Attribute = append(p.Attribute, pa)
	}
	return p, nil
}

func names(values []*Value) []string {
	list := make([]string, len(values))
	for i, v := range values {
		if v != nil {
			list[i] = v.Name
		}
	}
	return list
}

func (a Attribute) proto() (*onnxpb.Attribute, error) {
	p := &onnxpb.Attribute{Name: proto.String(a.Name)}
	switch v := a.Value.(type) {
	case int64:
		p.I, p.Type = proto.Int64(v), onnxpb.Attribute_INT.Enum()
	case float32:
		p.F, p.Type = proto.Float32(v), onnxpb.Attribute_FLOAT.Enum()
	case string:
		p.S, p.Type = []byte(v), onnxpb.Attribute_STRING.Enum()
	case []int64:
		p.Ints, p.Type = v, onnxpb.Attribute_INTS.Enum()
	case *Literal:
		p.T, p.Type = Tensor("", v.Elem, v.Sizes, v.Data), onnxpb.Attribute_TENSOR.Enum()
	case []float32:
		p.Floats, p.Type = v, onnxpb.Attribute_FLOATS.Enum()
	default:
		return nil, fmt.Errorf("attribute %q: a value of type %T has no ONNX type", a.Name, a.Value)
	}
	return p, nil
}

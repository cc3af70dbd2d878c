package interp

import (
	"errors"
	"fmt"

	"github.com/owulveryck/onnx-go"
	gonum "gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"
	"gorgonia.org/tensor"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// backend is the onnx.Backend that onnx-go decodes a model into: a list of the
// values, and of the steps that compute them. Edges go from a node's outputs to
// its inputs; the weight of an edge is the index of the input.
type backend struct {
	*simple.WeightedDirectedGraph
	values []*node
	steps  []step
	// nodes are the nodes of the graph, in the order in which onnx-go applies them. They
	// are needed because onnx-go does not hand over their names.
	nodes []*graph.Node
}

var _ onnx.Backend = (*backend)(nil)

// node is a value of the graph.
type node struct {
	id     int64
	name   string
	inputs []*node // the inputs of the operation that computes the value
	data   tensor.Tensor
}

// ID implements gonum's graph.Node.
func (n *node) ID() int64 { return n.id }

// SetName implements onnx.Namer.
func (n *node) SetName(name string) { n.name = name }

// GetName implements onnx.Namer.
func (n *node) GetName() string { return n.name }

// SetTensor implements onnx.DataCarrier.
func (n *node) SetTensor(t tensor.Tensor) error {
	n.data = t
	return nil
}

// GetTensor implements onnx.DataCarrier.
func (n *node) GetTensor() tensor.Tensor { return n.data }

// NewNode implements gonum's graph.NodeAdder.
func (b *backend) NewNode() gonum.Node { return &node{id: int64(len(b.values))} }

// AddNode implements gonum's graph.NodeAdder.
func (b *backend) AddNode(n gonum.Node) {
	b.WeightedDirectedGraph.AddNode(n)
	b.values = append(b.values, n.(*node))
}

// SetWeightedEdge implements gonum's graph.WeightedEdgeAdder. A node's inputs
// come in order. They are also kept in a list, because the graph has only one
// edge if a value is an input twice, as in Add(x, x).
func (b *backend) SetWeightedEdge(e gonum.WeightedEdge) {
	b.WeightedDirectedGraph.SetWeightedEdge(e)
	from := e.From().(*node)
	from.inputs = append(from.inputs, e.To().(*node))
}

// ApplyOperation implements onnx.OperationCarrier. It is called once for each
// node of the graph, in order.
func (b *backend) ApplyOperation(operation onnx.Operation, outputs ...gonum.Node) error {
	if len(b.steps) == len(b.nodes) || len(outputs) == 0 {
		return fmt.Errorf("operator %s has no node or no output", operation.Name)
	}
	s := step{node: b.nodes[len(b.steps)]}
	if s.operator = op.Of(s.node); s.operator == nil || s.operator.Eval == nil || s.node.Op != operation.Name {
		return s.failed(errors.New("the operator is not supported in pure Go"))
	}
	for _, out := range outputs {
		s.outputs = append(s.outputs, indexOf(out.(*node)))
	}
	for _, in := range outputs[0].(*node).inputs {
		s.inputs = append(s.inputs, indexOf(in))
	}
	b.steps = append(b.steps, s)
	return nil
}

// indexOf returns the index of a value, or absent if it has no name, which
// means that it is left out.
func indexOf(n *node) int {
	if n.name == "" {
		return absent
	}
	return int(n.id)
}

// constant returns the node's tensor, or nil if it has none.
func (n *node) constant() (*op.Tensor, error) {
	if n.data == nil {
		return nil, nil
	}
	t := &op.Tensor{Shape: append([]int{}, n.data.Shape()...)}
	switch data := n.data.Data().(type) {
	case float32:
		t.Elem, t.Floats = graph.Float, []float32{data}
	case []float32:
		t.Elem, t.Floats = graph.Float, data
	case int64:
		t.Elem, t.Ints = graph.Int64, []int64{data}
	case []int64:
		t.Elem, t.Ints = graph.Int64, data
	default:
		return nil, fmt.Errorf("tensor %q is of %s, want float32 or int64", n.name, n.data.Dtype())
	}
	want := 1
	for _, d := range t.Shape {
		want *= d
	}
	if want != t.Len() {
		return nil, fmt.Errorf("tensor %q has %d elements for its shape %v", n.name, t.Len(), t.Shape)
	}
	return t, nil
}

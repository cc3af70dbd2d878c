package modelfile

import (
	"errors"
	"fmt"

	"onnxlab/internal/onnxpb"
	"onnxlab/internal/printable"
	"onnxlab/onnxmodels/graph"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Check returns an error if a given model is broken or has parts that
// are not supported: tensors whose data is in other files or does not fit their
// shape, nodes that use a value before it is computed, values computed twice,
// names with control characters, and subgraphs.
func Check(m *Model) error {
	g := m.GetGraph()
	if g == nil || m.GetIrVersion() == 0 {
		return errors.New("not an ONNX model: it has no graph or no IR version")
	}
	if err := checkUnread(m, g); err != nil {
		return err
	}
	if err := checkNames(g); err != nil {
		return err
	}
	known := map[string]bool{"": true}
	for _, t := range g.GetInitializer() {
		if err := checkTensor(t); err != nil {
			return err
		}
		known[t.GetName()] = true
	}
	for _, in := range g.GetInput() {
		known[in.GetName()] = true
	}
	for _, n := range g.GetNode() {
		if err := checkNode(n, known); err != nil {
			return fmt.Errorf("node %q (%s): %w", n.GetName(), n.GetOpType(), err)
		}
	}
	for _, out := range g.GetOutput() {
		if !known[out.GetName()] {
			return fmt.Errorf("output %q is not computed by any node", out.GetName())
		}
	}
	return nil
}

// checkUnread refuses parts of ONNX that this module does not read and that may
// hold tensors. They could not be checked, but ONNX Runtime would read their
// external data.
func checkUnread(m *onnxpb.Model, g *onnxpb.Graph) error {
	if err := refuseFields(m, map[protowire.Number]string{20: "training information", 25: "functions"}); err != nil {
		return err
	}
	if err := refuseFields(g, map[protowire.Number]string{15: "sparse initializers"}); err != nil {
		return err
	}
	lists := map[protowire.Number]string{10: "a list of tensors", 11: "a list of graphs", 22: "a sparse tensor", 23: "a list of sparse tensors"}
	for _, n := range g.GetNode() {
		for _, a := range n.GetAttribute() {
			if err := refuseFields(a, lists); err != nil {
				return fmt.Errorf("node %q (%s): attribute %q: %w", n.GetName(), n.GetOpType(), a.GetName(), err)
			}
		}
	}
	return nil
}

// refuseFields returns an error if m has one of the named fields of ONNX, which
// the message type of this module does not declare.
func refuseFields(m proto.Message, names map[protowire.Number]string) error {
	for rest := m.ProtoReflect().GetUnknown(); len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if name := names[number]; name != "" {
			return fmt.Errorf("it has %s, which is not supported", name)
		}
		rest = rest[n:]
	}
	return nil
}

// checkNames refuses names with control characters, which could command a
// terminal: ONNX Runtime prints names in its messages unchanged.
func checkNames(g *onnxpb.Graph) error {
	var names []string
	for _, t := range g.GetInitializer() {
		names = append(names, t.GetName())
	}
	for _, values := range [][]*onnxpb.ValueInfo{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
		for _, v := range values {
			names = append(names, v.GetName())
			for _, d := range v.GetType().GetTensorType().GetShape().GetDim() {
				names = append(names, d.GetDimParam())
			}
		}
	}
	for _, n := range g.GetNode() {
		names = append(names, n.GetName(), n.GetOpType(), n.GetDomain())
		names = append(append(names, n.GetInput()...), n.GetOutput()...)
		for _, a := range n.GetAttribute() {
			names = append(names, a.GetName())
		}
	}
	for _, name := range names {
		if name != printable.Line(name) {
			return fmt.Errorf("name %q has control characters", name)
		}
	}
	return nil
}

func checkNode(n *onnxpb.Node, known map[string]bool) error {
	for _, in := range n.GetInput() {
		if !known[in] {
			return fmt.Errorf("input %q is not computed before it: the graph is cyclic or out of order", in)
		}
	}
	for _, a := range n.GetAttribute() {
		if a.GetG() != nil {
			return fmt.Errorf("attribute %q is a subgraph, which is not supported", a.GetName())
		}
		if a.GetT() != nil {
			if err := checkTensor(a.GetT()); err != nil {
				return fmt.Errorf("attribute %q: %w", a.GetName(), err)
			}
		}
	}
	for _, out := range n.GetOutput() {
		if out != "" && known[out] {
			return fmt.Errorf("output %q is already the name of another value", out)
		}
		known[out] = true
	}
	return nil
}

func checkTensor(t *onnxpb.Tensor) error {
	if external(t) {
		return fmt.Errorf("tensor %q has its data in another file, which cannot be found because the model was not read from a folder", t.GetName())
	}
	elements, err := elementsOf(t)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.GetName(), err)
	}
	size := int64(graph.Elem(t.GetDataType()).Size())
	if size == 0 {
		return nil // this module does not compute with elements of this type
	}
	if raw := t.GetRawData(); len(raw) > 0 && int64(len(raw)) != elements*size {
		return fmt.Errorf("tensor %q: dimensions %v need %d bytes, it has %d", t.GetName(), t.GetDims(), elements*size, len(raw))
	}
	listed := len(t.GetFloatData()) + len(t.GetInt32Data()) + len(t.GetInt64Data()) + len(t.GetDoubleData()) + len(t.GetUint64Data())
	if len(t.GetRawData()) == 0 && int64(listed) != elements {
		return fmt.Errorf("tensor %q: dimensions %v need %d numbers, it has %d", t.GetName(), t.GetDims(), elements, listed)
	}
	return nil
}

// elementsOf returns the number of elements of a tensor's shape.
func elementsOf(t *onnxpb.Tensor) (int64, error) {
	elements := int64(1)
	for i, d := range t.GetDims() {
		if d < 0 || d > maxModelBytes || elements*d > maxModelBytes {
			return 0, fmt.Errorf("dimension %d of %v is out of range", i, t.GetDims())
		}
		elements *= d
	}
	return elements, nil
}

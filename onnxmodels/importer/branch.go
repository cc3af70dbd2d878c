package importer

import (
	"fmt"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// isBranch tells whether a node is ONNX's If.
func isBranch(n *onnxpb.Node) bool {
	return n.GetOpType() == "If" && (n.GetDomain() == "" || n.GetDomain() == "ai.onnx")
}

// branch reads, in place of an If, the branch that its condition chooses. The condition must be
// known before the model runs, for example because it only depends on shapes. Names that the
// branch defines are valid only inside it.
func (r *reader) branch(n *onnxpb.Node) error {
	if len(n.GetInput()) != 1 {
		return fmt.Errorf("it has %d inputs, want one", len(n.GetInput()))
	}
	condition := r.values[n.GetInput()[0]]
	if condition == nil {
		return fmt.Errorf("its condition %q is not computed by any node", n.GetInput()[0])
	}
	t := op.TensorOf(condition)
	if t == nil || len(t.Ints) != 1 {
		return fmt.Errorf("its condition %s is not known before the model runs", condition)
	}
	chosen := "else_branch"
	if t.Ints[0] != 0 {
		chosen = "then_branch"
	}
	for _, a := range n.GetAttribute() {
		if g := a.GetG(); a.GetName() == chosen && g != nil {
			return r.inline(n, g)
		}
	}
	return fmt.Errorf("attribute %q is missing", chosen)
}

// inline reads the graph of an attribute. Its outputs become the outputs of the node.
func (r *reader) inline(n *onnxpb.Node, g *onnxpb.Graph) error {
	if len(g.GetOutput()) < len(n.GetOutput()) {
		return fmt.Errorf("its branch has %d outputs, want %d", len(g.GetOutput()), len(n.GetOutput()))
	}
	restore := r.shadow(g)
	faults := len(r.faults)
	for _, t := range g.GetInitializer() {
		r.tensor(t.GetName(), t)
	}
	r.nodes(g.GetNode())
	values := make([]*graph.Value, len(n.GetOutput()))
	for i := range values {
		values[i] = r.values[g.GetOutput()[i].GetName()]
	}
	restore()
	for i, out := range n.GetOutput() {
		switch {
		case out == "":
		case values[i] != nil:
			r.values[out] = values[i]
		case len(r.faults) > faults:
			r.broken[out] = true // the mistake in the branch is already in r.faults
		default:
			return fmt.Errorf("the output %q of its branch is not computed by any node", g.GetOutput()[i].GetName())
		}
	}
	return nil
}

// shadow hides the values of names that the graph of an attribute defines itself. It returns a
// function that restores them.
func (r *reader) shadow(g *onnxpb.Graph) func() {
	var names []string
	for _, t := range g.GetInitializer() {
		names = append(names, t.GetName())
	}
	for _, n := range g.GetNode() {
		names = append(names, n.GetOutput()...)
	}
	var back []func()
	for _, name := range names {
		if name == "" {
			continue
		}
		v, known := r.values[name]
		broken, parameter := r.broken[name], r.parameters[name]
		back = append(back, func() {
			if r.broken[name], r.parameters[name] = broken, parameter; known {
				r.values[name] = v
			} else {
				delete(r.values, name)
			}
		})
		delete(r.values, name)
		delete(r.broken, name)
		delete(r.parameters, name)
	}
	return func() {
		for _, f := range back {
			f()
		}
	}
}

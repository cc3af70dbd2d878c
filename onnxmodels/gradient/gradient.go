// Package gradient differentiates graphs in reverse mode: it appends to a
// graph the nodes that compute the gradient of one value with respect to others.
//
//	gradients, err := gradient.Append(g, loss, seed, parameters)
//
// The gradient of each operator is defined in package op. It consists of operators that are
// correct for a symbolic batch and that ONNX Runtime has on every device, or of marked
// operators, which a target replaces. ONNX Runtime's own pool gradients are neither, so pools
// have marked ones.
package gradient

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Append appends the nodes that compute the gradient of loss with respect to
// each target, multiplied by seed. loss and seed are scalars. The result maps
// each target to its gradient, which has the target's shape. It is an error if
// loss does not depend on a target, or if an operator between them has no
// gradient.
func Append(g *graph.Graph, loss, seed *graph.Value, targets []*graph.Value) (map[*graph.Value]*graph.Value, error) {
	if err := g.Err(); err != nil {
		return nil, err // values of a broken graph may be nil
	}
	for _, of := range []struct {
		name string
		v    *graph.Value
	}{{"loss", loss}, {"seed", seed}} {
		if of.v == nil || len(of.v.Shape) != 0 {
			return nil, fmt.Errorf("differentiate: the %s %v is not a scalar", of.name, of.v)
		}
	}
	if slices.Contains(targets, nil) {
		return nil, fmt.Errorf("differentiate %q: a target is nil", loss.Name)
	}
	depends := dependents(g, targets)
	b := &backward{
		Backward: op.Backward{
			Builder: op.On(g),
			Wants:   func(v *graph.Value) bool { return v != nil && depends[v] },
		},
		partials: map[*graph.Value][]*graph.Value{loss: {seed}},
	}
	forward := g.Nodes
	for i := len(forward) - 1; i >= 0; i-- {
		if err := b.node(forward[i]); err != nil {
			return nil, err
		}
	}
	gradients := make(map[*graph.Value]*graph.Value, len(targets))
	for _, t := range targets {
		d := b.total(t)
		if d == nil {
			return nil, fmt.Errorf("differentiate %q: it does not depend on %q", loss.Name, t.Name)
		}
		gradients[t] = d
	}
	return gradients, g.Err()
}

// dependents returns the targets and the values that depend on them. Gradients
// flow only through these values.
func dependents(g *graph.Graph, targets []*graph.Value) map[*graph.Value]bool {
	depends := map[*graph.Value]bool{}
	for _, t := range targets {
		depends[t] = true
	}
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			if in != nil && depends[in] {
				for _, out := range n.Outputs {
					if out != nil && out.Elem.Floating() {
						depends[out] = true
					}
				}
				break
			}
		}
	}
	return depends
}

// backward is the state of the pass over the nodes in reverse order.
type backward struct {
	op.Backward
	partials map[*graph.Value][]*graph.Value // for each value, one partial gradient per use
}

// total returns the sum of v's partial gradients, or nil if there is none.
func (b *backward) total(v *graph.Value) *graph.Value {
	parts := b.partials[v]
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return parts[0]
	}
	sum := b.Sum(v.Name+"_grad", parts...)
	b.partials[v] = []*graph.Value{sum}
	return sum
}

// node appends the gradient of n, if the loss depends on an output of n and an
// input of n depends on a target.
func (b *backward) node(n *graph.Node) error {
	reached, wanted := false, false
	dy := make([]*graph.Value, len(n.Outputs))
	for i, out := range n.Outputs {
		if out != nil && len(b.partials[out]) > 0 {
			dy[i], reached = b.total(out), true
		}
	}
	for _, in := range n.Inputs {
		wanted = wanted || b.Wants(in)
	}
	if !reached || !wanted {
		return nil
	}
	o := op.Of(n)
	if o == nil || o.Gradient == nil {
		return fmt.Errorf("differentiate %q: operator %q has no gradient", n.Name, n.Op)
	}
	for i, d := range o.Gradient(&b.Backward, n, dy) {
		if d == nil || !b.Wants(n.Inputs[i]) {
			continue
		}
		if !op.Compatible(d.Shape, n.Inputs[i].Shape) {
			return fmt.Errorf("differentiate %q: gradient %s does not fit input %s", n.Name, d, n.Inputs[i])
		}
		b.partials[n.Inputs[i]] = append(b.partials[n.Inputs[i]], d)
	}
	return nil
}

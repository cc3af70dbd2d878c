package interp

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// absent stands for an optional input or output that is left out.
const absent = -1

// step is one node: it computes values[outputs] from values[inputs].
type step struct {
	node            *graph.Node
	operator        *op.Operator
	inputs, outputs []int
	// last are the inputs that no later step needs.
	last []int
}

func (s *step) failed(err error) error {
	return fmt.Errorf("node %q (%s): %w", s.node.Name, s.node.Op, err)
}

// do runs the step on the graph's values.
func (s *step) do(values []*op.Tensor) error {
	in := make([]*op.Tensor, len(s.inputs))
	for i, id := range s.inputs {
		if id == absent {
			continue
		}
		if in[i] = values[id]; in[i] == nil {
			return s.failed(fmt.Errorf("input %d is not computed by any node", i))
		}
	}
	out, err := s.operator.Eval(s.node, in)
	if err != nil {
		return s.failed(err)
	}
	for i, id := range s.outputs {
		if id == absent {
			continue
		}
		if i >= len(out) || out[i] == nil {
			return s.failed(fmt.Errorf("output %d is not computed in pure Go", i))
		}
		values[id] = out[i]
	}
	return nil
}

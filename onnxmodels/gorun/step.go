package gorun

import "fmt"

// kernel computes a node's output. It must not write to its inputs; an input
// that the node leaves out is nil.
type kernel func(in []*Value) (*Value, error)

// absent is the place of an optional input that is left out.
const absent = -1

// step is one node: it makes values[output] of values[inputs].
type step struct {
	name, op string
	run      kernel
	inputs   []int
	output   int
	// last are the inputs that no later step needs.
	last []int
}

func (s *step) failed(err error) error {
	return fmt.Errorf("node %q (%s): %w", s.name, s.op, err)
}

// do runs the step on the graph's values.
func (s *step) do(values []*Value) error {
	in := make([]*Value, len(s.inputs))
	for i, id := range s.inputs {
		if id == absent {
			continue
		}
		if in[i] = values[id]; in[i] == nil {
			return s.failed(fmt.Errorf("input %d is computed by no node", i))
		}
	}
	out, err := s.run(in)
	if err != nil {
		return s.failed(err)
	}
	values[s.output] = out
	return nil
}

// operator returns the kernel of an ONNX operator with the attributes.
func operator(op string, a *attributes) (kernel, error) {
	switch op {
	case "Add", "Sub", "Mul", "Div":
		return binary(op), nil
	case "Relu":
		return relu, nil
	case "Identity":
		return arity(1, 1, func(in []*Value) (*Value, error) { return in[0].reshaped(in[0].Shape...), nil }), nil
	case "Cast":
		return cast(a), nil
	case "Conv":
		return conv(a), nil
	case "BatchNormalization":
		return batchNormalization(a), nil
	case "AveragePool":
		return averagePool(a), nil
	case "MaxPool":
		return maxPool(a), nil
	case "GlobalAveragePool":
		return globalAveragePool, nil
	case "Gemm":
		return gemm(a), nil
	case "MatMul":
		return matMul, nil
	case "Softmax":
		return softmax(a), nil
	case "Transpose":
		return transpose(a), nil
	case "Flatten":
		return flatten(a), nil
	case "Reshape":
		return reshape(a), nil
	}
	return nil, fmt.Errorf("the operator is not supported in pure Go")
}

// arity checks the number of a node's inputs, of which the first `least` must
// be there.
func arity(least, most int, k kernel) kernel {
	return func(in []*Value) (*Value, error) {
		if len(in) < least || len(in) > most {
			return nil, fmt.Errorf("%d inputs, want %d to %d", len(in), least, most)
		}
		for i := range least {
			if in[i] == nil {
				return nil, fmt.Errorf("input %d is missing", i)
			}
		}
		return k(in)
	}
}

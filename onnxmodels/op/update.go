package op

import "onnxlab/onnxmodels/graph"

// Operators for updates that a training graph computes itself, instead of the optimizer model.

// Where appends a choice between two values, which are broadcast to one shape: x where
// the boolean condition holds, else y.
func (b Builder) Where(name string, condition, x, y *graph.Value) *graph.Value {
	return b.where(name, condition, x, y)
}

// Moved appends the same operator as Accumulate and returns the buffer after the addition. Only
// the operators that compute value may read the buffer itself.
func (b Builder) Moved(name string, buffer, value, overwrite *graph.Value) *graph.Value {
	return b.Do(Microsoft, "InPlaceAccumulatorV2", Call{
		Name: name, Inputs: []*graph.Value{buffer, value, overwrite}, Want: []bool{true, true},
	})[1]
}

// Parts appends a Split of a vector into parts of the sizes, which must add up to its length.
func (b Builder) Parts(name string, x *graph.Value, sizes ...int) []*graph.Value {
	lengths, types := make([]int64, len(sizes)), make([]graph.Type, len(sizes))
	for i, n := range sizes {
		lengths[i], types[i] = int64(n), graph.Type{Elem: x.Elem, Shape: graph.Static(n)}
	}
	split := &Lookup("", "Split").Schema
	inputs := []*graph.Value{x, b.Ints(name+".sizes", lengths...)}
	return b.Append(split, name, inputs, []graph.Attribute{{Name: "axis", Value: int64(0)}}, types...).Outputs
}

// SGDOptimizerV2 (com.microsoft) works on sequences of tensors: w ← w − lr·g.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Microsoft, Op: "SGDOptimizerV2", Takes: Takes("lr", "weights", "gradients"), Gives: Gives("update_completed"),
	},
	Infer: func(*graph.Node) ([]graph.Type, error) {
		// ONNX Runtime infers a scalar but returns this type, and warns of the difference.
		return typed(graph.Bool, graph.Static(1))
	},
})

// Descend appends an SGDOptimizerV2 (com.microsoft) over sequences of tensors. Its output, the only
// one of the graph, says whether it updated the weights.
func (b Builder) Descend(output string, rate, weights, gradients *graph.Value) {
	b.Output(b.in(Microsoft, "SGDOptimizerV2", output, []*graph.Value{rate, weights, gradients}))
}

// Sequence appends a graph input that is a list of float32 tensors.
func (b Builder) Sequence(name string) *graph.Value {
	v := b.Input(name, graph.Float, nil)
	v.Sequence = true
	return v
}

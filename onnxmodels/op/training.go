package op

import "onnxlab/onnxmodels/graph"

// InPlaceAccumulatorV2 (com.microsoft) adds the value to the buffer in place,
// or assigns it if the flag is true.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Microsoft, Op: "InPlaceAccumulatorV2", Takes: Takes("accumulation_buffer", "value", "overwrite_flag?"),
		Gives: []graph.Operand{{Name: "updated_flag"}, {Name: "accumulation_buffer_out", Optional: true, Suffix: ".buffer"}},
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		buffer, value := n.In("accumulation_buffer"), n.In("value")
		if !fits(buffer.Type(), value.Type()) {
			return nil, errDiffer(buffer, value)
		}
		return []graph.Type{{Elem: graph.Bool, Shape: graph.Static(1)}, buffer.Type()}, nil
	},
})

// Accumulate appends an addition of value to the buffer, in place, or an assignment if overwrite,
// a boolean vector of one element that may be nil, is true. It returns the operator's flag output
// under the given name (com.microsoft InPlaceAccumulatorV2).
func (b Builder) Accumulate(flag string, buffer, value, overwrite *graph.Value) *graph.Value {
	v := b.in(Microsoft, "InPlaceAccumulatorV2", flag, []*graph.Value{buffer, value, overwrite})
	if b.Err() == nil && v.Name != flag {
		b.Rename(v, flag)
	}
	return v
}

// AdamWOptimizer (com.microsoft) works on sequences of tensors.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Microsoft, Op: "AdamWOptimizer", Takes: Takes("lr", "step", "weights", "gradients", "momentums_1", "momentums_2"),
		Gives: []graph.Operand{
			{Name: "updated_flag"},
			{Name: "updated_weights", Optional: true, Suffix: ".weights"},
			{Name: "updated_momentums_1", Optional: true, Suffix: ".momentums_1"},
			{Name: "updated_momentums_2", Optional: true, Suffix: ".momentums_2"},
		},
		Fields: Fields("alpha", float32(0.9), "beta", float32(0.999), "epsilon", float32(1e-6), "weight_decay", float32(0),
			"adam_mode", int64(0), "correct_bias", int64(1)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		return append([]graph.Type{{Elem: graph.Bool, Shape: graph.Static(1)}}, n.In("weights").Type(), n.In("momentums_1").Type(), n.In("momentums_2").Type()), nil
	},
})

// Optimizer appends an AdamWOptimizer (com.microsoft) over sequences of
// tensors, which become graph inputs of the given names: parameters,
// gradients, and first and second moments. Its output, the only one of the
// graph, says whether it updated the parameters.
func (b Builder) Optimizer(output string, rate, step *graph.Value, sequences []string, attributes []graph.Attribute) {
	inputs := []*graph.Value{rate, step}
	for _, name := range sequences {
		v := b.Input(name, graph.Float, nil)
		v.Sequence = true
		inputs = append(inputs, v)
	}
	b.Output(b.in(Microsoft, "AdamWOptimizer", output, inputs, attributes...))
}

package graph

// Optimizer appends an AdamWOptimizer (com.microsoft) over sequences of
// tensors, which become graph inputs of the given names: parameters,
// gradients and first and second moments. Its output, the graph's only one,
// says whether it updated.
func (g *Graph) Optimizer(output string, rate, step *Value, sequences []string, attributes []Attribute) {
	inputs := []*Value{rate, step}
	for _, name := range sequences {
		v := g.Input(name, Float, nil)
		v.Sequence = true
		inputs = append(inputs, v)
	}
	updated := g.node(Microsoft, "AdamWOptimizer", output, inputs, attributes, typed{"", Bool, Static(1)})
	g.Output(updated[0])
}

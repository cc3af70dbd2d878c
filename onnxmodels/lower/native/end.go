package native

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
)

// endConvolutions moves operators into the convolution before them: the addition of another
// image, as in residual connections, and the ReLU, if nothing else uses the convolution's
// result.
func (b Builder) endConvolutions() {
	lower.Each(b.Graph, "", "Add", b.addWithin)
	lower.Each(b.Graph, Domain, "Conv", func(conv *graph.Node) {
		relu, ceiling := b.relu(conv.Out("Y"))
		if relu == nil || !b.ends(conv, relu) {
			return
		}
		conv.Set("y_relu", int64(1))
		if ceiling > 0 {
			conv.Set("y_ceiling", ceiling)
		}
		b.Substitute(relu, func() []*graph.Value { return []*graph.Value{conv.Out("Y")} })
	})
}

// ends tells whether user is the only node that reads the convolution's result, and the
// convolution does not measure moments.
func (b Builder) ends(conv, user *graph.Node) bool {
	if !conv.Is(Domain, "Conv") || conv.Out("Moments") != nil {
		return false
	}
	users := b.Users(conv.Out("Y"))
	return len(users) == 1 && users[0] == user && b.Uses(conv.Out("Y")) == 1
}

// addWithin makes the addition of two blocked images part of the convolution that computes the
// later one of them.
func (b Builder) addWithin(add *graph.Node) {
	conv, other := add.Inputs[0].Producer(), add.Inputs[1]
	if b.place(add.Inputs[1].Producer()) > b.place(conv) {
		conv, other = add.Inputs[1].Producer(), add.Inputs[0]
	}
	if !b.ends(conv, add) || conv.Flag("y_relu") || conv.In("Sum") != nil || !other.Shape.Equal(conv.Out("Y").Shape) {
		return
	}
	conv.SetIn("Sum", other)
	b.Substitute(add, func() []*graph.Value { return []*graph.Value{conv.Out("Y")} })
}

// place returns the index of a node in the graph, or −1 for nil, the producer of inputs and
// constants.
func (b Builder) place(n *graph.Node) int {
	for i, other := range b.Nodes {
		if other == n {
			return i
		}
	}
	return -1
}

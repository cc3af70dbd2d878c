package rewrite

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// CUDA changes a training graph into one of the same values that a GPU computes in
// fewer passes over its images.
func CUDA(g *graph.Graph) {
	dropBias(g)
	g.Prune()
}

// dropBias takes the bias out of each convolution whose results are only
// normalised: the normalisation takes their mean away, and the bias with it. The
// means that it gives have the bias added, and the bias has no gradient. cuDNN adds
// a bias, and sums its gradient, in passes of their own.
func dropBias(g *graph.Graph) {
	each(g, "Conv", func(n *graph.Node) {
		if len(n.Inputs) < 3 {
			return
		}
		norms, ok := normalisers(g, n.Outputs[0])
		if !ok {
			return
		}
		bias := n.Inputs[2]
		if p := bias.Producer(); p != nil && p.Op == "Cast" {
			bias = p.Inputs[0] // means are float32
		}
		n.Inputs = n.Inputs[:2]
		for _, norm := range norms {
			shiftMean(g, norm, bias)
		}
		each(g, "ConvGrad", func(grad *graph.Node) {
			if grad.Inputs[1] == n.Inputs[0] && grad.Inputs[2] == n.Inputs[1] && len(grad.Outputs) > 2 {
				var none *graph.Value
				g.After(grad, func() {
					zeros := g.Floats(grad.Name+".no_bias", []int{size(bias, 0)}, make([]float32, size(bias, 0)))
					none = g.As(grad.Outputs[2].Elem, zeros)
				})
				g.Replace(grad.Outputs[2], none)
				grad.Outputs = grad.Outputs[:2]
			}
		})
	})
}

// normalisers lists the normalisations of y, or of it in the shape in which replicas
// are normalised apart, and tells whether nothing but these and their gradients uses
// it.
func normalisers(g *graph.Graph, y *graph.Value) (norms []*graph.Node, only bool) {
	if slices.Contains(g.Outputs, y) {
		return nil, false
	}
	for _, n := range g.Nodes {
		if !slices.Contains(n.Inputs, y) {
			continue
		}
		switch {
		case n.Op == "BatchNormInternal" && n.Inputs[0] == y:
			norms = append(norms, n)
		case n.Op == "BatchNormalizationGrad" && n.Inputs[1] == y && n.Inputs[0] != y:
		case n.Op == "Reshape":
			more, ok := normalisers(g, n.Outputs[0])
			if !ok {
				return nil, false
			}
			norms = append(norms, more...)
		default:
			return nil, false
		}
	}
	return norms, len(norms) > 0
}

// shiftMean adds the bias to the mean that a normalisation gives, for all but its
// gradient.
func shiftMean(g *graph.Graph, norm *graph.Node, bias *graph.Value) {
	mean := norm.Outputs[3]
	var users []*graph.Node
	for _, n := range g.Nodes {
		if n.Op != "BatchNormalizationGrad" && slices.Contains(n.Inputs, mean) {
			users = append(users, n)
		}
	}
	g.After(norm, func() {
		name, channels := norm.Name+".biased_mean", size(bias, 0)
		replicas := g.View(name+".replicas", mean, size(mean, 0)/channels, channels)
		shifted := g.View(name, g.Binary("Add", name+".rows", replicas, bias), size(mean, 0))
		for _, n := range users {
			n.Inputs[slices.Index(n.Inputs, mean)] = shifted
		}
	})
}

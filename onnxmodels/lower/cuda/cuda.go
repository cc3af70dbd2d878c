// Package cuda lowers graphs for ONNX Runtime's CUDA provider.
package cuda

import (
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
)

// Lower rewrites a training graph so that a GPU computes the same values in fewer
// passes over the images: convolutions whose results are only normalised lose their
// biases.
func Lower(g *graph.Graph) {
	lower.Portable(g)
	dropBias(g)
	g.Prune() // the biases' casts, which nothing uses any more
}

// dropBias removes the bias of each convolution whose results are only normalised:
// the normalisation subtracts their mean, and the bias with it. Instead, the bias is
// added to the means that the normalisation returns, and its gradient is 0. This
// saves the separate passes in which cuDNN adds a bias and sums its gradient.
func dropBias(g *graph.Graph) {
	lower.Each(g, "", "Conv", func(n *graph.Node) {
		bias := n.In("B")
		if bias == nil {
			return
		}
		norms, ok := normalisers(g, n.Out("Y"))
		if !ok {
			return
		}
		if p := bias.Producer(); p.Is("", "Cast") {
			bias = p.In("input") // means are float32
		}
		n.Inputs = n.Inputs[:2]
		for _, norm := range norms {
			shiftMean(g, norm, bias)
		}
		lower.Each(g, op.Microsoft, "ConvGrad", func(grad *graph.Node) {
			if grad.In("X") == n.In("X") && grad.In("W") == n.In("W") && grad.Out("dB") != nil {
				dropBiasGradient(g, grad, bias.Size(0))
			}
		})
	})
}

// dropBiasGradient replaces the gradient with respect to a bias by zeros, one for each
// channel.
func dropBiasGradient(g *graph.Graph, grad *graph.Node, channels int) {
	var zeros *graph.Value
	g.After(grad, func() {
		b := op.On(g)
		zeros = b.As(grad.Out("dB").Elem, b.Floats(grad.Name+".no_bias", []int{channels}, make([]float32, channels)))
	})
	g.Replace(grad.Out("dB"), zeros)
	grad.Outputs = grad.Outputs[:2]
}

// normalisers returns the normalisations of y. They read y itself or, where ghost batches are
// normalised separately, y in another shape. only is true if there is at least one, and nothing
// but these and their gradients uses y.
func normalisers(g *graph.Graph, y *graph.Value) (norms []*graph.Node, only bool) {
	if slices.Contains(g.Outputs, y) {
		return nil, false
	}
	for _, n := range g.Nodes {
		if !slices.Contains(n.Inputs, y) {
			continue
		}
		switch {
		case n.Is(op.Microsoft, "BatchNormInternal") && n.In("X") == y:
			norms = append(norms, n)
		case n.Is(op.Microsoft, "BatchNormalizationGrad") && n.In("X") == y && n.In("dY") != y:
		case n.Is("", "Reshape"):
			more, ok := normalisers(g, n.Out("reshaped"))
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

// shiftMean adds the bias to the means that a normalisation returns, for all their users except
// the gradient of the normalisation. There is one mean for each ghost batch and channel.
func shiftMean(g *graph.Graph, norm *graph.Node, bias *graph.Value) {
	mean := norm.Out("saved_mean")
	users := slices.DeleteFunc(g.Users(mean), func(n *graph.Node) bool { return n.Is(op.Microsoft, "BatchNormalizationGrad") })
	g.After(norm, func() {
		b, name, channels := op.On(g), norm.Name+".biased_mean", bias.Size(0)
		ghosts := b.View(name+".ghosts", mean, mean.Size(0)/channels, channels)
		shifted := b.View(name, b.Binary("Add", name+".rows", ghosts, bias), mean.Size(0))
		for _, n := range users {
			n.Inputs[slices.Index(n.Inputs, mean)] = shifted
		}
	})
}

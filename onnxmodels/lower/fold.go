package lower

import (
	"math"

	"onnxlab/onnxmodels/graph"
)

// FoldBatchNorm folds each BatchNormalization into the Conv before it, if the
// parameters of both are constant and nothing else uses the convolution: the
// weight of each output channel is scaled by s = γ/√(σ² + ε), and its bias
// becomes (b − μ)·s + β. It computes them in float64.
func FoldBatchNorm(g *graph.Graph) {
	Each(g, "", "BatchNormalization", func(n *graph.Node) {
		conv := n.In("X").Producer()
		if constants(n.Inputs[1:]) && conv.Is("", "Conv") && constants(conv.Inputs[1:]) && g.Uses(n.In("X")) == 1 {
			fold(g, conv, n)
		}
	})
	g.Prune()
}

func constants(values []*graph.Value) bool {
	for _, v := range values {
		if !v.Constant() {
			return false
		}
	}
	return true
}

func fold(g *graph.Graph, conv, norm *graph.Node) {
	weight := conv.In("W")
	gamma, beta := norm.In("scale").Floats(), norm.In("B").Floats()
	mean, variance := norm.In("input_mean").Floats(), norm.In("input_var").Floats()
	epsilon := float64(norm.Float("epsilon"))
	bias := make([]float32, len(gamma))
	if b := conv.In("B"); b != nil {
		copy(bias, b.Floats())
	}
	kernels := append([]float32(nil), weight.Floats()...)
	size := len(kernels) / len(gamma)
	for c := range gamma {
		scale := float64(gamma[c]) / math.Sqrt(float64(variance[c])+epsilon)
		for i := c * size; i < (c+1)*size; i++ {
			kernels[i] = float32(float64(kernels[i]) * scale)
		}
		shifted := float64((float64(bias[c]) - float64(mean[c])) * scale)
		bias[c] = float32(shifted + float64(beta[c]))
	}
	conv.SetIn("W", g.Floats(weight.Name+".folded", weight.Shape.Sizes(), kernels))
	conv.SetIn("B", g.Floats(conv.Name+".bias.folded", []int{len(bias)}, bias))
	g.Replace(norm.Out("Y"), conv.Out("Y"))
}

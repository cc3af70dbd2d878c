// Package rewrite changes graphs into others of the same values that run
// faster. Each rewrite is one pass of its own.
package rewrite

import (
	"math"

	"onnxlab/onnxmodels/graph"
)

// FoldBatchNorm puts each inference BatchNormalization of constants into the
// Conv of constants before it, if nothing else uses the convolution: the
// weight of each output channel is scaled by s = γ/√(σ² + ε), and its bias
// becomes (b − μ)·s + β. The products are formed in float64.
func FoldBatchNorm(g *graph.Graph) {
	each(g, "BatchNormalization", func(n *graph.Node) {
		conv := n.Inputs[0].Producer()
		if constants(n.Inputs[1:]) && conv != nil && conv.Op == "Conv" && constants(conv.Inputs[1:]) && g.Uses(n.Inputs[0]) == 1 {
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
	weight := conv.Inputs[1]
	gamma, beta := norm.Inputs[1].Floats(), norm.Inputs[2].Floats()
	mean, variance := norm.Inputs[3].Floats(), norm.Inputs[4].Floats()
	epsilon := float64(norm.Float("epsilon", 1e-5))
	bias := make([]float32, len(gamma))
	if len(conv.Inputs) > 2 {
		copy(bias, conv.Inputs[2].Floats())
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
	sizes := make([]int, len(weight.Shape))
	for i, d := range weight.Shape {
		sizes[i] = int(d.Size)
	}
	conv.Inputs = []*graph.Value{
		conv.Inputs[0],
		g.Floats(weight.Name+".folded", sizes, kernels),
		g.Floats(conv.Name+".bias.folded", []int{len(bias)}, bias),
	}
	g.Replace(norm.Outputs[0], conv.Outputs[0])
}

// Package lower replaces the marked operators of a graph by operators that a target runs, and
// other operators by faster ones. Portable uses only operators that every ONNX Runtime has;
// packages cpu, native and cuda use those that are fastest on their targets. The function Lower
// of each lists its replacements. The values of the graph stay the same.
package lower

import (
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Each calls f for each node of the operator. f may replace the node.
func Each(g *graph.Graph, domain, name string, f func(n *graph.Node)) {
	for _, n := range slices.Clone(g.Nodes) {
		if n.Is(domain, name) {
			f(n)
		}
	}
}

// Portable replaces the marked operators by operators of ONNX and of ONNX Runtime that
// every provider has and that are correct for a symbolic batch.
//
//	ImageInput             Transpose, Cast, Mul
//	BatchNorm              BatchNormInternal, and the variance from the deviation
//	AveragePoolGrad        Resize if the windows tile the image, AveragePool if they move
//	                       by 1, else ConvTranspose
//	GlobalAveragePoolGrad  Expand
//	MaxPoolGrad            ScatterElements
//	ClipGrad               Mul by a HardSigmoid of the distance from the middle
func Portable(g *graph.Graph) {
	lowered := map[string]func(b op.Builder, n *graph.Node, used []bool) []*graph.Value{
		"ImageInput":            imageInput,
		"BatchNorm":             batchNorm,
		"AveragePoolGrad":       averagePoolGrad,
		"GlobalAveragePoolGrad": globalAveragePoolGrad,
		"MaxPoolGrad":           maxPoolGrad,
		"ClipGrad":              clipGrad,
	}
	for _, n := range slices.Clone(g.Nodes) {
		if n.Domain == op.Marked {
			used := make([]bool, len(n.Outputs))
			for i, out := range n.Outputs {
				used[i] = g.Uses(out) > 0
			}
			g.Substitute(n, func() []*graph.Value { return lowered[n.Op](op.On(g), n, used) })
		}
	}
	keepPads(g)
}

// imageInput appends the planes of the image in the element type `to`, times scale.
func imageInput(b op.Builder, n *graph.Node, _ []bool) []*graph.Value {
	name, to := n.Asked, graph.Elem(n.Int("to"))
	planar := b.Transpose(name+".planar", n.In("Bytes"), 0, 3, 1, 2)
	float := b.Cast(name+".float", planar, to)
	return []*graph.Value{b.Binary("Mul", name+".scaled", float, b.As(to, b.Scalar(name+".scale", n.Float("scale"))))}
}

func clipGrad(b op.Builder, n *graph.Node, _ []bool) []*graph.Value {
	return []*graph.Value{b.Between(n.Asked, n.In("dY"), n.In("Y"), n.Float("low"), n.Float("high"))}
}

// batchNorm appends BatchNormInternal. If the variance is used, it is computed from the
// operator's output 1/√(variance + epsilon).
func batchNorm(b op.Builder, n *graph.Node, used []bool) []*graph.Value {
	out := b.BatchNormInternal(n.Asked, n)
	values := []*graph.Value{out.Y, out.Mean, out.InverseDeviation, nil}
	if used[3] {
		name := n.Asked + ".variance"
		square := b.Binary("Mul", name+".inverse", out.InverseDeviation, out.InverseDeviation)
		sum := b.Unary("Reciprocal", name+".with_epsilon", square)
		difference := b.Binary("Sub", name+".difference", sum, b.Scalar(name+".epsilon", n.Float("epsilon")))
		values[3] = b.Binary("Max", name, difference, b.Scalar(name+".zero", 0))
	}
	return values
}

// Package lower turns the marked operators of a graph into those that a target runs, and
// others into ones that it runs faster: Portable here into what every ONNX Runtime has,
// packages cpu, native and cuda into what their targets are fast at. Each states what it
// turns into what; the values stay the same.
package lower

import (
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Each calls f for the nodes of the operator, which f may replace.
func Each(g *graph.Graph, domain, name string, f func(n *graph.Node)) {
	for _, n := range slices.Clone(g.Nodes) {
		if n.Is(domain, name) {
			f(n)
		}
	}
}

// Portable replaces the marked operators by operators of ONNX and of ONNX Runtime that
// every provider has and that are right for a symbolic batch.
//
//	ImageInput             Transpose, Cast, Mul
//	BatchNorm              BatchNormInternal, and the variance from the deviation
//	AveragePoolGrad        Resize, where the windows tile the image, AveragePool, where they
//	                       move by 1, else ConvTranspose
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
}

// imageInput is scale·x, for x as planes.
func imageInput(b op.Builder, n *graph.Node, _ []bool) []*graph.Value {
	name, to := n.Asked, graph.Elem(n.Int("to"))
	planar := b.Transpose(name+".planar", n.In("Bytes"), 0, 3, 1, 2)
	float := b.Cast(name+".float", planar, to)
	return []*graph.Value{b.Binary("Mul", name+".scaled", float, b.As(to, b.Scalar(name+".scale", n.Float("scale"))))}
}

func clipGrad(b op.Builder, n *graph.Node, _ []bool) []*graph.Value {
	return []*graph.Value{b.Between(n.Asked, n.In("dY"), n.In("Y"), n.Float("low"), n.Float("high"))}
}

// batchNorm takes the variance, if it is used, from what the operator gives, which is
// 1/√(variance + epsilon).
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

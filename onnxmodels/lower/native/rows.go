package native

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
)

// Operators on rows of channels in the plain layout, of which transformers have many.
var _ = []*op.Operator{
	op.Register(&op.Operator{
		Schema: graph.Schema{
			// A row has as many elements as Scale, which are whole blocks.
			Domain: Domain, Op: "LayerNorm", Takes: op.Takes("X", "Scale", "B?"),
			Gives:  op.Gives("Y", "Mean? .mean", "InvStdDev? .inverse_deviation"),
			Fields: op.Fields("block", int64(0), "epsilon", float32(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x, scale := n.In("X"), n.In("Scale")
			rows := graph.Type{Elem: graph.Float}
			for i, d := range x.Shape {
				if i >= len(x.Shape)-len(scale.Shape) {
					d = graph.Fixed(1)
				}
				rows.Shape = append(rows.Shape, d)
			}
			return []graph.Type{x.Type(), rows, rows}, nil
		},
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "LayerNormGrad", Takes: op.Takes("dY", "X", "Scale", "Mean", "InvStdDev"),
			Gives: op.Gives("dX .dx", "dScale .dscale", "dB .db"), Fields: op.Fields("block", int64(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			scale := n.In("Scale").Type()
			return []graph.Type{n.In("X").Type(), scale, scale}, nil
		},
	}),
	op.Register(&op.Operator{
		Schema: graph.Schema{
			Domain: Domain, Op: "GeluGrad", Takes: op.Takes("dY", "X"), Gives: op.Gives("dX .dx"), Fields: op.Fields("block", int64(0)),
		},
		Infer: func(n *graph.Node) ([]graph.Type, error) { return []graph.Type{n.In("X").Type()}, nil },
	}),
}

// replace replaces a node by an operator of onnxlab's with the same inputs and outputs.
func (b Builder) replace(n *graph.Node, name string, attributes ...graph.Attribute) {
	b.Substitute(n, func() []*graph.Value {
		call := op.Call{Name: n.Name + ".native", Inputs: n.Inputs, Attributes: append(attributes, b.block())}
		for _, v := range n.Outputs {
			call.Want = append(call.Want, v != nil)
		}
		return b.Do(Domain, name, call)
	})
}

// layerNorms replaces layer normalisations and their gradients by native operators.
func (b Builder) layerNorms() {
	lower.Each(b.Graph, "", "LayerNormalization", func(n *graph.Node) {
		if b.fitsRows(n.In("X"), n.In("Scale"), n.In("B"), n.Int("axis")) && graph.Elem(n.Int("stash_type")) == graph.Float {
			b.replace(n, "LayerNorm", graph.Attribute{Name: "epsilon", Value: n.Float("epsilon")})
		}
	})
	lower.Each(b.Graph, op.Microsoft, "LayerNormalizationGrad", func(n *graph.Node) {
		if b.fitsRows(n.In("X"), n.In("scale"), nil, n.Int("axis")) {
			b.replace(n, "LayerNormGrad")
		}
	})
}

// geluGrads replaces the gradients of GELU by native operators. They work in any layout, so this
// pass runs after it has been decided which values are blocked.
func (b Builder) geluGrads() {
	lower.Each(b.Graph, op.Microsoft, "GeluGrad", func(n *graph.Node) {
		if x := n.In("X"); x.Elem == graph.Float && len(x.Shape) <= mostDimensions {
			b.replace(n, "GeluGrad")
		}
	})
}

// mostDimensions is the most dimensions that the operators' tensors may have: MAX_RANK of
// ort/kernels.
const mostDimensions = 4

// fitsRows tells whether onnxlab's operators can normalise x over the dimensions from axis on.
func (b Builder) fitsRows(x, scale, bias *graph.Value, axis int64) bool {
	rank := len(x.Shape)
	if axis < 0 {
		axis += int64(rank)
	}
	if x.Elem != graph.Float || scale.Elem != graph.Float || rank > mostDimensions || axis < 0 || axis >= int64(rank) {
		return false
	}
	row := x.Shape[axis:]
	if !scale.Shape.Equal(row) || bias != nil && !bias.Shape.Equal(row) {
		return false
	}
	size, fixed := row.Elements()
	return fixed && size > 0 && size%b.Block == 0
}

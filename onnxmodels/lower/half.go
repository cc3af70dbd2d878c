package lower

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"

	"onnxlab/onnxmodels/graph"
)

// Half makes a graph of portable operators compute in float16, from its start up to the
// node last, which converts to float32. Constants are rounded to nearest, and the other
// conversions to float32 become conversions to float16. The inputs of the graph keep their
// types, so a conversion must follow each float32 input. A constant beyond 65504 is a mistake
// of the graph.
func Half(g *graph.Graph, last *graph.Node) {
	single := float32Constants(g)
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			if in != nil && in.Constant() && in.Elem == graph.Float && !single[in] {
				halve(g, in)
			}
		}
		if n == last {
			return
		}
		for i, a := range n.Attributes {
			if n.Is("", "Cast") && a.Value == int64(graph.Float) {
				n.Attributes[i].Value = int64(graph.Float16)
			}
		}
		for _, out := range n.Outputs {
			if out != nil && out.Elem == graph.Float {
				out.Elem = graph.Float16
			}
		}
	}
}

// float32Constants returns the constants that must stay float32 because of the operators that
// take them: the statistics of batch normalisation and the scales of Resize.
func float32Constants(g *graph.Graph) map[*graph.Value]bool {
	single := map[*graph.Value]bool{}
	for _, n := range g.Nodes {
		if n.Is("", "BatchNormalization") || n.Is("", "Resize") {
			for _, in := range n.Inputs[1:] {
				single[in] = true
			}
		}
	}
	return single
}

// halve rounds a constant to float16.
func halve(g *graph.Graph, v *graph.Value) {
	var data []byte
	for _, f := range v.Floats() {
		h := float16.Fromfloat32(f)
		if h.IsInf(0) && !math.IsInf(float64(f), 0) {
			g.Fail("%s: %v is beyond 65504, the largest number in float16", v.Name, f)
		}
		data = binary.LittleEndian.AppendUint16(data, h.Bits())
	}
	v.SetData(graph.Float16, data)
}

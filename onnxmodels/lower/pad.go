package lower

import (
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// keepPads keeps the zeros with which an image is padded before a MaxPool. ONNX Runtime up to 1.31
// moves such pads into the MaxPool, whose own pads are −∞ (PadFusion). It does not do that if the
// bytes of the constant are not all 0, so the constant becomes −0. TestZerosBeforeMaxPool without this
// shows whether a later version still does it.
func keepPads(g *graph.Graph) {
	Each(g, "", "MaxPool", func(n *graph.Node) {
		pad := n.In("X").Producer()
		if !pad.Is("", "Pad") || pad.Text("mode") != "constant" || pad.In("data").Elem != graph.Float {
			return
		}
		if value := pad.In("constant_value"); value == nil || value.Constant() && value.Floats()[0] == 0 {
			zero := g.Scalar(pad.Name+".zero", float32(math.Copysign(0, -1)))
			pad.Inputs = append(slices.Clip(pad.Inputs[:2]), zero)
		}
	})
}

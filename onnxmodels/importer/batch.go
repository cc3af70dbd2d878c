package importer

import (
	"slices"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/op"
)

// openBatch opens the batch where a model for a fixed number of images says it in the
// constants of a Reshape: [1, -1] of one image is [batch, -1].
func (r *reader) openBatch(n *onnxpb.Node, c *op.Call) {
	if r.batch == 0 || n.GetOpType() != "Reshape" || len(c.Inputs) != 2 || c.Inputs[0] == nil || c.Inputs[1] == nil {
		return
	}
	x, sizes := c.Inputs[0], c.Inputs[1]
	list := sizes.Ints()
	if len(x.Shape) == 0 || x.Shape[0].Symbol == "" || len(list) == 0 || list[0] != r.batch*x.Shape[0].Size {
		return
	}
	open := slices.Clone(list)
	open[0] = 0 // as x has it
	c.Inputs[1] = r.b.Ints(nodeName(n)+".sizes", open...)
}

package importer

import (
	"slices"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// openBatch opens the batch where a model for a fixed number of images says it in the
// constants of a Reshape or a Resize: [1, -1] of one image is [batch, -1].
func (r *reader) openBatch(n *onnxpb.Node, c *op.Call) {
	at, known := map[string]int{"Reshape": 1, "Resize": 3}[n.GetOpType()]
	if r.batch == 0 || !known || len(c.Inputs) != at+1 || c.Inputs[0] == nil || c.Inputs[at] == nil {
		return
	}
	x, name := c.Inputs[0], nodeName(n)+".sizes"
	list := c.Inputs[at].Ints()
	if len(x.Shape) == 0 || x.Shape[0].Symbol == "" || len(list) == 0 || list[0] != r.batch*x.Shape[0].Size {
		return
	}
	if at == 3 && len(list) == len(x.Shape) {
		first := r.b.Do("", "Shape", op.Call{
			Name: name + ".batch", Inputs: []*graph.Value{x}, Attributes: []graph.Attribute{{Name: "end", Value: int64(1)}},
		})[0]
		c.Inputs[at] = r.b.Concat(name, []*graph.Value{first, r.b.Ints(name+".rest", list[1:]...)}, 0, graph.Fixed(len(list)))
	}
	if at == 1 {
		open := slices.Clone(list)
		open[0] = 0 // as x has it
		c.Inputs[at] = r.b.Ints(name, open...)
	}
}

package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// padOperator is Pad by a constant, 0 where none is given.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Pad", Takes: Takes("data", "pads", "constant_value?"), Gives: Gives("output"), Fields: Fields("mode", "constant")},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, pads := n.In("data"), n.In("pads").Ints()
		if len(pads) != 2*len(x.Shape) {
			return nil, fmt.Errorf("%d pads for input %s", len(pads), x)
		}
		shape := slices.Clone(x.Shape)
		for i := range shape {
			extra := pads[i] + pads[len(shape)+i]
			if extra != 0 && shape[i].Symbol != "" {
				return nil, fmt.Errorf("input %s is padded along dimension %d", x, i)
			}
			shape[i].Size += extra
		}
		return typed(x.Elem, shape)
	},
})

// PadColumns appends x [n, h, w, c] with columns of zeros on its left and right.
func (b Builder) PadColumns(name string, x *graph.Value, left, right int) *graph.Value {
	pads := b.Ints(name+".pads", 0, 0, int64(left), 0, 0, 0, int64(right), 0)
	return b.one("Pad", name, []*graph.Value{x, pads})
}

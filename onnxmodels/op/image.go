package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// ImageInput is a marked operator, which a target replaces. It turns images of bytes
// [n, h, w, c] into planes [n, c, h, w] of the type that "to" names, multiplied by scale.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Marked, Op: "ImageInput", Takes: Takes("Bytes"), Gives: Gives("Y .scaled.out"),
		Fields: Fields("scale", Required{float32(0)}, "to", Required{int64(0)}),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("Bytes")
		if x.Elem != graph.Uint8 || len(x.Shape) != 4 {
			return nil, fmt.Errorf("input %s, want uint8 of rank 4", x)
		}
		s := x.Shape
		return typed(graph.Elem(n.Int("to")), graph.Shape{s[0], s[3], s[1], s[2]})
	},
	// There is no gradient with respect to bytes.
})

// ImageInput appends scale·x as [n, c, h, w] of the element type `to`, for images x of bytes
// [n, h, w, c].
func (b Builder) ImageInput(name string, x *graph.Value, scale float32, to graph.Elem) *graph.Value {
	return b.in(Marked, "ImageInput", name, []*graph.Value{x},
		graph.Attribute{Name: "scale", Value: scale}, graph.Attribute{Name: "to", Value: int64(to)})
}

package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Operators that copy their input, or convert it to another type.

// Identity copies a tensor.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Identity", Takes: Takes("input"), Gives: Gives("output")},
	Infer:  anything.same,
	// dx = dy
	Gradient: func(_ *Backward, _ *graph.Node, dy []*graph.Value) []*graph.Value { return dy },
	Eval:     func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) { return one(in[0]) },
	Moves:    true,
})

// castOperator converts elements to the type that the attribute names.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Cast", Takes: Takes("input"), Gives: Gives("output"), Fields: Fields("to", Required{int64(0)})},
	Until:  18,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		elem := graph.Elem(n.Int("to"))
		if elem.Size() == 0 {
			return nil, fmt.Errorf("attribute \"to\": %s is not supported", elem)
		}
		return typed(elem, n.In("input").Shape)
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		return []*graph.Value{b.As(n.In("input").Elem, dy[0])} // dx = dy in the type of x
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		y, err := Converted(in[0], graph.Elem(n.Int("to")))
		if err != nil {
			return nil, err
		}
		return one(y)
	},
	Known: func(n *graph.Node) []graph.Dim {
		if v := n.In("input"); v.Elem == graph.Int64 || v.Elem == graph.Int32 {
			return v.Known()
		}
		return nil
	},
})

// smallNumbers are newer attributes of casts. They concern conversions to floating-point types
// of 8 bits and fewer, which graphs do not have.
var smallNumbers = []any{"saturate", int64(1), "round_mode", "up"}

// Since opset 19 Cast has the attributes smallNumbers. CastLike converts to the type of another
// value.
var _ = RegisterVariants(
	&Variant{
		Schema: graph.Schema{Op: "Cast", Takes: Takes("input"), Gives: Gives("output"), Fields: Fields(append(smallNumbers, "to", Required{int64(0)})...)},
		From:   19,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			return []*graph.Value{b.Cast(n.Name, n.In("input"), graph.Elem(n.Int("to")))}, nil
		},
	},
	&Variant{
		Schema: graph.Schema{Op: "CastLike", Takes: Takes("input", "target_type"), Gives: Gives("output"), Fields: Fields(smallNumbers...)},
		From:   15,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			return []*graph.Value{b.Cast(n.Name, n.In("input"), n.In("target_type").Elem)}, nil
		},
	},
)

// Cast appends a conversion of x to another element type.
func (b Builder) Cast(name string, x *graph.Value, to graph.Elem) *graph.Value {
	return b.one("Cast", name, []*graph.Value{x}, graph.Attribute{Name: "to", Value: int64(to)})
}

// As returns x in the element type: x itself if it has that type, else a conversion of it. ONNX
// Runtime converts constants once, when a session starts.
func (b Builder) As(elem graph.Elem, x *graph.Value) *graph.Value {
	if x.Elem == elem {
		return x
	}
	return b.Cast(b.Local(x.Name)+"."+elem.String(), x, elem)
}

package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Dropout drops elements. In training mode it sets a share of the elements, the ratio, to 0;
// otherwise it copies its input. Networks that train do not use it but
// onnxlab/onnxmodels.Dropout, whose random numbers depend on a seed.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "Dropout", Takes: Takes("data", "ratio?", "training_mode?"), Gives: Gives("output", "mask? .mask"),
		Fields: Fields("seed", int64(0)),
	},
	From: 12,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("data")
		return []graph.Type{x.Type(), {Elem: graph.Bool, Shape: x.Shape}}, nil
	},
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		given := func(i int) bool { return i < len(in) && in[i] != nil && in[i].Len() == 1 }
		if given(2) && in[2].Ints[0] != 0 && !(given(1) && in[1].At(0) == 0) {
			return nil, fmt.Errorf("dropout in training mode is not supported in pure Go")
		}
		mask, err := newTensor(graph.Bool, in[0].Shape...)
		if err != nil {
			return nil, err
		}
		for i := range mask.Ints {
			mask.Ints[i] = 1
		}
		return []*Tensor{in[0], mask}, nil
	},
})

// Until opset 11 the ratio was an attribute and there was no input training_mode. Until opset 9
// the mask had the type of the data.
var _ = RegisterVariants(oldDropout(0, 9, func(b Builder, x, mask *graph.Value) *graph.Value { return b.As(x.Elem, mask) }),
	oldDropout(10, 11, func(_ Builder, _, mask *graph.Value) *graph.Value { return mask }))

func oldDropout(from, until int, asMask func(b Builder, x, mask *graph.Value) *graph.Value) *Variant {
	return &Variant{
		Schema: graph.Schema{Op: "Dropout", Takes: Takes("data"), Gives: Gives("output", "mask?"), Fields: Fields("ratio", float32(0.5))},
		From:   from, Until: until,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x := n.In("data")
			c := Call{Name: n.Name, Inputs: []*graph.Value{x, b.Scalar(n.Name+".ratio", n.Float("ratio"))}}
			for range n.Outputs {
				c.Want = append(c.Want, true)
			}
			out := b.Do("", "Dropout", c)
			if len(out) > 1 {
				out[1] = asMask(b, x, out[1])
			}
			return out, nil
		},
	}
}

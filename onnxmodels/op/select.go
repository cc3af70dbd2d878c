package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Operators that select elements, so that the sizes of their outputs depend on values.

// NonZero gives the indices of all elements that are not 0, one column for each element.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "NonZero", Takes: Takes("X"), Gives: Gives("Y")},
	From:   9,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		return typed(graph.Int64, graph.Shape{graph.Fixed(len(n.In("X").Shape)), graph.Symbol(n.Name + ".count")})
	},
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x := in[0]
		var found []int
		for i := range x.Len() {
			if x.At(i) != 0 {
				found = append(found, i)
			}
		}
		y, err := newTensor(graph.Int64, len(x.Shape), len(found))
		if err != nil {
			return nil, err
		}
		for d, step := range elementStrides(x.Shape) {
			for k, i := range found {
				y.Ints[d*len(found)+k] = int64(i / step % x.Shape[d])
			}
		}
		return one(y)
	},
})

// Compress becomes Gather of the indices that a constant condition selects.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "Compress", Takes: Takes("input", "condition"), Gives: Gives("output"), Fields: Fields("axis", int64(noAxis))},
	From:   9,
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x, condition := n.In("input"), TensorOf(n.In("condition"))
		if condition == nil || len(condition.Shape) != 1 {
			return nil, fmt.Errorf("the condition %s is not known before the model runs", n.In("condition"))
		}
		if given := n.Int("axis"); given != noAxis {
			axis, err := axisOf(x, given)
			if err != nil {
				return nil, err
			}
			if d := x.Shape[axis]; d.Symbol == "" && d.Size < int64(condition.Len()) {
				return nil, fmt.Errorf("there are %d conditions for dimension %d of input %s", condition.Len(), axis, x)
			}
			return []*graph.Value{b.chosen(n.Name, x, condition, axis)}, nil
		}
		all, err := quotient(x.Shape, nil)
		if err != nil {
			return nil, fmt.Errorf("input %s has more than one symbolic dimension", x)
		}
		return []*graph.Value{b.chosen(n.Name, b.Shaped(n.Name+".flat", x, graph.Shape{all}), condition, 0)}, nil
	},
})

// noAxis is the value of the attribute "axis" if it is not given.
const noAxis = -1 << 62

// chosen appends the slices of x along the axis for which the condition holds.
func (b Builder) chosen(name string, x *graph.Value, condition *Tensor, axis int) *graph.Value {
	list := []int64{}
	for i, holds := range condition.Ints {
		if holds != 0 {
			list = append(list, int64(i))
		}
	}
	return b.Gather(name, x, b.Ints(name+".indices", list...), axis)
}

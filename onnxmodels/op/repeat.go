package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Tile repeats a tensor along each dimension.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Tile", Takes: Takes("input", "repeats"), Gives: Gives("output")},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("input")
		times, err := repeatsOf(n)
		if err != nil {
			return nil, err
		}
		shape := make(graph.Shape, len(times))
		for i, t := range times {
			if shape[i], err = quotient(graph.Shape{x.Shape[i], t}, nil); err != nil {
				return nil, fmt.Errorf("dimension %d of input %s cannot be repeated %s times: its size is symbolic", i, x, t)
			}
		}
		return typed(x.Elem, shape)
	},
	// dx = dy summed over the repeats
	Gradient: tileGradient,
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x := in[0]
		if err := in[1].want("repeats", graph.Int64, 1); err != nil {
			return nil, err
		}
		if len(in[1].Ints) != len(x.Shape) {
			return nil, fmt.Errorf("there are %d repeats for input %s, want one for each dimension", len(in[1].Ints), x)
		}
		var shape, split, steps []int
		for i, step := range elementStrides(x.Shape) {
			times := int(in[1].Ints[i])
			if times < 0 {
				return nil, fmt.Errorf("repeats %v of input %s are negative", in[1].Ints, x)
			}
			shape = append(shape, times*x.Shape[i])
			split, steps = append(split, times, x.Shape[i]), append(steps, 0, step)
		}
		y, err := strided(x, split, steps, 0)
		if err != nil {
			return nil, err
		}
		return one(y.reshaped(shape...))
	},
	Moves: true,
})

// repeatsOf returns how many times each dimension is repeated.
func repeatsOf(n *graph.Node) ([]graph.Dim, error) {
	x, repeats := n.In("input"), n.In("repeats")
	times := repeats.Known()
	if times == nil && len(x.Shape) > 0 {
		return nil, fmt.Errorf("the repeats %s are not known before the model runs", repeats)
	}
	if len(times) != len(x.Shape) {
		return nil, fmt.Errorf("there are %d repeats for input %s, want one for each dimension", len(times), x)
	}
	return times, nil
}

func tileGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, d := n.In("input"), dy[0]
	times, err := repeatsOf(n)
	if err != nil {
		b.Fail("differentiate %q: %w", n.Name, err)
		return make([]*graph.Value, 2)
	}
	var split graph.Shape
	var repeated []int64
	for i, t := range times {
		if t != graph.Fixed(1) {
			repeated = append(repeated, int64(len(split)))
			split = append(split, t)
		}
		split = append(split, x.Shape[i])
	}
	if repeated != nil {
		d = b.ReduceSum(n.Name, b.Shaped(n.Name+".parts", d, split), false, repeated...)
	}
	return []*graph.Value{d, nil}
}

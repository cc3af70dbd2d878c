package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// gatherND is GatherND: the slices of a tensor at positions, which are the rows along the last
// dimension of the indices.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "GatherND", Takes: Takes("data", "indices"), Gives: Gives("output"), Fields: Fields("batch_dims", int64(0))},
	From:   11,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, indices := n.In("data"), n.In("indices")
		batch, depth, err := depthOf(x, indices, n.Int("batch_dims"))
		if err != nil {
			return nil, err
		}
		return typed(x.Elem, slices.Concat(indices.Shape[:len(indices.Shape)-1], x.Shape[batch+depth:]))
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		x := n.In("data")
		dx := b.Do(Microsoft, "GatherNDGrad", Call{
			Name: n.Name, Inputs: []*graph.Value{b.ShapeOf(n.Name+".shape", x), n.In("indices"), dy[0]},
			Attributes: []graph.Attribute{{Name: "batch_dims", Value: n.Int("batch_dims")}}, Types: []graph.Type{x.Type()},
		})[0]
		return []*graph.Value{dx, nil}
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x, indices := in[0], in[1]
		at, part, err := sliceOffsets(x, indices, int(n.Int("batch_dims")))
		if err != nil {
			return nil, err
		}
		y, err := empty(x.Elem, slices.Concat(indices.Shape[:len(indices.Shape)-1], part)...)
		if err != nil {
			return nil, err
		}
		size := product(part)
		for _, from := range at {
			y.extend(x, from, from+size)
		}
		return one(y)
	},
	Moves: true,
})

// gatherNDGrad is GatherNDGrad (com.microsoft): the updates added up at the positions.
var _ = Register(&Operator{
	Schema: graph.Schema{Domain: Microsoft, Op: "GatherNDGrad", Takes: Takes("shape", "indices", "update"), Gives: Gives("output"), Fields: Fields("batch_dims", int64(0))},
	Infer:  func(n *graph.Node) ([]graph.Type, error) { return typed(n.In("update").Elem, n.In("shape").Known()) },
})

// depthOf returns the number of batch dimensions, and how many of the dimensions after them an
// index selects from.
func depthOf(x, indices *graph.Value, batchDims int64) (batch, depth int, err error) {
	rank := len(indices.Shape)
	if rank == 0 || batchDims < 0 || batchDims >= int64(rank) || indices.Shape[rank-1].Symbol != "" {
		return 0, 0, fmt.Errorf("indices %s of input %s do not hold positions in their last dimension", indices, x)
	}
	batch, depth = int(batchDims), indices.Size(rank-1)
	if batch+depth > len(x.Shape) {
		return 0, 0, fmt.Errorf("indices %s select from more dimensions than input %s has", indices, x)
	}
	return batch, depth, nil
}

// sliceOffsets returns the offsets in x of the slices that the indices name, and the shape of a
// slice.
func sliceOffsets(x, indices *Tensor, batch int) (at []int, part []int, err error) {
	rank := len(indices.Shape)
	if rank == 0 || batch < 0 || batch >= rank || batch+indices.Shape[rank-1] > len(x.Shape) || !slices.Equal(x.Shape[:batch], indices.Shape[:batch]) {
		return nil, nil, fmt.Errorf("indices %s do not fit input %s", indices, x)
	}
	depth, steps := indices.Shape[rank-1], elementStrides(x.Shape)
	of := x.Shape[batch : batch+depth]
	count := product(indices.Shape[:rank-1])
	within, span := count/max(product(x.Shape[:batch]), 1), product(x.Shape[batch:])
	at = make([]int, count)
	for i := range at {
		at[i] = i / max(within, 1) * span
		for k, size := range of {
			place, err := axisIn(indices.Ints[i*depth+k], size)
			if err != nil {
				return nil, nil, fmt.Errorf("index %d is outside the dimension %d of input %s", indices.Ints[i*depth+k], batch+k, x)
			}
			at[i] += place * steps[batch+k]
		}
	}
	return at, x.Shape[batch+depth:], nil
}

package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// GatherND picks the slices of a tensor at positions, which are the rows along the last
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
		offsets, part, err := sliceOffsets(x, indices, int(n.Int("batch_dims")))
		if err != nil {
			return nil, err
		}
		y, err := empty(x.Elem, slices.Concat(indices.Shape[:len(indices.Shape)-1], part)...)
		if err != nil {
			return nil, err
		}
		size := product(part)
		for _, from := range offsets {
			y.extend(x, from, from+size)
		}
		return one(y)
	},
	Moves: true,
})

// GatherNDGrad (com.microsoft) adds up the updates at the positions.
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
// slice. The first `batch` dimensions of both tensors are the same: each row of indices selects
// from the part of x with the row's own place in these dimensions.
func sliceOffsets(x, indices *Tensor, batch int) (offsets, slice []int, err error) {
	rank := len(indices.Shape)
	if rank == 0 || batch < 0 || batch >= rank || batch+indices.Shape[rank-1] > len(x.Shape) || !slices.Equal(x.Shape[:batch], indices.Shape[:batch]) {
		return nil, nil, fmt.Errorf("indices %s do not fit input %s", indices, x)
	}
	depth, steps := indices.Shape[rank-1], elementStrides(x.Shape)
	selected := x.Shape[batch : batch+depth]
	rows := product(indices.Shape[:rank-1])
	// How many rows of indices there are for each part of x, and how many elements a part has.
	rowsOfPart, partSize := rows/max(product(x.Shape[:batch]), 1), product(x.Shape[batch:])
	offsets = make([]int, rows)
	for i := range offsets {
		offsets[i] = i / max(rowsOfPart, 1) * partSize
		for k, size := range selected {
			place, err := axisIn(indices.Ints[i*depth+k], size)
			if err != nil {
				return nil, nil, fmt.Errorf("index %d is outside the dimension %d of input %s", indices.Ints[i*depth+k], batch+k, x)
			}
			offsets[i] += place * steps[batch+k]
		}
	}
	return offsets, x.Shape[batch+depth:], nil
}

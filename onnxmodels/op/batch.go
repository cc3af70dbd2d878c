package op

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Repeat appends x repeated along an axis, where its size is 1, until it is as long there as
// like, whose dimension is a symbol.
func (b Builder) Repeat(name string, x, like *graph.Value, axis int) *graph.Value {
	start, end := graph.Attribute{Name: "start", Value: int64(axis)}, graph.Attribute{Name: "end", Value: int64(axis) + 1}
	count := b.one("Shape", name+".count", []*graph.Value{like}, start, end)
	shape := slices.Clone(x.Shape)
	shape[axis] = like.Shape[axis]
	sizes := make([]int64, len(shape)) // Expand keeps the size of x where this is 1
	for i := range sizes {
		sizes[i] = 1
	}
	var parts []*graph.Value
	if axis > 0 {
		parts = append(parts, b.Ints(name+".before", sizes[:axis]...))
	}
	parts = append(parts, count)
	if axis+1 < len(sizes) {
		parts = append(parts, b.Ints(name+".behind", sizes[axis+1:]...))
	}
	if len(parts) > 1 {
		count = b.Concat(name+".sizes", parts, 0, graph.Fixed(len(sizes)))
	}
	return b.Expand(name, x, count, shape)
}

// First appends, as a constant, the slice of x at index 0 of an axis, if all other slices along
// that axis are equal to it. Otherwise it returns nil.
func (b Builder) First(name string, x *Tensor, axis int) *graph.Value {
	steps, shape := elementStrides(x.Shape), slices.Clone(x.Shape)
	shape[axis] = 1
	first, err := strided(x, shape, steps, 0)
	if err != nil {
		return nil
	}
	steps[axis] = 0
	if all, err := strided(x, x.Shape, steps, 0); err != nil || !slices.Equal(all.Bytes(), x.Bytes()) {
		return nil
	}
	return b.constant(name, first)
}

package op

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Repeat appends x, whose dimension at an axis is 1, repeated along it as often as the one
// of like, which is a symbol.
func (b Builder) Repeat(name string, x, like *graph.Value, axis int) *graph.Value {
	start, end := graph.Attribute{Name: "start", Value: int64(axis)}, graph.Attribute{Name: "end", Value: int64(axis) + 1}
	count := b.one("Shape", name+".count", []*graph.Value{like}, start, end)
	shape := slices.Clone(x.Shape)
	shape[axis] = like.Shape[axis]
	sizes := make([]int64, len(shape)) // 1 keeps what x has
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

// First appends the first of the parts that a tensor has along an axis, as a constant, if all
// of them are the same; otherwise it returns nil.
func (b Builder) First(name string, x *Tensor, axis int) *graph.Value {
	steps, shape := places(x.Shape), slices.Clone(x.Shape)
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

package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// resizeOperator is Resize by constant scales.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "Resize", Takes: Takes("X", "roi?", "scales?", "sizes?"), Gives: Gives("Y"),
		Fields: Fields("coordinate_transformation_mode", "half_pixel", "mode", "nearest", "nearest_mode", "round_prefer_floor",
			"cubic_coeff_a", float32(-0.75), "exclude_outside", int64(0), "extrapolation_value", float32(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, scales := n.In("X"), n.In("scales")
		if scales == nil || len(scales.Floats()) != len(x.Shape) {
			return nil, fmt.Errorf("the scales are no constants, one for each dimension of %s", x)
		}
		shape := slices.Clone(x.Shape)
		for i, s := range scales.Floats() {
			if s != 1 && shape[i].Symbol != "" {
				return nil, fmt.Errorf("%s is resized along dimension %d", x, i)
			}
			shape[i].Size = int64(float32(shape[i].Size) * s)
		}
		return typed(x.Elem, shape)
	},
})

// Upsample appends images x [n, c, …] with every element repeated so many times in each
// dimension.
func (b Builder) Upsample(name string, x *graph.Value, times ...int) *graph.Value {
	if slices.ContainsFunc(times, func(n int) bool { return n < 1 }) || x == nil || len(x.Shape) != 2+len(times) {
		b.Fail("Resize %q: %v repeated %v times", name, x, times)
		return x
	}
	list := []float32{1, 1}
	for _, n := range times {
		list = append(list, float32(n))
	}
	scales := b.Floats(name+".scales", []int{len(list)}, list)
	return b.one("Resize", name, []*graph.Value{x, nil, scales},
		graph.Attribute{Name: "coordinate_transformation_mode", Value: "asymmetric"},
		graph.Attribute{Name: "mode", Value: "nearest"}, graph.Attribute{Name: "nearest_mode", Value: "floor"})
}

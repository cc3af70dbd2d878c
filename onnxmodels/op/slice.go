package op

import (
	"fmt"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Slice cuts out a part of a tensor, with constant bounds.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Slice", Takes: Takes("data", "starts", "ends", "axes?", "steps?"), Gives: Gives("output")},
	From:   10,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		cuts, err := cutsOf(n)
		if err != nil {
			return nil, err
		}
		shape := slices.Clone(n.In("data").Shape)
		for _, c := range cuts {
			if shape[c.axis], err = c.of(shape[c.axis]); err != nil {
				return nil, fmt.Errorf("input %s is cut along dimension %d: %w", n.In("data"), c.axis, err)
			}
		}
		return typed(n.In("data").Elem, shape)
	},
	Gradient: sliceGradient,
	Eval:     evalSlice,
	Moves:    true,
})

// In models, bounds that the model computes become constants if they are known.
var _ = RegisterVariants(
	&Variant{
		Schema: graph.Schema{
			Op: "Slice", Takes: Takes("data"), Gives: Gives("output"),
			Fields: Fields("starts", Required{[]int64(nil)}, "ends", Required{[]int64(nil)}, "axes", []int64(nil)),
		},
		Until: 9,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			inputs := []*graph.Value{n.In("data"), b.Ints(n.Name+".starts", n.Ints("starts")...), b.Ints(n.Name+".ends", n.Ints("ends")...)}
			if axes := n.Ints("axes"); axes != nil {
				inputs = append(inputs, b.Ints(n.Name+".axes", axes...))
			}
			return []*graph.Value{b.one("Slice", n.Name, inputs)}, nil
		},
	},
	&Variant{
		Schema: graph.Schema{Op: "Slice", Takes: Takes("data", "starts", "ends", "axes?", "steps?"), Gives: Gives("output")},
		From:   10,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			inputs := slices.Clone(n.Inputs)
			for i, v := range inputs[1:] {
				if v == nil || v.Constant() && v.Elem == graph.Int64 {
					continue
				}
				list, err := bounds64(n.In("data"), v)
				if err != nil {
					return nil, err
				}
				inputs[1+i] = b.Ints(n.Name+"."+n.Takes[1+i].Name, list...)
			}
			return []*graph.Value{b.one("Slice", n.Name, inputs)}, nil
		},
	},
)

// bounds64 returns the bounds of a slice of x as numbers. A bound that is the size of a symbolic
// dimension of x becomes math.MaxInt64, which also means its end.
func bounds64(x, v *graph.Value) ([]int64, error) {
	if t := TensorOf(v); t != nil && t.Ints != nil {
		return t.Ints, nil
	}
	known := v.Known()
	if known == nil {
		return nil, fmt.Errorf("input %s is not known before the model runs", v)
	}
	list := make([]int64, len(known))
	for i, d := range known {
		switch {
		case d.Symbol == "":
			list[i] = d.Size
		case slices.Contains(x.Shape, d):
			list[i] = math.MaxInt64
		default:
			return nil, fmt.Errorf("input %s holds %s, which is not a dimension of %s", v, d, x)
		}
	}
	return list, nil
}

// cut is a slice of one dimension: the bounds as ONNX gives them.
type cut struct {
	axis             int
	start, end, step int64
}

// of returns the size of a dimension after the cut.
func (c cut) of(d graph.Dim) (graph.Dim, error) {
	if d.Symbol == "" {
		_, count := c.within(d.Size)
		return graph.Dim{Size: count}, nil
	}
	if c.step == 1 && c.start == 0 && c.end >= math.MaxInt32 {
		return d, nil
	}
	if c.step == -1 && c.start == -1 && c.end <= math.MinInt32 {
		return d, nil
	}
	return d, fmt.Errorf("its size is not known before the model runs")
}

// within applies the cut to a dimension of n elements: it returns the index of the first element
// that is kept, and how many are kept (ONNX Slice-13).
func (c cut) within(n int64) (start, count int64) {
	clamp := func(v, low, high int64) int64 {
		if v < 0 {
			v += n
		}
		return max(low, min(v, high))
	}
	if c.step > 0 {
		start, end := clamp(c.start, 0, n), clamp(c.end, 0, n)
		return start, max(0, end-start+c.step-1) / c.step
	}
	start, end := clamp(c.start, 0, n-1), clamp(c.end, -1, n-1)
	return start, max(0, start-end-c.step-1) / -c.step
}

// cutsOf returns the cuts of a node, whose bounds must be constant.
func cutsOf(n *graph.Node) ([]cut, error) {
	in := make([]*Tensor, len(n.Inputs))
	for i, v := range n.Inputs {
		if v == nil || i == 0 {
			continue
		}
		if in[i] = TensorOf(v); in[i] == nil {
			return nil, fmt.Errorf("starts, ends, axes and steps are not constants of one length")
		}
	}
	return cutsFrom(in, len(n.In("data").Shape))
}

// cutsFrom returns the cuts that the inputs of a node describe; it does not use in[0], the data.
func cutsFrom(in []*Tensor, rank int) ([]cut, error) {
	ints := func(i int) []int64 {
		if i < len(in) && in[i] != nil {
			return in[i].Ints
		}
		return nil
	}
	starts, ends, axes, steps := ints(1), ints(2), ints(3), ints(4)
	if len(starts) != len(ends) || axes != nil && len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, fmt.Errorf("starts, ends, axes and steps are not constants of one length")
	}
	cuts := make([]cut, len(starts))
	for i := range cuts {
		cuts[i] = cut{axis: i, start: starts[i], end: ends[i], step: 1}
		if axes != nil {
			axis, err := axisIn(axes[i], rank)
			if err != nil {
				return nil, err
			}
			cuts[i].axis = axis
		}
		if steps != nil {
			cuts[i].step = steps[i]
		}
		if slices.ContainsFunc(cuts[:i], func(c cut) bool { return c.axis == cuts[i].axis }) {
			return nil, fmt.Errorf("dimension %d is cut twice", cuts[i].axis)
		}
		if cuts[i].step == 0 || cuts[i].step == math.MinInt64 || cuts[i].axis >= rank {
			return nil, fmt.Errorf("dimension %d of %d cannot be cut with step %d", cuts[i].axis, rank, cuts[i].step)
		}
	}
	return cuts, nil
}

func evalSlice(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x := in[0]
	cuts, err := cutsFrom(in, len(x.Shape))
	if err != nil {
		return nil, err
	}
	shape, step := slices.Clone(x.Shape), strides(x.Shape, x.Shape)
	first := 0
	for _, c := range cuts {
		start, count := c.within(int64(x.Shape[c.axis]))
		first += int(start) * step[c.axis]
		shape[c.axis] = int(count)
		step[c.axis] *= int(c.step)
	}
	y, err := strided(x, shape, step, first)
	if err != nil {
		return nil, err
	}
	return one(y)
}

// Turn180 appends x [a, b, h, w] with its rows and columns in reverse order.
func (b Builder) Turn180(name string, x *graph.Value) *graph.Value {
	return b.turn(name, x, []int{2, 3})
}

// Columns appends the columns from..to−1 of a matrix x.
func (b Builder) Columns(name string, x *graph.Value, from, to int) *graph.Value {
	inputs := []*graph.Value{
		x, b.Ints(name+".begin", int64(from)), b.Ints(name+".end", int64(to)), b.Ints(name+".axes", 1),
	}
	return b.one("Slice", name, inputs)
}

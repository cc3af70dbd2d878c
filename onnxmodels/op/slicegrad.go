package op

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// SliceGrad (com.microsoft) is the gradient of a Slice with positive steps: a tensor of
// the shape that holds dY at the elements that the slice kept, and 0 elsewhere.
var _ = Register(&Operator{
	Schema: graph.Schema{Domain: Microsoft, Op: "SliceGrad", Takes: Takes("dY", "shape", "starts", "ends", "axes?", "steps?"), Gives: Gives("dX")},
	Infer:  func(n *graph.Node) ([]graph.Type, error) { return typed(n.In("dY").Elem, n.In("shape").Known()) },
})

// sliceGradient returns dx: dy at the elements that the slice kept, and 0 elsewhere. Dimensions
// that were cut with a negative step are reversed first.
func sliceGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, d := n.In("data"), dy[0]
	grads := make([]*graph.Value, len(n.Inputs))
	cuts, err := cutsOf(n)
	if err != nil {
		b.Fail("differentiate %q: %w", n.Name, err)
		return grads
	}
	var turned []int
	var ahead []cut // the same cuts with positive steps
	for _, c := range cuts {
		size := x.Shape[c.axis]
		if c.step < 0 {
			turned = append(turned, c.axis)
		}
		if size.Symbol != "" {
			continue // the slice kept all of it: see cut.of
		}
		start, count := c.within(size.Size)
		if c.step < 0 {
			start, c.step = start+c.step*(count-1), -c.step
		}
		if c.start = start; count != size.Size {
			c.end = min(start+c.step*count, size.Size)
			ahead = append(ahead, c)
		}
	}
	if turned != nil {
		d = b.turn(n.Name+".turned", d, turned)
	}
	grads[0] = b.spread(n.Name, d, x, ahead)
	return grads
}

// turn appends x with the elements along the axes in reverse order.
func (b Builder) turn(name string, x *graph.Value, axes []int) *graph.Value {
	const last, before = -1, -1 << 31 // from the last element to before the first
	list := make([][]int64, 4)
	for _, a := range axes {
		for i, v := range []int64{last, before, int64(a), -1} {
			list[i] = append(list[i], v)
		}
	}
	return b.one("Slice", name, []*graph.Value{
		x, b.Ints(name+".begin", list[0]...), b.Ints(name+".end", list[1]...), b.Ints(name+".axes", list[2]...), b.Ints(name+".steps", list[3]...),
	})
}

// spread appends a tensor of the shape of x that holds d at the elements that the cuts keep, and 0
// elsewhere. All steps of the cuts must be positive.
func (b *Backward) spread(name string, d, x *graph.Value, cuts []cut) *graph.Value {
	if len(cuts) == 0 {
		return d
	}
	if !slices.ContainsFunc(cuts, func(c cut) bool { return c.step != 1 }) {
		pads := make([]int64, 2*len(x.Shape))
		for _, c := range cuts {
			pads[c.axis], pads[len(x.Shape)+c.axis] = c.start, x.Shape[c.axis].Size-c.end
		}
		return b.one("Pad", name, []*graph.Value{d, b.Ints(name+".pads", pads...)})
	}
	list := make([][]int64, 4)
	for _, c := range cuts {
		for i, v := range []int64{c.start, c.end, int64(c.axis), c.step} {
			list[i] = append(list[i], v)
		}
	}
	inputs := []*graph.Value{d, b.ShapeOf(name+".shape", x)}
	for i, what := range []string{"starts", "ends", "axes", "steps"} {
		inputs = append(inputs, b.Ints(name+"."+what, list[i]...))
	}
	return b.Do(Microsoft, "SliceGrad", Call{Name: name, Inputs: inputs, Types: []graph.Type{x.Type()}})[0]
}

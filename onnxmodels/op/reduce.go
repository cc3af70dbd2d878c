package op

import (
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Reductions over axes, or over all dimensions. In opset 17 the axes are an attribute, except for
// ReduceSum, whose axes have been an input since opset 13.

// ReduceSum adds up elements along axes, which are an input.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "ReduceSum", Takes: Takes("data", "axes?"), Gives: Gives("reduced"),
		Fields: Fields("keepdims", int64(1), "noop_with_empty_axes", int64(0)),
	},
	From: 13,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		axes, err := sumAxes(n)
		if err != nil {
			return nil, err
		}
		return inferReduced(n, n.In("data"), axes)
	},
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value { // dx = dy, expanded
		x := n.In("data")
		axes, err := sumAxes(n)
		if err != nil {
			b.Fail("differentiate %q: %w", n.Name, err)
		}
		return []*graph.Value{b.expandLike(n.Name, b.keepDims(n, x, dy[0], axes), x), nil}[:len(n.Inputs)]
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		axes, err := axesFrom(in, 1, len(in[0].Shape))
		if err != nil {
			return nil, err
		}
		if len(axes) == 0 && n.Flag("noop_with_empty_axes") {
			return one(in[0])
		}
		return reduceEval(n, in[0], axes, sumOf)
	},
})

// sumAxes returns the axes of a ReduceSum node, counted from 0. An empty list means all axes.
func sumAxes(n *graph.Node) ([]int64, error) {
	rank := len(n.In("data").Shape)
	axes, err := axesOf(n.In("axes"), rank)
	if err != nil {
		return nil, err
	}
	list := make([]int64, 0, rank)
	for _, a := range axes {
		list = append(list, int64(a))
	}
	return list, nil
}

var (
	// dx = dy/n, expanded. The number n of elements in each mean may depend on the batch.
	_ = reduction("ReduceMean", meanOf, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
		x, y, name := n.In("data"), n.Out("reduced"), n.Name
		d := b.Binary("Div", name+".scaled", dy, b.As(x.Elem, b.ratio(name, x, y)))
		return b.expandLike(name, d, x)
	})
	// dx = dy·y/x, which is not a number where x is 0.
	_ = reduction("ReduceProd", productOf, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
		x := n.In("data")
		y := b.keepDims(n, x, n.Out("reduced"), n.Ints("axes"))
		return b.Binary("Div", n.Name, b.Binary("Mul", n.Name+".share", dy, y), x)
	})
	// dx = dy divided equally among the elements of x that are the extremum, else 0
	_ = reduction("ReduceMax", largestOf, extremumGradient)
	_ = reduction("ReduceMin", smallestOf, extremumGradient)
)

func extremumGradient(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value {
	x, name := n.In("data"), n.Name
	y := b.keepDims(n, x, n.Out("reduced"), n.Ints("axes"))
	hit := b.Cast(name+".hit", b.Compare("Equal", name+".equal", x, y), x.Elem)
	axes := slices.Clone(n.Ints("axes"))
	for i := range x.Shape {
		if len(n.Ints("axes")) == 0 {
			axes = append(axes, int64(i))
		}
	}
	count := b.ReduceSum(name+".count", hit, true, axes...)
	return b.Binary("Mul", name, hit, b.Binary("Div", name+".share", dy, count))
}

// reducer reduces the elements of a tensor at the given offsets to one number, which it returns
// as a float or, for a tensor of integers, as an integer.
type reducer func(x *Tensor, offsets []int) (float64, int64)

// reduction declares a reduction whose axes are an attribute. gradient gets dy with the reduced
// dimensions as 1.
func reduction(name string, f reducer, gradient func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Op: name, Takes: Takes("data"), Gives: Gives("reduced"), Fields: Fields("axes", []int64(nil), "keepdims", int64(1))},
		Until:  17,
		Infer:  func(n *graph.Node) ([]graph.Type, error) { return inferReduced(n, n.In("data"), n.Ints("axes")) },
		Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
			return []*graph.Value{gradient(b, n, b.keepDims(n, n.In("data"), dy[0], n.Ints("axes")))}
		},
		Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
			axes, err := axesList(n.Ints("axes"), len(in[0].Shape))
			if err != nil {
				return nil, err
			}
			return reduceEval(n, in[0], axes, f)
		},
	})
}

// reduceEval reduces x with f along the axes, or along all dimensions if there are no axes.
func reduceEval(n *graph.Node, x *Tensor, axes []int, f reducer) ([]*Tensor, error) {
	if len(axes) == 0 {
		for i := range x.Shape {
			axes = append(axes, i)
		}
	}
	var outer, inner, kept []int // the sizes that stay, those that are reduced, and the output's shape
	var outerStep, innerStep []int
	step := elementStrides(x.Shape)
	for i, d := range x.Shape {
		if slices.Contains(axes, i) {
			inner, innerStep = append(inner, d), append(innerStep, step[i])
			if n.Flag("keepdims") {
				kept = append(kept, 1)
			}
			continue
		}
		outer, outerStep = append(outer, d), append(outerStep, step[i])
		kept = append(kept, d)
	}
	y, err := newTensor(x.Elem, append([]int{}, kept...)...)
	if err != nil {
		return nil, err
	}
	reach := offsetsOf(inner, innerStep)
	offsets := make([]int, len(reach))
	for i, from := range offsetsOf(outer, outerStep) {
		for k, p := range reach {
			offsets[k] = from + p
		}
		number, whole := f(x, offsets)
		if y.Ints != nil {
			y.Ints[i] = wrap(y.Elem, whole)
		} else {
			y.set(i, number)
		}
	}
	return one(y)
}

// offsetsOf lists the offsets of the elements that a loop over the shape visits, if it advances by
// steps[i] along dimension i.
func offsetsOf(shape, steps []int) []int {
	list := make([]int, 0, product(shape))
	walk(shape, steps, steps, func(_, n, i, _, step, _ int) {
		for k := range n {
			list = append(list, i+k*step)
		}
	})
	return list
}

func sumOf(x *Tensor, places []int) (sum float64, whole int64) {
	for _, p := range places {
		if x.Ints != nil {
			whole += x.Ints[p]
		} else {
			sum += x.At(p)
		}
	}
	return sum, whole
}

func meanOf(x *Tensor, places []int) (float64, int64) {
	sum, whole := sumOf(x, places)
	return sum / float64(len(places)), whole / int64(max(len(places), 1))
}

func productOf(x *Tensor, places []int) (float64, int64) {
	number, whole := 1.0, int64(1)
	for _, p := range places {
		if x.Ints != nil {
			whole *= x.Ints[p]
		} else {
			number *= x.At(p)
		}
	}
	return number, whole
}

func largestOf(x *Tensor, places []int) (float64, int64) {
	number, whole := math.Inf(-1), lowest(x.Elem)
	for i, p := range places {
		if x.Ints == nil {
			number = max(number, x.At(p))
		} else if i == 0 || isLess(x.Elem, whole, x.Ints[p]) {
			whole = x.Ints[p]
		}
	}
	return number, whole
}

func smallestOf(x *Tensor, places []int) (float64, int64) {
	number, whole := math.Inf(1), highest(x.Elem)
	for i, p := range places {
		if x.Ints == nil {
			number = min(number, x.At(p))
		} else if i == 0 || isLess(x.Elem, x.Ints[p], whole) {
			whole = x.Ints[p]
		}
	}
	return number, whole
}

// isLess reports whether a < b for integers of a type.
func isLess(elem graph.Elem, a, b int64) bool {
	if elem == graph.Uint64 {
		return uint64(a) < uint64(b)
	}
	return a < b
}

// lowest and highest return the ends of the range of an integer type, which are the maximum and
// the minimum of no elements.
func lowest(elem graph.Elem) int64 {
	switch elem {
	case graph.Int8, graph.Int16, graph.Int32, graph.Int64:
		return -1 << (8*elem.Size() - 1)
	}
	return 0
}

func highest(elem graph.Elem) int64 {
	switch elem {
	case graph.Bool:
		return 1
	case graph.Int64:
		return math.MaxInt64
	case graph.Uint64:
		return -1 // the bits of the largest uint64
	}
	return wrap(elem, lowest(elem)-1)
}

// inferReduced returns the type of x without the axes, or with size 1 there if the node keeps
// dimensions. No axes means all.
func inferReduced(n *graph.Node, x *graph.Value, axes []int64) ([]graph.Type, error) {
	var reduced []int
	for _, a := range axes {
		axis, err := axisOf(x, a)
		if err != nil {
			return nil, err
		}
		reduced = append(reduced, axis)
	}
	shape := graph.Shape{}
	for i, d := range x.Shape {
		switch {
		case len(axes) == 0 && n.Flag("noop_with_empty_axes"), len(axes) > 0 && !slices.Contains(reduced, i):
			shape = append(shape, d)
		case n.Flag("keepdims"):
			shape = append(shape, graph.Fixed(1))
		}
	}
	return typed(x.Elem, shape)
}

// ReduceSum appends the sum of x over the axes, counted from 0. If keep, they stay as
// dimensions of 1.
func (b Builder) ReduceSum(name string, x *graph.Value, keep bool, axes ...int64) *graph.Value {
	return b.one("ReduceSum", name, []*graph.Value{x, b.Ints(name+".axes", axes...)}, keepdims(keep))
}

// ReduceMean appends the mean of x over the axes, counted from 0. If keep, they stay as
// dimensions of 1.
func (b Builder) ReduceMean(name string, x *graph.Value, keep bool, axes ...int64) *graph.Value {
	return b.one("ReduceMean", name, []*graph.Value{x}, graph.Attribute{Name: "axes", Value: axes}, keepdims(keep))
}

func keepdims(keep bool) graph.Attribute {
	return graph.Attribute{Name: "keepdims", Value: flag(keep)}
}

// ratio returns the number of elements of x divided by that of y, a constant if it does not
// depend on symbols.
func (b *Backward) ratio(name string, x, y *graph.Value) *graph.Value {
	if d, err := quotient(x.Shape, y.Shape); err == nil && d.Symbol == "" {
		return b.Scalar(name+".count", float32(d.Size))
	}
	size := func(v *graph.Value) *graph.Value {
		return b.Cast(name+".float_size", b.SizeOf(name+".size", v), graph.Float)
	}
	return b.Binary("Div", name+".count", size(x), size(y))
}

// keepDims returns dy, the gradient with respect to a reduction of x over the axes, with the
// reduced dimensions as 1.
func (b *Backward) keepDims(n *graph.Node, x, dy *graph.Value, axes []int64) *graph.Value {
	if len(dy.Shape) == len(x.Shape) {
		return dy
	}
	shape := slices.Clone(x.Shape)
	for i := range shape {
		if len(axes) == 0 {
			shape[i] = graph.Fixed(1)
		}
	}
	for _, a := range axes {
		axis, err := axisOf(x, a)
		if err != nil {
			b.Fail("differentiate %q: %w", n.Name, err)
			return dy
		}
		shape[axis] = graph.Fixed(1)
	}
	return b.Shaped(n.Name+".kept", dy, shape)
}

// ReduceAllL2 gives the L2 norm of the elements of all inputs together (com.microsoft).
var _ = Register(&Operator{
	Schema: graph.Schema{Domain: Microsoft, Op: "ReduceAllL2", Takes: Takes("X*"), Gives: Gives("Y")},
	Infer:  func(*graph.Node) ([]graph.Type, error) { return typed(graph.Float, graph.Shape{}) },
})

// L2Norm appends the L2 norm of the elements of all values together, a float scalar. It is finite
// only if all elements are (com.microsoft ReduceAllL2).
func (b Builder) L2Norm(name string, values ...*graph.Value) *graph.Value {
	return b.in(Microsoft, "ReduceAllL2", name, values)
}

// ArgMax gives the index of the largest element along an axis.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "ArgMax", Takes: Takes("data"), Gives: Gives("reduced"),
		Fields: Fields("axis", int64(0), "keepdims", int64(1), "select_last_index", int64(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		types, err := inferReduced(n, n.In("data"), []int64{n.Int("axis")})
		if err != nil {
			return nil, err
		}
		types[0].Elem = graph.Int64
		return types, nil
	},
})

// ArgMax appends the index of the largest element along the last dimension,
// which is dropped.
func (b Builder) ArgMax(name string, x *graph.Value) *graph.Value {
	return b.one("ArgMax", name, []*graph.Value{x}, graph.Attribute{Name: "axis", Value: int64(-1)}, keepdims(false))
}

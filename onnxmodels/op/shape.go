package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// transposeOperator is Transpose; without a permutation it reverses the dimensions.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Transpose", Takes: Takes("data"), Gives: Gives("transposed"), Fields: Fields("perm", []int64(nil))},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("data")
		order, err := permutation(n.Ints("perm"), len(x.Shape))
		if err != nil {
			return nil, fmt.Errorf("%w of %s", err, x)
		}
		shape := make(graph.Shape, len(order))
		for i, d := range order {
			shape[i] = x.Shape[d]
		}
		return typed(x.Elem, shape)
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x := in[0]
		order, err := permutation(n.Ints("perm"), len(x.Shape))
		if err != nil {
			return nil, err
		}
		own := strides(x.Shape, x.Shape)
		y := &Tensor{Elem: x.Elem, Shape: make([]int, len(order))}
		from := make([]int, len(order))
		for i, d := range order {
			y.Shape[i], from[i] = x.Shape[d], own[d]
		}
		y.Floats, y.Ints = permuted(x.Floats, y.Shape, from), permuted(x.Ints, y.Shape, from)
		return one(y)
	},
})

// permutation is the dimensions in their new order.
func permutation(perm []int64, rank int) ([]int, error) {
	order, seen := make([]int, rank), make([]bool, rank)
	for i := range order {
		order[i] = rank - 1 - i
	}
	if perm == nil {
		return order, nil
	}
	if len(perm) != rank {
		return nil, fmt.Errorf("permutation %v", perm)
	}
	for i, p := range perm {
		if p < 0 || int(p) >= rank || seen[p] {
			return nil, fmt.Errorf("permutation %v", perm)
		}
		order[i], seen[p] = int(p), true
	}
	return order, nil
}

// permuted reads x along the strides into a tensor of the shape.
func permuted[T any](x []T, shape, from []int) []T {
	if x == nil {
		return nil
	}
	y := make([]T, len(x))
	walk(shape, from, from, func(to, n, i, _, step, _ int) {
		for k := range n {
			y[to+k] = x[i+k*step]
		}
	})
	return y
}

// Transpose appends a permutation of the dimensions of x.
func (b Builder) Transpose(name string, x *graph.Value, order ...int) *graph.Value {
	perm := make([]int64, len(order))
	for i, p := range order {
		perm[i] = int64(p)
	}
	return b.one("Transpose", name, []*graph.Value{x}, graph.Attribute{Name: "perm", Value: perm})
}

// reshapeOperator is Reshape: 0 keeps a dimension, and one -1 takes what is left.
var _ = Register(&Operator{
	Schema:   graph.Schema{Op: "Reshape", Takes: Takes("data", "shape"), Gives: Gives("reshaped"), Fields: Fields("allowzero", int64(0))},
	Infer:    inferReshape,
	Gradient: restoreShape, // dx = dy in the shape of x
	Eval:     evalReshape,
})

// inferReshape tells the shape if its sizes are constants. Elsewhere who builds the
// graph has to say it.
func inferReshape(n *graph.Node) ([]graph.Type, error) {
	x, sizes := n.In("data"), n.In("shape")
	if !sizes.Constant() {
		return typed(x.Elem, nil)
	}
	list := sizes.Ints()
	shape, open := make(graph.Shape, len(list)), -1
	for i, d := range list {
		switch {
		case d == -1 && open < 0:
			open = i
		case d == 0 && !n.Flag("allowzero") && i < len(x.Shape):
			shape[i] = x.Shape[i]
		case d < 0:
			return nil, fmt.Errorf("shape %v for input %s", list, x)
		default:
			shape[i] = graph.Fixed(int(d))
		}
	}
	if open >= 0 {
		rest, err := quotient(x.Shape, slices.Delete(slices.Clone(shape), open, open+1))
		if _, static := x.Shape.Elements(); err != nil && static {
			return nil, fmt.Errorf("%v does not fit input %s", list, x)
		} else if err != nil {
			rest = graph.Symbol(n.Name + ".rest") // such as a half of the batch
		}
		shape[open] = rest
	}
	have, static := x.Shape.Elements()
	want, both := shape.Elements()
	if static && both && have != want {
		return nil, fmt.Errorf("%s as %s", x, shape)
	}
	return typed(x.Elem, shape)
}

// quotient is the product of dimensions by that of others.
func quotient(of, by graph.Shape) (graph.Dim, error) {
	size := func(s graph.Shape) (n int64, symbols map[string]int) {
		n, symbols = 1, map[string]int{}
		for _, d := range s {
			n *= d.Size
			if d.Symbol != "" {
				symbols[d.Symbol]++
			}
		}
		return n, symbols
	}
	n, above := size(of)
	m, below := size(by)
	left := graph.Dim{}
	for symbol, times := range above {
		switch times - below[symbol] {
		case 0:
		case 1:
			if left.Symbol != "" {
				return left, fmt.Errorf("two symbols are left")
			}
			left.Symbol = symbol
		default:
			return left, fmt.Errorf("%s is left %d times", symbol, times-below[symbol])
		}
		delete(below, symbol)
	}
	if len(below) > 0 || m == 0 || n%m != 0 {
		return left, fmt.Errorf("%s by %s is no dimension", of, by)
	}
	left.Size = n / m
	return left, nil
}

// Reshape appends x with another shape, given also as the tensor `sizes` that
// the operator reads: constants (-1 for the one symbolic size) or computed.
func (b Builder) Reshape(name string, x, sizes *graph.Value, shape graph.Shape) *graph.Value {
	if x == nil {
		b.Fail("Reshape %q: input data is missing", name)
		return x
	}
	return b.Do("", "Reshape", Call{Name: name, Inputs: []*graph.Value{x, sizes}, Types: []graph.Type{{Elem: x.Elem, Shape: shape}}})[0]
}

// View appends x with other, fixed sizes.
func (b Builder) View(name string, x *graph.Value, sizes ...int) *graph.Value {
	list := make([]int64, len(sizes))
	for i, n := range sizes {
		list[i] = int64(n)
	}
	return b.Reshape(name, x, b.Ints(name+".sizes", list...), graph.Static(sizes...))
}

func evalReshape(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x := in[0]
	if err := in[1].want("shape", graph.Int64, 1); err != nil {
		return nil, err
	}
	if n.Flag("allowzero") {
		return nil, fmt.Errorf("attribute \"allowzero\" is 1, of which only 0 is supported")
	}
	const most = 64 // dimensions, of which networks have 4
	sizes := in[1].Ints
	if n := len(sizes); n > most {
		return nil, fmt.Errorf("shape of %d dimensions, more than %d, for input %s", n, most, x)
	}
	shape, left := make([]int, len(sizes)), -1
	known := 1
	for i, d := range sizes {
		switch {
		case d == -1 && left < 0:
			left = i
			continue
		case d == 0 && i < len(x.Shape):
			d = int64(x.Shape[i])
		case d < 1 || d > ElementLimit:
			return nil, fmt.Errorf("shape %v for input %s", sizes, x)
		}
		if shape[i] = int(d); known <= ElementLimit {
			known *= shape[i]
		}
	}
	total := product(x.Shape)
	if left >= 0 && known > 0 {
		shape[left] = total / known
		known *= shape[left]
	}
	if known != total {
		return nil, fmt.Errorf("shape %v does not fit input %s", sizes, x)
	}
	return one(x.reshaped(shape...))
}

// flattenOperator is Flatten: a matrix of the dimensions before the axis and those from
// it on.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Flatten", Takes: Takes("input"), Gives: Gives("output"), Fields: Fields("axis", int64(1))},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("input")
		axis, err := flattenAxis(n.Int("axis"), len(x.Shape))
		if err != nil {
			return nil, fmt.Errorf("input %s has no dimension %d", x, n.Int("axis"))
		}
		shape := make(graph.Shape, 2)
		for i, part := range []graph.Shape{x.Shape[:axis], x.Shape[axis:]} {
			if shape[i], err = quotient(part, nil); err != nil {
				return nil, fmt.Errorf("input %s has more than one open dimension", x)
			}
		}
		return typed(x.Elem, shape)
	},
	Gradient: restoreShape, // dx = dy in the shape of x
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		s := in[0].Shape
		d, err := flattenAxis(n.Int("axis"), len(s))
		if err != nil {
			return nil, fmt.Errorf("axis %d is outside the dimensions of input %s", n.Int("axis"), in[0])
		}
		return one(in[0].reshaped(product(s[:d]), product(s[d:])))
	},
})

// flattenAxis is an axis of Flatten, which may be behind the last dimension.
func flattenAxis(axis int64, rank int) (int, error) {
	if axis < 0 {
		axis += int64(rank)
	}
	if axis < 0 || axis > int64(rank) || rank == 0 && axis != 0 {
		return 0, fmt.Errorf("axis %d is outside %d dimensions", axis, rank)
	}
	return int(axis), nil
}

// Flatten appends x as a matrix of its first dimension and the product of the
// others.
func (b Builder) Flatten(name string, x *graph.Value) *graph.Value {
	return b.one("Flatten", name, []*graph.Value{x}, graph.Attribute{Name: "axis", Value: int64(1)})
}

// padOperator is Pad by a constant, 0 where none is given.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Pad", Takes: Takes("data", "pads", "constant_value?"), Gives: Gives("output"), Fields: Fields("mode", "constant")},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, pads := n.In("data"), n.In("pads").Ints()
		if len(pads) != 2*len(x.Shape) {
			return nil, fmt.Errorf("%d pads for input %s", len(pads), x)
		}
		shape := slices.Clone(x.Shape)
		for i := range shape {
			extra := pads[i] + pads[len(shape)+i]
			if extra != 0 && shape[i].Symbol != "" {
				return nil, fmt.Errorf("input %s is padded along dimension %d", x, i)
			}
			shape[i].Size += extra
		}
		return typed(x.Elem, shape)
	},
})

// PadColumns appends x [n, h, w, c] with columns of zeros on its left and right.
func (b Builder) PadColumns(name string, x *graph.Value, left, right int) *graph.Value {
	pads := b.Ints(name+".pads", 0, 0, int64(left), 0, 0, 0, int64(right), 0)
	return b.one("Pad", name, []*graph.Value{x, pads})
}

// shapeOperator is Shape, and sizeOperator is Size.
var (
	_ = Register(&Operator{
		Schema: graph.Schema{Op: "Shape", Takes: Takes("data"), Gives: Gives("shape"), Fields: Fields("start", int64(0), "end", int64(1<<62))},
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			return typed(graph.Int64, graph.Static(len(n.In("data").Shape)))
		},
	})
	_ = Register(&Operator{
		Schema: graph.Schema{Op: "Size", Takes: Takes("data"), Gives: Gives("size")},
		Infer:  func(*graph.Node) ([]graph.Type, error) { return typed(graph.Int64, graph.Shape{}) },
	})
)

// ShapeOf returns the dimensions of x as a vector of integers: a constant if
// they are known.
func (b Builder) ShapeOf(name string, x *graph.Value) *graph.Value {
	if _, static := x.Shape.Elements(); static {
		sizes := make([]int64, len(x.Shape))
		for i, d := range x.Shape {
			sizes[i] = d.Size
		}
		return b.Ints(name, sizes...)
	}
	return b.one("Shape", name, []*graph.Value{x})
}

// SizeOf returns the number of elements of x as an integer scalar: a constant
// if it is known.
func (b Builder) SizeOf(name string, x *graph.Value) *graph.Value {
	if n, static := x.Shape.Elements(); static {
		return b.IntTensor(name, nil, []int64{int64(n)})
	}
	return b.one("Size", name, []*graph.Value{x})
}

// expandOperator is Expand to the shape that an input holds.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Expand", Takes: Takes("input", "shape"), Gives: Gives("output")},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, sizes := n.In("input"), n.In("shape")
		if !sizes.Constant() {
			return typed(x.Elem, nil)
		}
		var to graph.Shape
		for _, d := range sizes.Ints() {
			to = append(to, graph.Fixed(int(d)))
		}
		shape, ok := broadcast(x.Shape, to)
		if !ok {
			return nil, fmt.Errorf("input %s cannot be expanded to %s", x, to)
		}
		return typed(x.Elem, shape)
	},
})

// Expand appends x broadcast to the shape that the tensor `sizes` holds.
func (b Builder) Expand(name string, x, sizes *graph.Value, shape graph.Shape) *graph.Value {
	return b.Do("", "Expand", Call{Name: name, Inputs: []*graph.Value{x, sizes}, Types: []graph.Type{{Elem: x.Elem, Shape: shape}}})[0]
}

// constantOfShape is ConstantOfShape of zeros.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "ConstantOfShape", Takes: Takes("input"), Gives: Gives("output")},
	Infer:  func(*graph.Node) ([]graph.Type, error) { return typed(graph.Float, nil) },
})

// Zeros appends a tensor of float zeros of the shape that `sizes` holds.
func (b Builder) Zeros(name string, sizes *graph.Value, shape graph.Shape) *graph.Value {
	return b.Do("", "ConstantOfShape", Call{Name: name, Inputs: []*graph.Value{sizes}, Types: []graph.Type{{Elem: graph.Float, Shape: shape}}})[0]
}

// rangeOperator is Range.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Range", Takes: Takes("start", "limit", "delta"), Gives: Gives("output")},
	Infer:  func(n *graph.Node) ([]graph.Type, error) { return typed(n.In("start").Elem, nil) },
})

// Range appends the integers 0, 1, … below the scalar `limit`, in a vector
// whose length is the symbol.
func (b Builder) Range(name string, limit *graph.Value, symbol string) *graph.Value {
	start := b.IntTensor(name+".start", nil, []int64{0})
	delta := b.IntTensor(name+".delta", nil, []int64{1})
	return b.Do("", "Range", Call{
		Name: name, Inputs: []*graph.Value{start, limit, delta},
		Types: []graph.Type{{Elem: graph.Int64, Shape: graph.Shape{graph.Symbol(symbol)}}},
	})[0]
}

// splitOperator is Split into equal parts, or into those whose sizes an input holds.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Split", Takes: Takes("input", "split?"), Gives: Gives("outputs*"), Fields: Fields("axis", int64(0))},
	Infer:  inferSplit,
	// dx = the parts' gradients joined
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		x := n.In("input")
		axis, _ := axisOf(x, n.Int("axis"))
		parts := make([]*graph.Value, len(dy))
		for i, d := range dy {
			if y := n.Outputs[i]; d == nil {
				d = b.As(y.Elem, b.Zeros(n.Name, b.ShapeOf(n.Name+".shape", y), y.Shape))
			}
			parts[i] = d
		}
		return []*graph.Value{b.Concat(n.Name, parts, axis, x.Shape[axis]), nil}[:len(n.Inputs)]
	},
})

func inferSplit(n *graph.Node) ([]graph.Type, error) {
	x, parts := n.In("input"), len(n.Outputs)
	axis, err := axisOf(x, n.Int("axis"))
	if err != nil {
		return nil, err
	}
	if x.Shape[axis].Size%int64(parts) != 0 && x.Shape[axis].Symbol == "" {
		return nil, fmt.Errorf("%s has no %d equal parts", x, parts)
	}
	types := make([]graph.Type, parts)
	for i := range types {
		shape := slices.Clone(x.Shape)
		if shape[axis].Symbol == "" {
			shape[axis].Size /= int64(parts)
		}
		types[i] = graph.Type{Elem: x.Elem, Shape: shape}
	}
	return types, nil
}

// Split appends the n equal parts of x along its first dimension, whose size
// is then the symbol if it was one, or an nth.
func (b Builder) Split(name string, x *graph.Value, n int, symbol string) []*graph.Value {
	if n < 1 || x == nil || len(x.Shape) == 0 {
		b.Fail("Split %q: %d parts are fewer than 1, or input %v has no dimension", name, n, x)
		return nil
	}
	c := Call{Name: name, Inputs: []*graph.Value{x}, Attributes: []graph.Attribute{{Name: "axis", Value: int64(0)}}}
	for range n {
		c.Want = append(c.Want, true)
		if x.Shape[0].Symbol != "" {
			c.Types = append(c.Types, graph.Type{Elem: x.Elem, Shape: append(graph.Shape{graph.Symbol(symbol)}, x.Shape[1:]...)})
		}
	}
	return slices.Clone(b.Do("", "Split", c))
}

// concatOperator is Concat.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Concat", Takes: Takes("inputs*"), Gives: Gives("concat_result"), Fields: Fields("axis", Required{int64(0)})},
	Infer:  inferConcat,
	// each part's gradient, cut out of dy
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		return b.Split(n.Name, dy[0], len(n.Inputs), n.Inputs[0].Shape[0].Symbol)
	},
})

func inferConcat(n *graph.Node) ([]graph.Type, error) {
	first := n.Inputs[0]
	axis, err := axisOf(first, n.Int("axis"))
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(first.Shape)
	for _, v := range n.Inputs[1:] {
		if len(v.Shape) != len(shape) {
			return nil, fmt.Errorf("%s and %s do not fit along dimension %d", first, v, axis)
		}
		like := slices.Clone(v.Shape)
		like[axis] = shape[axis]
		if v.Elem != first.Elem || !like.Equal(shape) {
			return nil, fmt.Errorf("%s and %s do not fit along dimension %d", first, v, axis)
		}
		if v.Shape[axis].Symbol == shape[axis].Symbol {
			shape[axis].Size += v.Shape[axis].Size
		}
	}
	return typed(first.Elem, shape)
}

// Concat appends the parts joined along a dimension, whose size is then the
// given one.
func (b Builder) Concat(name string, parts []*graph.Value, axis int, size graph.Dim) *graph.Value {
	c := Call{Name: name, Inputs: parts, Attributes: []graph.Attribute{{Name: "axis", Value: int64(axis)}}}
	if len(parts) > 0 && parts[0] != nil && axis >= 0 && axis < len(parts[0].Shape) {
		shape := slices.Clone(parts[0].Shape)
		shape[axis] = size
		c.Types = []graph.Type{{Elem: parts[0].Elem, Shape: shape}}
	}
	return b.Do("", "Concat", c)[0]
}

// gatherOperator is Gather along an axis.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Gather", Takes: Takes("data", "indices"), Gives: Gives("output"), Fields: Fields("axis", int64(0))},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, indices := n.In("data"), n.In("indices")
		axis, err := axisOf(x, n.Int("axis"))
		if err != nil {
			return nil, err
		}
		return typed(x.Elem, slices.Concat(x.Shape[:axis], indices.Shape, x.Shape[axis+1:]))
	},
})

// Gather appends the parts of x at the indices along a dimension, in whose
// place are those of the indices.
func (b Builder) Gather(name string, x, indices *graph.Value, axis int) *graph.Value {
	return b.one("Gather", name, []*graph.Value{x, indices}, graph.Attribute{Name: "axis", Value: int64(axis)})
}

// scatterElements is ScatterElements.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "ScatterElements", Takes: Takes("data", "indices", "updates"), Gives: Gives("output"),
		Fields: Fields("axis", int64(0), "reduction", "none"),
	},
	Infer: same,
})

// ScatterAdd appends the vector `into` with each element of the vector
// `updates` added at its index.
func (b Builder) ScatterAdd(name string, into, indices, updates *graph.Value) *graph.Value {
	return b.one("ScatterElements", name, []*graph.Value{into, indices, updates},
		graph.Attribute{Name: "axis", Value: int64(0)}, graph.Attribute{Name: "reduction", Value: "add"})
}

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

// Upsample appends x [n, c, h, w] with every element repeated kh x kw times.
func (b Builder) Upsample(name string, x *graph.Value, kh, kw int) *graph.Value {
	if kh < 1 || kw < 1 {
		b.Fail("Resize %q: %v repeated %dx%d times", name, x, kh, kw)
		return x
	}
	scales := b.Floats(name+".scales", []int{4}, []float32{1, 1, float32(kh), float32(kw)})
	return b.one("Resize", name, []*graph.Value{x, nil, scales},
		graph.Attribute{Name: "coordinate_transformation_mode", Value: "asymmetric"},
		graph.Attribute{Name: "mode", Value: "nearest"}, graph.Attribute{Name: "nearest_mode", Value: "floor"})
}

// sliceOperator is Slice by constants.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Slice", Takes: Takes("data", "starts", "ends", "axes?", "steps?"), Gives: Gives("output")},
	Infer:  inferSlice,
})

func inferSlice(n *graph.Node) ([]graph.Type, error) {
	x := n.In("data")
	starts, ends := n.In("starts").Ints(), n.In("ends").Ints()
	var axes, steps []int64
	if v := n.In("axes"); v != nil {
		axes = v.Ints()
	}
	if v := n.In("steps"); v != nil {
		steps = v.Ints()
	}
	if len(starts) != len(ends) || axes != nil && len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, fmt.Errorf("starts, ends, axes and steps are no constants of one length")
	}
	shape := slices.Clone(x.Shape)
	for i := range starts {
		axis, step := i, int64(1)
		if axes != nil {
			var err error
			if axis, err = axisOf(x, axes[i]); err != nil {
				return nil, err
			}
		}
		if steps != nil {
			step = steps[i]
		}
		if step == 0 || axis >= len(shape) || shape[axis].Symbol != "" {
			return nil, fmt.Errorf("input %s is cut along dimension %d with step %d", x, axis, step)
		}
		shape[axis].Size = sliced(shape[axis].Size, starts[i], ends[i], step)
	}
	return typed(x.Elem, shape)
}

// sliced is how many elements of n a slice has (ONNX Slice-13).
func sliced(n, start, end, step int64) int64 {
	clamp := func(v, low, high int64) int64 {
		if v < 0 {
			v += n
		}
		return max(low, min(v, high))
	}
	if step > 0 {
		start, end = clamp(start, 0, n), clamp(end, 0, n)
		return max(0, (end-start+step-1)/step)
	}
	start, end = clamp(start, 0, n-1), clamp(end, -1, n-1)
	return max(0, (start-end-step-1)/-step)
}

// Turn180 appends x [a, b, h, w] with its rows and columns in reverse.
func (b Builder) Turn180(name string, x *graph.Value) *graph.Value {
	const begin, end = -1, -1 << 31 // from the last element to before the first
	inputs := []*graph.Value{
		x, b.Ints(name+".begin", begin, begin), b.Ints(name+".end", end, end),
		b.Ints(name+".axes", 2, 3), b.Ints(name+".steps", -1, -1),
	}
	return b.one("Slice", name, inputs)
}

func errDiffer(a, b *graph.Value) error { return fmt.Errorf("inputs %s and %s differ", a, b) }

package graph

import "slices"

// Transpose appends a permutation of the dimensions of x.
func (g *Graph) Transpose(name string, x *Value, permutation ...int) *Value {
	if !g.given("Transpose", name, x) {
		return x
	}
	sorted := slices.Sorted(slices.Values(permutation))
	for i := range max(len(sorted), len(x.Shape)) {
		if len(sorted) != len(x.Shape) || sorted[i] != i {
			g.Fail("Transpose %q: permutation %v of %s", name, permutation, x)
			return x
		}
	}
	shape := make(Shape, len(permutation))
	perm := make([]int64, len(permutation))
	for i, p := range permutation {
		shape[i], perm[i] = x.Shape[p], int64(p)
	}
	return g.op("Transpose", name, x.Elem, shape, []*Value{x}, Attribute{"perm", perm})
}

// Reshape appends x with another shape, given also as the tensor `sizes` that
// the operator reads: constants (-1 for the one symbolic size) or computed.
func (g *Graph) Reshape(name string, x, sizes *Value, shape Shape) *Value {
	return g.op("Reshape", name, x.Elem, shape, []*Value{x, sizes})
}

// View appends x with other, fixed sizes.
func (g *Graph) View(name string, x *Value, sizes ...int) *Value {
	list := make([]int64, len(sizes))
	for i, n := range sizes {
		list[i] = int64(n)
	}
	shape := Static(sizes...)
	if have, static := x.Shape.Elements(); static {
		if want, _ := shape.Elements(); have != want {
			g.Fail("Reshape %q: %s as %s", name, x, shape)
		}
	}
	return g.Reshape(name, x, g.Ints(name+".sizes", list...), shape)
}

// Flatten appends x as a matrix of its first dimension and the product of the
// others.
func (g *Graph) Flatten(name string, x *Value) *Value {
	if !g.has("Flatten", name, x, 0) {
		return x
	}
	n := 1
	for _, size := range x.fixed(1) {
		n *= size
	}
	return g.op("Flatten", name, x.Elem, Shape{x.Shape[0], Fixed(n)}, []*Value{x}, Attribute{"axis", int64(1)})
}

// PadColumns appends x [n, h, w, c] with columns of zeros on its left and right.
func (g *Graph) PadColumns(name string, x *Value, left, right int) *Value {
	if !g.expect("Pad", name, x, Float, 4, 1) {
		return x
	}
	shape := slices.Clone(x.Shape)
	shape[2].Size += int64(left + right)
	pads := g.Ints(name+".pads", 0, 0, int64(left), 0, 0, 0, int64(right), 0)
	return g.op("Pad", name, x.Elem, shape, []*Value{x, pads})
}

// ShapeOf returns the dimensions of x as a vector of integers: a constant if
// they are known.
func (g *Graph) ShapeOf(name string, x *Value) *Value {
	if _, static := x.Shape.Elements(); static {
		sizes := make([]int64, len(x.Shape))
		for i, d := range x.Shape {
			sizes[i] = d.Size
		}
		return g.Ints(name, sizes...)
	}
	return g.op("Shape", name, Int64, Static(len(x.Shape)), []*Value{x})
}

// SizeOf returns the number of elements of x as an integer scalar: a constant
// if it is known.
func (g *Graph) SizeOf(name string, x *Value) *Value {
	if n, static := x.Shape.Elements(); static {
		return g.IntTensor(name, nil, []int64{int64(n)})
	}
	return g.op("Size", name, Int64, Shape{}, []*Value{x})
}

// Expand appends x broadcast to the shape that the tensor `sizes` holds.
func (g *Graph) Expand(name string, x, sizes *Value, shape Shape) *Value {
	return g.op("Expand", name, x.Elem, shape, []*Value{x, sizes})
}

// Zeros appends a tensor of float zeros of the shape that `sizes` holds.
func (g *Graph) Zeros(name string, sizes *Value, shape Shape) *Value {
	return g.op("ConstantOfShape", name, Float, shape, []*Value{sizes})
}

// Range appends the integers 0, 1, … below the scalar `limit`, in a vector
// whose length is the symbol.
func (g *Graph) Range(name string, limit *Value, symbol string) *Value {
	start := g.IntTensor(name+".start", nil, []int64{0})
	delta := g.IntTensor(name+".delta", nil, []int64{1})
	return g.op("Range", name, Int64, Shape{Symbol(symbol)}, []*Value{start, limit, delta})
}

// Split appends the n equal parts of x along its first dimension, whose size
// is then the symbol if it was one, or an nth.
func (g *Graph) Split(name string, x *Value, n int, symbol string) []*Value {
	if !g.has("Split", name, x, 0) || n < 1 {
		g.Fail("Split %q: %d parts are fewer than 1", name, n)
		return nil
	}
	part := typed{".out", x.Elem, append(Shape{Symbol(symbol)}, x.Shape[1:]...)}
	if x.Shape[0].Symbol == "" {
		if x.Shape[0].Size%int64(n) != 0 {
			g.Fail("Split %q: %s has no %d equal parts", name, x, n)
		}
		part.shape[0] = Fixed(int(x.Shape[0].Size) / n)
	}
	outputs := make([]typed, n)
	for i := range outputs {
		outputs[i] = part
	}
	return slices.Clone(g.node("", "Split", name, []*Value{x}, []Attribute{{"axis", int64(0)}}, outputs...))
}

// Concat appends the parts joined along a dimension, whose size is then the
// given one.
func (g *Graph) Concat(name string, parts []*Value, axis int, size Dim) *Value {
	if len(parts) == 0 {
		g.Fail("Concat %q: there are no parts", name)
		return nil
	}
	for _, p := range parts {
		if !g.has("Concat", name, p, axis) {
			return p
		}
	}
	shape := slices.Clone(parts[0].Shape)
	shape[axis] = size
	for _, p := range parts[1:] {
		like := slices.Clone(p.Shape)
		like[axis] = size
		if p.Elem != parts[0].Elem || !like.Equal(shape) {
			g.Fail("Concat %q: %s and %s do not fit along dimension %d", name, parts[0], p, axis)
		}
	}
	return g.op("Concat", name, parts[0].Elem, shape, parts, Attribute{"axis", int64(axis)})
}

// Gather appends the parts of x at the indices along a dimension, in whose
// place are those of the indices.
func (g *Graph) Gather(name string, x, indices *Value, axis int) *Value {
	if !g.has("Gather", name, x, axis) || !g.given("Gather", name, x, indices) {
		return x
	}
	shape := slices.Concat(x.Shape[:axis], indices.Shape, x.Shape[axis+1:])
	return g.op("Gather", name, x.Elem, shape, []*Value{x, indices}, Attribute{"axis", int64(axis)})
}

// ScatterAdd appends the vector `into` with each element of the vector
// `updates` added at its index.
func (g *Graph) ScatterAdd(name string, into, indices, updates *Value) *Value {
	return g.op("ScatterElements", name, into.Elem, into.Shape, []*Value{into, indices, updates},
		Attribute{"axis", int64(0)}, Attribute{"reduction", "add"})
}

// Upsample appends x [n, c, h, w] with every element repeated kh x kw times.
func (g *Graph) Upsample(name string, x *Value, kh, kw int) *Value {
	if !g.expect("Resize", name, x, Float, 4, 1) {
		return x
	}
	if kh < 1 || kw < 1 {
		g.Fail("Resize %q: %s repeated %dx%d times", name, x, kh, kw)
		return x
	}
	scales := g.Floats(name+".scales", []int{4}, []float32{1, 1, float32(kh), float32(kw)})
	s := x.fixed(2)
	shape := Shape{x.Shape[0], x.Shape[1], Fixed(s[0] * kh), Fixed(s[1] * kw)}
	return g.op("Resize", name, x.Elem, shape, []*Value{x, nil, scales},
		Attribute{"coordinate_transformation_mode", "asymmetric"},
		Attribute{"mode", "nearest"}, Attribute{"nearest_mode", "floor"})
}

// Turn180 appends x [a, b, h, w] with its rows and columns in reverse.
func (g *Graph) Turn180(name string, x *Value) *Value {
	const begin, end = -1, -1 << 31 // from the last element to before the first
	inputs := []*Value{
		x, g.Ints(name+".begin", begin, begin), g.Ints(name+".end", end, end),
		g.Ints(name+".axes", 2, 3), g.Ints(name+".steps", -1, -1),
	}
	return g.op("Slice", name, x.Elem, x.Shape, inputs)
}

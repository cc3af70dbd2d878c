package op

import (
	"errors"
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Resize resizes by constant scales, with those attributes for which ONNX Runtime's
// kernels follow ONNX's definition. For everything else that models may have, see resizevariants.go.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "Resize", Takes: Takes("X", "roi?", "scales?", "sizes?"), Gives: Gives("Y"),
		Fields: Fields("coordinate_transformation_mode", "half_pixel", "mode", "nearest", "nearest_mode", "round_prefer_floor",
			"cubic_coeff_a", float32(-0.75), "exclude_outside", int64(0), "extrapolation_value", float32(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, scales := n.In("X"), n.In("scales")
		if scales == nil || !scales.Constant() || scales.Elem != graph.Float || len(scales.Floats()) != len(x.Shape) {
			return nil, fmt.Errorf("the scales are not constants, one for each dimension of %s", x)
		}
		shape := slices.Clone(x.Shape)
		for i, s := range scales.Floats() {
			if s != 1 && shape[i].Symbol != "" {
				return nil, fmt.Errorf("%s cannot be resized along dimension %d, which is symbolic", x, i)
			}
			shape[i].Size = int64(scaled(int(shape[i].Size), s))
		}
		if _, err := resizing(n, x.Shape.Sizes(), scales.Floats()); err != nil {
			return nil, err
		}
		return typed(x.Elem, shape)
	},
	Gradient: resizeGradient,
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		if len(in) < 3 || in[2] == nil || in[2].Elem != graph.Float || in[2].Len() != len(in[0].Shape) {
			return nil, errors.New("the scales are missing")
		}
		list, err := resizing(n, in[0].Shape, in[2].Floats)
		if err != nil {
			return nil, err
		}
		x := in[0]
		for axis, t := range list {
			if !t.identity() {
				if x, err = sampled(x, axis, t); err != nil {
					return nil, err
				}
			}
		}
		return one(x)
	},
})

// unchanged stands for the taps of a dimension that is not resized, whatever its size.
var unchanged = taps{size: 1, count: 1, at: []int{0}, weights: []float64{1}}

// scaled returns the size of a dimension after resizing (ONNX Resize-13).
func scaled(size int, scale float32) int { return int(float32(size) * scale) }

// resizing returns, for each dimension, which elements of the input the node reads. Symbolic
// dimensions, which are never resized, may have any size in sizes.
func resizing(n *graph.Node, sizes []int, scales []float32) ([]taps, error) {
	s, err := samplingOf(n)
	if err != nil {
		return nil, err
	}
	if s.coordinates == "tf_crop_and_resize" || s.coordinates == "half_pixel_symmetric" {
		return nil, fmt.Errorf("attribute \"coordinate_transformation_mode\" is %q, which this operator does not support", s.coordinates)
	}
	list := make([]taps, len(sizes))
	for i, size := range sizes {
		if scales[i] == 1 {
			list[i] = unchanged
			continue
		}
		dim, err := s.forSizes(size, scaled(size, scales[i]), float64(scales[i]))
		if err != nil {
			return nil, err
		}
		list[i] = dim.taps(dim.kernelPosition)
	}
	return list, nil
}

// resizeGradient returns dx: for each element of x, the sum of dy over the elements of y that read
// it, times its weights there. If elements are only repeated, an AveragePool computes that; else a
// product with the transposed matrix of weights does, one dimension at a time.
func resizeGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, d := n.In("X"), dy[0]
	grads := make([]*graph.Value, len(n.Inputs))
	list, err := resizing(n, x.Shape.Sizes(), n.In("scales").Floats())
	if err != nil {
		b.Fail("differentiate %q: %w", n.Name, err)
		return grads
	}
	if grads[0] = b.repeatGradient(n.Name, d, list); grads[0] != nil {
		return grads
	}
	for axis, t := range list {
		if !t.identity() {
			m := t.matrix()
			d = b.applyMatrix(fmt.Sprint(n.Name, ".", axis), d, axis, transposed(m, t.size), t.size)
		}
	}
	grads[0] = d
	return grads
}

// repeatGradient appends the gradient if all elements of images are repeated equally often. Else it
// returns nil.
func (b *Backward) repeatGradient(name string, d *graph.Value, list []taps) *graph.Value {
	times := make([]int, len(list))
	for i, t := range list {
		times[i] = t.repeats()
	}
	if len(list) < 4 || len(list) > 5 || times[0] != 1 || times[1] != 1 || slices.Contains(times, 0) {
		return nil
	}
	k := times[2:]
	w := Sliding{Kernel: k, Strides: k, Dilations: ones(len(k)), Before: make([]int, len(k)), After: make([]int, len(k))}
	mean := b.one("AveragePool", name+".mean", []*graph.Value{d}, w.Attributes()...)
	return b.Binary("Mul", name, mean, b.As(d.Elem, b.Scalar(name+".times", float32(product(k)))))
}

// transposed returns the transpose of a matrix with the given number of columns.
func transposed(m []float64, columns int) []float64 {
	t, rows := make([]float64, len(m)), len(m)/max(columns, 1)
	for i := range m {
		t[i%columns*rows+i/columns] = m[i]
	}
	return t
}

// applyMatrix appends x with the matrix m, which has the given number of rows, applied along one
// dimension.
func (b Builder) applyMatrix(name string, x *graph.Value, axis int, m []float64, rows int) *graph.Value {
	if b.Err() != nil {
		return x
	}
	last, columns := len(x.Shape)-1, len(m)/max(rows, 1)
	if axis == last-1 {
		return b.MatMul(name, b.matrixOf(name, x, m, rows, columns), x)
	}
	right := b.matrixOf(name, x, transposed(m, columns), columns, rows)
	if axis == last {
		return b.MatMul(name, x, right)
	}
	order := make([]int, len(x.Shape))
	for i := range order {
		order[i] = i
	}
	order[axis], order[last] = last, axis
	y := b.MatMul(name, b.Transpose(name+".last", x, order...), right)
	return b.Transpose(name+".back", y, order...)
}

// matrixOf appends m as a constant matrix of the element type of x.
func (b Builder) matrixOf(name string, x *graph.Value, m []float64, rows, columns int) *graph.Value {
	t := &Tensor{Elem: graph.Double, Shape: []int{rows, columns}, Doubles: m}
	c, err := Converted(t, x.Elem)
	if err != nil {
		b.Fail("Resize %q: %w", name, err)
		return x
	}
	return b.constant(name+".weights", c)
}

// sampled returns x resized along one dimension, as the taps describe.
func sampled(x *Tensor, axis int, t taps) (*Tensor, error) {
	out := len(t.at) / max(t.count, 1)
	shape := slices.Clone(x.Shape)
	shape[axis] = out
	y, err := newTensor(x.Elem, shape...)
	if err != nil {
		return nil, err
	}
	inner, size := product(shape[axis+1:]), x.Shape[axis]
	err = parallel(product(shape[:axis]), func(outer int) {
		from, to := outer*size*inner, outer*out*inner
		switch {
		case x.Doubles != nil:
			sampleInto(y.Doubles[to:to+out*inner], x.Doubles[from:from+size*inner], t, inner)
		case x.Floats != nil:
			sampleInto(y.Floats[to:to+out*inner], x.Floats[from:from+size*inner], t, inner)
		default:
			sampleInto(y.Ints[to:to+out*inner], x.Ints[from:from+size*inner], t, inner)
		}
	})
	y.round()
	return y, err
}

func sampleInto[T float32 | float64 | int64](y, x []T, t taps, inner int) {
	for i := range len(y) / max(inner, 1) {
		row := y[i*inner : (i+1)*inner]
		for k := i * t.count; k < (i+1)*t.count; k++ {
			from := x[t.at[k]*inner : (t.at[k]+1)*inner]
			if t.weights[k] == 1 {
				for j, v := range from {
					row[j] += v
				}
				continue
			}
			weight := T(t.weights[k])
			for j, v := range from {
				row[j] += weight * v
			}
		}
	}
}

// Upsample appends images x [n, c, …] with every element repeated times[i] times in dimension i
// after the channels.
func (b Builder) Upsample(name string, x *graph.Value, times ...int) *graph.Value {
	if slices.ContainsFunc(times, func(n int) bool { return n < 1 }) || x == nil || len(x.Shape) != 2+len(times) {
		b.Fail("Resize %q: input %v cannot be repeated %v times", name, x, times)
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

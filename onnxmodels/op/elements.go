package op

import (
	"fmt"
	"runtime"

	"onnxlab/onnxmodels/graph"
)

// This file holds what elementwise operators share: the element types that they accept, and the
// loops of their evaluation in pure Go.

// kind is a set of element types that an operator accepts.
type kind struct {
	name string
	has  func(e graph.Elem) bool
}

// The kinds of elements.
var (
	anything = kind{"any type", func(e graph.Elem) bool { return e.Size() > 0 }}
	numbers  = kind{"numbers", func(e graph.Elem) bool { return e != graph.Bool && e.Size() > 0 }}
	floats   = kind{"floating-point numbers", graph.Elem.Floating}
	signed   = kind{"signed numbers", func(e graph.Elem) bool {
		return e.Floating() || e == graph.Int8 || e == graph.Int16 || e == graph.Int32 || e == graph.Int64
	}}
	integers = kind{"integers", func(e graph.Elem) bool { return numbers.has(e) && !e.Floating() }}
	unsigned = kind{"unsigned integers", func(e graph.Elem) bool { return numbers.has(e) && !signed.has(e) }}
	booleans = kind{"booleans", func(e graph.Elem) bool { return e == graph.Bool }}
)

// check returns an error if a value is not of the kind.
func (k kind) check(values ...*graph.Value) error {
	for _, v := range values {
		if v != nil && !k.has(v.Elem) {
			return fmt.Errorf("input %s, want %s", v, k.name)
		}
	}
	return nil
}

// same is the Infer function of operators of this kind whose output has the type of the first
// input.
func (k kind) same(n *graph.Node) ([]graph.Type, error) {
	if err := k.check(n.Inputs[0]); err != nil {
		return nil, err
	}
	return FirstType(n)
}

// broadcast is the Infer function of operators of this kind whose inputs have one type and are
// broadcast.
func (k kind) broadcast(n *graph.Node) ([]graph.Type, error) {
	if err := k.check(n.Inputs...); err != nil {
		return nil, err
	}
	return inferBinary(n)
}

// parallelFrom is the number of elements that make another goroutine worthwhile.
const parallelFrom = 1 << 14

// spans calls work for consecutive parts of the elements 0 to n, in parallel if there are many
// elements.
func spans(n int, work func(from, to int)) error {
	parts := min(runtime.GOMAXPROCS(0), n/parallelFrom)
	if parts < 2 {
		work(0, n)
		return nil
	}
	return parallel(parts, func(i int) { work(n*i/parts, n*(i+1)/parts) })
}

// mapped applies f to each element and rounds the results to the type of x. Integers drop the
// fraction.
func mapped(x *Tensor, f func(float64) float64) ([]*Tensor, error) {
	y, err := newTensor(x.Elem, x.Shape...)
	if err != nil {
		return nil, err
	}
	return []*Tensor{y}, spans(y.Len(), func(from, to int) {
		switch {
		case x.Doubles != nil:
			for i, v := range x.Doubles[from:to] {
				y.Doubles[from+i] = f(v)
			}
		case x.Elem == graph.Float:
			for i, v := range x.Floats[from:to] {
				y.Floats[from+i] = float32(f(float64(v)))
			}
		default:
			for i := from; i < to; i++ {
				y.set(i, f(x.At(i)))
			}
		}
	})
}

// mappedInts applies f to each element of a tensor of integers.
func mappedInts(x *Tensor, f func(elem graph.Elem, x int64) int64) ([]*Tensor, error) {
	y, err := newTensor(x.Elem, x.Shape...)
	if err != nil {
		return nil, err
	}
	return []*Tensor{y}, spans(y.Len(), func(from, to int) {
		for i, v := range x.Ints[from:to] {
			y.Ints[from+i] = wrap(x.Elem, f(x.Elem, v))
		}
	})
}

// run is a row of elements of a broadcast result for which the offset into each input advances
// by a constant step.
type run struct {
	to, length int   // offset and length in the result
	at, by     []int // for each input, the offset of the first element and the step
}

// runs broadcasts the inputs to the shape of the result and calls work for each of its rows, in
// parallel if there are many elements.
func runs(shape []int, in []*Tensor, work func(r run)) error {
	steps := make([][]int, len(in))
	for i, x := range in {
		steps[i] = strides(x.Shape, shape)
	}
	shape, steps = merged(shape, steps)
	total, inner := product(shape), product(shape[1:])
	if total == 0 {
		return nil
	}
	parts := min(runtime.GOMAXPROCS(0), total/parallelFrom, shape[0])
	if parts < 2 {
		eachRun(shape, steps, 0, make([]int, len(in)), work)
		return nil
	}
	return parallel(parts, func(i int) {
		from, to := shape[0]*i/parts, shape[0]*(i+1)/parts
		start := make([]int, len(in))
		for k := range start {
			start[k] = from * steps[k][0]
		}
		eachRun(append([]int{to - from}, shape[1:]...), steps, from*inner, start, work)
	})
}

// eachRun calls work for the rows of a shape, which has at least one dimension. The rows begin
// at offset `to` in the result and at the offsets start in the inputs.
func eachRun(shape []int, steps [][]int, to int, start []int, work func(r run)) {
	last := len(shape) - 1
	index := make([]int, last)
	r := run{to: to, length: shape[last], at: make([]int, len(steps)), by: make([]int, len(steps))}
	for {
		for k, s := range steps {
			r.at[k], r.by[k] = start[k], s[last]
			for d, i := range index {
				r.at[k] += i * s[d]
			}
		}
		work(r)
		r.to += r.length
		if !next(index, shape) {
			return
		}
	}
}

// merged joins neighbouring dimensions that every input can step through as one, and drops
// dimensions of size 1.
func merged(shape []int, steps [][]int) ([]int, [][]int) {
	var sizes []int
	strides := make([][]int, len(steps))
	for d, size := range shape {
		last := len(sizes) - 1
		joins := last >= 0
		for k := range steps {
			joins = joins && strides[k][last] == steps[k][d]*size
		}
		switch {
		case size == 1:
			continue
		case joins:
			sizes[last] *= size
		default:
			sizes = append(sizes, size)
			last++
		}
		for k := range steps {
			strides[k] = append(strides[k][:last], steps[k][d])
		}
	}
	if sizes != nil {
		return sizes, strides
	}
	for k := range strides {
		strides[k] = []int{0}
	}
	return []int{1}, strides
}

// arithmetic computes a row of an operator of two inputs: y[k] from a[k·da] and b[k·db]. A step
// da or db is 0 where one element is broadcast to the whole row. The caller rounds 16-bit
// numbers and wraps integers afterwards.
type arithmetic struct {
	floats  func(y, a, b []float32, da, db int)
	doubles func(y, a, b []float64, da, db int)
	ints    func(elem graph.Elem, y, a, b []int64, da, db int)
}

// pairwise returns the arithmetic that applies a function to each pair of elements.
func pairwise(float func(a, b float64) float64, whole func(elem graph.Elem, a, b int64) int64) arithmetic {
	return arithmetic{
		floats: func(y, a, b []float32, da, db int) {
			for k := range y {
				y[k] = float32(float(float64(a[k*da]), float64(b[k*db])))
			}
		},
		doubles: func(y, a, b []float64, da, db int) {
			for k := range y {
				y[k] = float(a[k*da], b[k*db])
			}
		},
		ints: func(elem graph.Elem, y, a, b []int64, da, db int) {
			for k := range y {
				y[k] = whole(elem, a[k*da], b[k*db])
			}
		},
	}
}

// of computes the operator on two tensors of one type.
func (f arithmetic) of(a, b *Tensor) (*Tensor, error) {
	if a.Elem != b.Elem {
		return nil, fmt.Errorf("inputs %s and %s differ in type", a, b)
	}
	shape, err := broadcastSizes(a.Shape, b.Shape)
	if err != nil {
		return nil, err
	}
	y, err := newTensor(a.Elem, shape...)
	if err != nil {
		return nil, err
	}
	return y, runs(shape, []*Tensor{a, b}, func(r run) {
		i, j, to, end := r.at[0], r.at[1], r.to, r.to+r.length
		switch {
		case y.Doubles != nil:
			f.doubles(y.Doubles[to:end], a.Doubles[i:], b.Doubles[j:], r.by[0], r.by[1])
		case y.Floats != nil:
			f.floats(y.Floats[to:end], a.Floats[i:], b.Floats[j:], r.by[0], r.by[1])
		default:
			f.ints(y.Elem, y.Ints[to:end], a.Ints[i:], b.Ints[j:], r.by[0], r.by[1])
		}
		y.fit(to, end)
	})
}

// fit rounds or wraps the elements from..to to their type.
func (t *Tensor) fit(from, to int) {
	switch t.Elem {
	case graph.Float, graph.Double, graph.Int64, graph.Uint64:
	case graph.Float16, graph.BFloat16:
		for i, v := range t.Floats[from:to] {
			t.Floats[from+i] = rounded(t.Elem, float64(v))
		}
	default:
		for i, v := range t.Ints[from:to] {
			t.Ints[from+i] = wrap(t.Elem, v)
		}
	}
}

// ordered maps an integer to an int64 that sorts as the integer's own type does. It differs
// from v only for uint64, and is its own inverse.
func ordered(elem graph.Elem, v int64) int64 {
	if elem == graph.Uint64 {
		return v ^ -1<<63
	}
	return v
}

package op

import (
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"onnxlab/onnxmodels/graph"
)

// Tensor is a value in pure Go, in row-major order.
type Tensor struct {
	Elem  graph.Elem
	Shape []int
	// Floats holds the elements of graph.Float, and those of graph.Float16 and
	// graph.BFloat16, each rounded to what its type can hold.
	Floats []float32
	// Doubles holds the elements of graph.Double.
	Doubles []float64
	// Ints holds integers and booleans. An element of graph.Uint64 beyond 2⁶³−1 has the
	// bits of its number.
	Ints []int64
}

// ElementLimit is how many elements a tensor may have: a gigabyte of float32.
const ElementLimit = 1 << 28

// String tells the type and the shape, for messages.
func (t *Tensor) String() string { return fmt.Sprintf("%s%v", t.Elem, t.Shape) }

// Len is how many elements the tensor holds.
func (t *Tensor) Len() int { return len(t.Floats) + len(t.Doubles) + len(t.Ints) }

// newTensor is a new tensor of zeros.
func newTensor(elem graph.Elem, shape ...int) (*Tensor, error) {
	n, err := elements(shape)
	if err != nil {
		return nil, err
	}
	t := &Tensor{Elem: elem, Shape: shape}
	switch {
	case elem == graph.Double:
		t.Doubles = make([]float64, n)
	case elem.Floating():
		t.Floats = make([]float32, n)
	default:
		t.Ints = make([]int64, n)
	}
	return t, nil
}

// newFloats is a new tensor of float32 zeros.
func newFloats(shape ...int) (*Tensor, error) { return newTensor(graph.Float, shape...) }

// elements is the number of elements of a shape, or an error if it is not a shape
// or has more than the limit.
func elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > ElementLimit || n*d > ElementLimit {
			return 0, fmt.Errorf("a value of shape %v is negative or has more than %d elements", shape, ElementLimit)
		}
		n *= d
	}
	return n, nil
}

// extend appends the elements [from, to) of x, which is of the same type.
func (t *Tensor) extend(x *Tensor, from, to int) {
	switch {
	case x.Floats != nil:
		t.Floats = append(t.Floats, x.Floats[from:to]...)
	case x.Doubles != nil:
		t.Doubles = append(t.Doubles, x.Doubles[from:to]...)
	default:
		t.Ints = append(t.Ints, x.Ints[from:to]...)
	}
}

// empty is a tensor of a type and a shape, with room for its elements but none of them.
func empty(elem graph.Elem, shape ...int) (*Tensor, error) {
	t, err := newTensor(elem, shape...)
	if err != nil {
		return nil, err
	}
	t.Floats, t.Doubles, t.Ints = t.Floats[:0], t.Doubles[:0], t.Ints[:0]
	return t, nil
}

// one is a list of one tensor: what most operators give.
func one(t *Tensor) ([]*Tensor, error) { return []*Tensor{t}, nil }

// reshaped is the tensor's elements in another shape of as many.
func (t *Tensor) reshaped(shape ...int) *Tensor {
	r := *t
	r.Shape = shape
	return &r
}

// want checks an input's type and rank; a rank of -1 is any.
func (t *Tensor) want(what string, elem graph.Elem, rank int) error {
	switch {
	case t == nil:
		return fmt.Errorf("%s is missing", what)
	case t.Elem != elem:
		return fmt.Errorf("%s is %s, want %s", what, t, elem)
	case rank >= 0 && len(t.Shape) != rank:
		return fmt.Errorf("%s is %s, want %d dimensions", what, t, rank)
	}
	return nil
}

// product is the number of elements of dimensions that a tensor has.
func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// broadcastSizes returns the shape that a and b have together.
func broadcastSizes(a, b []int) ([]int, error) {
	if len(a) < len(b) {
		a, b = b, a
	}
	shape := append([]int{}, a...)
	offset := len(a) - len(b)
	for i, d := range b {
		switch s := &shape[offset+i]; {
		case *s == 1:
			*s = d
		case d != 1 && d != *s:
			return nil, fmt.Errorf("shapes %v and %v cannot be broadcast", a, b)
		}
	}
	return shape, nil
}

// strides are how far apart the elements of a tensor of shape s are along the
// dimensions of the shape it is broadcast to: 0 where one is repeated.
func strides(s, to []int) []int {
	steps := make([]int, len(to))
	n := 1
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != 1 {
			steps[len(to)-len(s)+i] = n
		}
		n *= s[i]
	}
	return steps
}

// picked is a tensor of the shape whose element i is the one of x that from(i) tells, and 0
// where that is -1.
func picked(x *Tensor, shape []int, from func(i int) int) (*Tensor, error) {
	y, err := newTensor(x.Elem, shape...)
	if err != nil {
		return nil, err
	}
	pickInto(y.Floats, x.Floats, from)
	pickInto(y.Doubles, x.Doubles, from)
	pickInto(y.Ints, x.Ints, from)
	return y, nil
}

func pickInto[T any](y, x []T, from func(i int) int) {
	for i := range y {
		if k := from(i); k >= 0 {
			y[i] = x[k]
		}
	}
}

// walk calls row for each row along the last dimension of shape: its place and
// length, where it begins in two tensors of strides a and b, and by how much
// each goes on.
func walk(shape, a, b []int, row func(to, n, i, j, di, dj int)) {
	last := len(shape) - 1
	if last < 0 {
		row(0, 1, 0, 0, 0, 0)
		return
	}
	if product(shape) == 0 {
		return
	}
	index := make([]int, last)
	for to := 0; ; to += shape[last] {
		i, j := 0, 0
		for d, k := range index {
			i += k * a[d]
			j += k * b[d]
		}
		row(to, shape[last], i, j, a[last], b[last])
		if !next(index, shape) {
			return
		}
	}
}

// next moves on to the next index of the shape's first dimensions and tells
// whether there is one.
func next(index, shape []int) bool {
	for d := len(index) - 1; d >= 0; d-- {
		if index[d]++; index[d] < shape[d] {
			return true
		}
		index[d] = 0
	}
	return false
}

// parallel calls work for 0..n-1, on as many goroutines as there are
// processors. A panic there would end the process; here it is an error.
func parallel(n int, work func(i int)) error {
	if n == 1 {
		work(0)
		return nil
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		group.Go(func() (err error) {
			defer Recovered(&err)
			work(i)
			return nil
		})
	}
	return group.Wait()
}

// Recovered makes a panic the error. It is to be deferred.
func Recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
	}
}

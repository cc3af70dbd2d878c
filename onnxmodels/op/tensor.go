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
	// graph.BFloat16, each rounded to its type.
	Floats []float32
	// Doubles holds the elements of graph.Double.
	Doubles []float64
	// Ints holds integers and booleans. An element of graph.Uint64 is stored as the int64
	// with the same bits.
	Ints []int64
}

// ElementLimit is the most elements that a tensor may have: a gigabyte of float32.
const ElementLimit = 1 << 28

// String returns the type and the shape, for messages.
func (t *Tensor) String() string { return fmt.Sprintf("%s%v", t.Elem, t.Shape) }

// Len returns the number of elements.
func (t *Tensor) Len() int { return len(t.Floats) + len(t.Doubles) + len(t.Ints) }

// newTensor returns a new tensor of zeros, or an error if the shape is invalid or too large.
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

// newFloats returns a new tensor of float32 zeros.
func newFloats(shape ...int) (*Tensor, error) { return newTensor(graph.Float, shape...) }

// elements returns the number of elements of a shape, or an error if a size is negative or the
// number exceeds ElementLimit.
func elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > ElementLimit || n*d > ElementLimit {
			return 0, fmt.Errorf("shape %v is negative or has more than %d elements", shape, ElementLimit)
		}
		n *= d
	}
	return n, nil
}

// extend appends the elements [from, to) of x, which must have the same type.
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

// empty returns a tensor with a type and a shape whose elements are still missing: the caller
// appends them with extend.
func empty(elem graph.Elem, shape ...int) (*Tensor, error) {
	t, err := newTensor(elem, shape...)
	if err != nil {
		return nil, err
	}
	t.Floats, t.Doubles, t.Ints = t.Floats[:0], t.Doubles[:0], t.Ints[:0]
	return t, nil
}

// one returns a list of one tensor, the result of most Eval functions.
func one(t *Tensor) ([]*Tensor, error) { return []*Tensor{t}, nil }

// reshaped returns the tensor with another shape, which must have as many elements. Both share
// their elements.
func (t *Tensor) reshaped(shape ...int) *Tensor {
	r := *t
	r.Shape = shape
	return &r
}

// want checks an input's type and rank. A rank of −1 accepts any.
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

// product returns the product of sizes. The caller knows that it does not overflow.
func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// broadcastSizes returns the shape to which a and b are broadcast.
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

// strides returns the distances between neighbouring elements of a tensor of shape s along the
// dimensions of the shape that it is broadcast to: 0 where an element is repeated.
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

// picked returns a tensor of the shape whose element i is element from(i) of x, or 0 if from(i)
// is −1.
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

// walk calls row for each row along the last dimension of a shape. In a tensor of that shape
// whose elements lie side by side, the row has n elements and begins at offset `to`. In two other
// tensors, of strides a and b, it begins at the offsets i and j and advances by di and dj. With
// one other tensor, callers give its strides twice and ignore j and dj.
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

// next advances the index, which goes over the first len(index) dimensions of the shape, and
// reports whether there is a next one. After the last it starts again at 0.
func next(index, shape []int) bool {
	for d := len(index) - 1; d >= 0; d-- {
		if index[d]++; index[d] < shape[d] {
			return true
		}
		index[d] = 0
	}
	return false
}

// parallel calls work for 0..n-1, on as many goroutines as there are processors. A panic in a
// goroutine would end the process, so parallel returns it as an error.
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

// Recovered turns a panic into an error. Use it in a defer statement.
func Recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
	}
}

package gorun

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Value is a tensor under a name of the graph, in row-major order.
type Value struct {
	Name  string
	Shape []int
	Elem  graph.Elem
	// One of these holds the elements: of graph.Float, graph.Uint8 or
	// graph.Int64.
	Float32 []float32
	Uint8   []uint8
	Int64   []int64
}

// elementLimit is how many elements a value may have: a gigabyte of float32.
const elementLimit = 1 << 28

// size is the number of elements of a shape, or an error if it is not a shape
// or has more than the limit.
func size(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > elementLimit || n*d > elementLimit {
			return 0, fmt.Errorf("a value of shape %v is negative or has more than %d elements", shape, elementLimit)
		}
		n *= d
	}
	return n, nil
}

// floats is a new value of zeros.
func floats(shape ...int) (*Value, error) {
	n, err := size(shape)
	if err != nil {
		return nil, err
	}
	return &Value{Shape: shape, Elem: graph.Float, Float32: make([]float32, n)}, nil
}

// reshaped is the value's elements in another shape of as many.
func (v *Value) reshaped(shape ...int) *Value {
	r := *v
	r.Shape = shape
	return &r
}

// String tells the type and the shape, for messages.
func (v *Value) String() string { return fmt.Sprintf("%s%v", v.Elem, v.Shape) }

// want checks an input's type and rank; a rank of -1 is any.
func (v *Value) want(what string, elem graph.Elem, rank int) error {
	switch {
	case v == nil:
		return fmt.Errorf("%s is missing", what)
	case v.Elem != elem:
		return fmt.Errorf("%s is %s, want %s", what, v, elem)
	case rank >= 0 && len(v.Shape) != rank:
		return fmt.Errorf("%s is %s, want %d dimensions", what, v, rank)
	}
	return nil
}

// wantVector checks that v is float32 [n].
func (v *Value) wantVector(what string, n int) error {
	if err := v.want(what, graph.Float, 1); err != nil {
		return err
	}
	if v.Shape[0] != n {
		return fmt.Errorf("%s is %s, want [%d]", what, v, n)
	}
	return nil
}

// axis makes an axis that counts from the end one from the start.
func axis(a int64, rank int) (int, error) {
	if a < 0 {
		a += int64(rank)
	}
	if a < 0 || a >= int64(rank) {
		return 0, fmt.Errorf("axis %d is outside %d dimensions", a, rank)
	}
	return int(a), nil
}

// product is the number of elements of dimensions that a value has.
func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

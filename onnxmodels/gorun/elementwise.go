package gorun

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// relu is max(x, 0).
func relu(in []*Value) (*Value, error) {
	if len(in) != 1 {
		return nil, fmt.Errorf("%d inputs, want 1", len(in))
	}
	if err := in[0].want("input", graph.Float, -1); err != nil {
		return nil, err
	}
	y, err := floats(in[0].Shape...)
	if err != nil {
		return nil, err
	}
	for i, v := range in[0].Float32 {
		y.Float32[i] = max(v, 0)
	}
	return y, nil
}

// binary is an operator of two float32 inputs, broadcast as NumPy broadcasts.
func binary(op string) kernel {
	f := map[string]func(a, b float32) float32{
		"Add": func(a, b float32) float32 { return a + b },
		"Sub": func(a, b float32) float32 { return a - b },
		"Mul": func(a, b float32) float32 { return a * b },
		"Div": func(a, b float32) float32 { return a / b },
	}[op]
	return arity(2, 2, func(in []*Value) (*Value, error) {
		a, b := in[0], in[1]
		for i, v := range in {
			if err := v.want(fmt.Sprintf("input %d", i), graph.Float, -1); err != nil {
				return nil, err
			}
		}
		shape, err := broadcast(a.Shape, b.Shape)
		if err != nil {
			return nil, err
		}
		y, err := floats(shape...)
		if err != nil {
			return nil, err
		}
		as, bs := strides(a.Shape, shape), strides(b.Shape, shape)
		walk(shape, as, bs, func(to, n, i, j, di, dj int) {
			for k := range n {
				y.Float32[to+k] = f(a.Float32[i+k*di], b.Float32[j+k*dj])
			}
		})
		return y, nil
	})
}

// broadcast returns the shape that a and b have together.
func broadcast(a, b []int) ([]int, error) {
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

// strides are how far apart the elements of a value of shape s are along the
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

// walk calls row for each row along the last dimension of shape: its place and
// length, where it begins in two values of strides a and b, and by how much
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

// cast converts to float32.
func cast(a *attributes) kernel {
	only(a, "to", int64(graph.Float))
	return arity(1, 1, func(in []*Value) (*Value, error) {
		x := in[0]
		y, err := floats(x.Shape...)
		if err != nil {
			return nil, err
		}
		switch x.Elem {
		case graph.Float:
			copy(y.Float32, x.Float32)
		case graph.Uint8:
			for i, v := range x.Uint8 {
				y.Float32[i] = float32(v)
			}
		case graph.Int64:
			for i, v := range x.Int64 {
				y.Float32[i] = float32(v)
			}
		}
		return y, nil
	})
}

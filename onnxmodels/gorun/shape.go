package gorun

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// transpose is Transpose; without a permutation it reverses the dimensions.
func transpose(a *attributes) kernel {
	perm := take(a, "perm", []int64(nil))
	return arity(1, 1, func(in []*Value) (*Value, error) {
		x := in[0]
		order, err := permutation(perm, len(x.Shape))
		if err != nil {
			return nil, err
		}
		own := strides(x.Shape, x.Shape)
		y := &Value{Elem: x.Elem, Shape: make([]int, len(order))}
		from := make([]int, len(order))
		for i, d := range order {
			y.Shape[i], from[i] = x.Shape[d], own[d]
		}
		switch x.Elem {
		case graph.Float:
			y.Float32 = permuted(x.Float32, y.Shape, from)
		case graph.Uint8:
			y.Uint8 = permuted(x.Uint8, y.Shape, from)
		case graph.Int64:
			y.Int64 = permuted(x.Int64, y.Shape, from)
		}
		return y, nil
	})
}

func permutation(perm []int64, rank int) ([]int, error) {
	order, seen := make([]int, rank), make([]bool, rank)
	for i := range order {
		order[i] = rank - 1 - i
	}
	if perm == nil {
		return order, nil
	}
	if len(perm) != rank {
		return nil, fmt.Errorf("permutation %v of %d dimensions", perm, rank)
	}
	for i, p := range perm {
		if p < 0 || int(p) >= rank || seen[p] {
			return nil, fmt.Errorf("permutation %v of %d dimensions", perm, rank)
		}
		order[i], seen[p] = int(p), true
	}
	return order, nil
}

// permuted reads x along the strides into a value of the shape.
func permuted[T any](x []T, shape, from []int) []T {
	y := make([]T, len(x))
	walk(shape, from, from, func(to, n, i, _, step, _ int) {
		for k := range n {
			y[to+k] = x[i+k*step]
		}
	})
	return y
}

// flatten is Flatten: a matrix of the dimensions before the axis and those from
// it on.
func flatten(a *attributes) kernel {
	along := take(a, "axis", int64(1))
	return arity(1, 1, func(in []*Value) (*Value, error) {
		s := in[0].Shape
		d := along
		if d < 0 {
			d += int64(len(s))
		}
		if d < 0 || d > int64(len(s)) {
			return nil, fmt.Errorf("axis %d is outside the dimensions of input %s", along, in[0])
		}
		return in[0].reshaped(product(s[:d]), product(s[d:])), nil
	})
}

// reshape is Reshape: 0 keeps a dimension, and one -1 takes what is left.
func reshape(a *attributes) kernel {
	only(a, "allowzero", int64(0))
	return arity(2, 2, func(in []*Value) (*Value, error) {
		x := in[0]
		if err := in[1].want("shape", graph.Int64, 1); err != nil {
			return nil, err
		}
		const most = 64 // dimensions, of which networks have 4
		if n := len(in[1].Int64); n > most {
			return nil, fmt.Errorf("shape of %d dimensions, more than %d, for input %s", n, most, x)
		}
		shape, left := make([]int, len(in[1].Int64)), -1
		known := 1
		for i, d := range in[1].Int64 {
			switch {
			case d == -1 && left < 0:
				left = i
				continue
			case d == 0 && i < len(x.Shape):
				d = int64(x.Shape[i])
			case d < 1 || d > elementLimit:
				return nil, fmt.Errorf("shape %v for input %s", in[1].Int64, x)
			}
			if shape[i] = int(d); known <= elementLimit {
				known *= shape[i]
			}
		}
		total := product(x.Shape)
		if left >= 0 && known > 0 {
			shape[left] = total / known
			known *= shape[left]
		}
		if known != total {
			return nil, fmt.Errorf("shape %v does not fit input %s", in[1].Int64, x)
		}
		return x.reshaped(shape...), nil
	})
}

package op

import (
	"fmt"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Operators that fill tensors with a pattern or mask them with one.

// Trilu gives the matrices of the last two dimensions with zeros below or above a
// diagonal.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Trilu", Takes: Takes("input", "k?"), Gives: Gives("output"), Fields: Fields("upper", int64(1))},
	From:   14,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		if len(n.In("input").Shape) < 2 {
			return nil, fmt.Errorf("input %s is not a matrix", n.In("input"))
		}
		return FirstType(n)
	},
	// dx = dy with zeros at the same places
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		dx := b.one("Trilu", n.Name, append([]*graph.Value{dy[0]}, n.Inputs[1:]...), n.Attributes...)
		return []*graph.Value{dx, nil}[:len(n.Inputs)]
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x, k := in[0], int64(0)
		if len(in) > 1 && in[1] != nil {
			if len(in[1].Ints) != 1 {
				return nil, fmt.Errorf("diagonal %s, want one integer", in[1])
			}
			k = in[1].Ints[0]
		}
		if len(x.Shape) < 2 {
			return nil, fmt.Errorf("input %s is not a matrix", x)
		}
		rows, columns := int64(x.Shape[len(x.Shape)-2]), int64(x.Shape[len(x.Shape)-1])
		y, err := picked(x, x.Shape, func(i int) int {
			row, column := int64(i)/columns%rows, int64(i)%columns
			if over := column - row; n.Flag("upper") && over < k || !n.Flag("upper") && over > k {
				return -1
			}
			return i
		})
		return []*Tensor{y}, err
	},
})

// OneHot adds an axis: along it, it puts the second of two values at the index and the
// first everywhere else.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "OneHot", Takes: Takes("indices", "depth", "values"), Gives: Gives("output"), Fields: Fields("axis", int64(-1))},
	From:   9,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		indices := n.In("indices")
		axis, err := axisIn(n.Int("axis"), len(indices.Shape)+1)
		if err != nil {
			return nil, err
		}
		depth := graph.Symbol(n.Name + ".depth")
		if t := TensorOf(n.In("depth")); t != nil && t.Len() == 1 {
			depth = graph.Dim{Size: int64(t.At(0))}
		} else if known := n.In("depth").Known(); len(known) == 1 {
			depth = known[0]
		}
		return typed(n.In("values").Elem, slices.Insert(slices.Clone(indices.Shape), axis, depth))
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		indices, values := in[0], in[2]
		axis, err := axisIn(n.Int("axis"), len(indices.Shape)+1)
		if err != nil {
			return nil, err
		}
		if in[1].Len() != 1 || values.Len() != 2 || !(in[1].At(0) >= 0 && in[1].At(0) <= ElementLimit) {
			return nil, fmt.Errorf("depth %s and values %s, want one number and two numbers", in[1], values)
		}
		depth, inner := int(in[1].At(0)), product(indices.Shape[axis:])
		y, err := picked(values, slices.Insert(slices.Clone(indices.Shape), axis, depth), func(i int) int {
			at := int(indices.At(i/(depth*inner)*inner + i%inner))
			if at < 0 {
				at += depth
			}
			return int(flag(i/inner%depth == at))
		})
		return []*Tensor{y}, err
	},
})

// eyeLike is EyeLike: a matrix of the input's shape with ones on a diagonal.
var (
	eyeSchema = graph.Schema{Op: "EyeLike", Takes: Takes("input"), Gives: Gives("output"), Fields: Fields("dtype", int64(0), "k", int64(0))}

	_ = Register(&Operator{
		Schema: eyeSchema,
		From:   9,
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			x := n.In("input")
			if len(x.Shape) != 2 {
				return nil, fmt.Errorf("input %s is not a matrix", x)
			}
			return typed(eyeType(n, x.Elem), x.Shape)
		},
		Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
			if len(in[0].Shape) != 2 {
				return nil, fmt.Errorf("input %s is not a matrix", in[0])
			}
			y, err := eye(eyeType(n, in[0].Elem), in[0].Shape, n.Int("k"))
			return []*Tensor{y}, err
		},
	})
	// In models, it becomes a constant where the shape is known.
	_ = RegisterVariants(&Variant{Schema: eyeSchema, From: 9, Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x := n.In("input")
		if _, static := x.Shape.Elements(); static && len(x.Shape) == 2 && Elements(x.Shape) <= foldLimit {
			t, err := eye(eyeType(n, x.Elem), x.Shape.Sizes(), n.Int("k"))
			if err != nil {
				return nil, err
			}
			return []*graph.Value{b.constant(n.Name+".out", t)}, nil
		}
		return []*graph.Value{b.one("EyeLike", n.Name, n.Inputs, n.Attributes...)}, nil
	}})
)

// eyeType returns the type that the attribute dtype names, or that of the input without one.
func eyeType(n *graph.Node, of graph.Elem) graph.Elem {
	if to := graph.Elem(n.Int("dtype")); to != 0 {
		return to
	}
	return of
}

func eye(elem graph.Elem, shape []int, diagonal int64) (*Tensor, error) {
	if elem.Size() == 0 {
		return nil, fmt.Errorf("attribute \"dtype\": %s is not supported", elem)
	}
	y, err := newTensor(elem, shape...)
	if err != nil {
		return nil, err
	}
	for row := range shape[0] {
		if column := int64(row) + diagonal; column >= 0 && column < int64(shape[1]) {
			y.set(row*shape[1]+int(column), 1)
		}
	}
	return y, nil
}

// Range gives the numbers from start in steps of delta that are below limit, or above
// it if delta is negative.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Range", Takes: Takes("start", "limit", "delta"), Gives: Gives("output")},
	From:   11,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		start, limit, delta := n.In("start"), n.In("limit"), n.In("delta")
		if limit.Elem != start.Elem || delta.Elem != start.Elem {
			return nil, fmt.Errorf("inputs %s, %s and %s differ in type", start, limit, delta)
		}
		length := graph.Symbol(n.Name + ".length")
		first, last, step := TensorOf(start), TensorOf(limit), TensorOf(delta)
		known := limit.Known()
		switch {
		case first != nil && last != nil && step != nil:
			count, err := stepsOf(first, last, step)
			if err != nil {
				return nil, err
			}
			length = graph.Fixed(count)
		case first != nil && step != nil && len(known) == 1 && first.Len() == 1 && first.At(0) == 0 && step.Len() == 1 && step.At(0) == 1:
			length = known[0] // for example 0, 1, … below the batch size
		}
		return typed(start.Elem, graph.Shape{length})
	},
	Eval: func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
		start, delta := in[0], in[2]
		count, err := stepsOf(start, in[1], delta)
		if err != nil {
			return nil, err
		}
		y, err := newTensor(start.Elem, count)
		if err != nil {
			return nil, err
		}
		for i := range count {
			if y.Ints != nil {
				y.Ints[i] = wrap(y.Elem, start.Ints[0]+int64(i)*delta.Ints[0])
			} else {
				y.set(i, start.At(0)+float64(i)*delta.At(0))
			}
		}
		return one(y)
	},
})

// stepsOf returns how many numbers a Range has.
func stepsOf(start, limit, delta *Tensor) (int, error) {
	if start.Len() != 1 || limit.Len() != 1 || delta.Len() != 1 {
		return 0, fmt.Errorf("start %s, limit %s and delta %s, want one number each", start, limit, delta)
	}
	count := math.Ceil((limit.At(0) - start.At(0)) / delta.At(0))
	if count > ElementLimit || math.IsNaN(count) {
		return 0, fmt.Errorf("a range from %v to %v by %v has no end or more than %d elements", start.At(0), limit.At(0), delta.At(0), ElementLimit)
	}
	return max(int(count), 0), nil
}

// Since opset 27 an attribute names the type in which half-precision ranges are computed. It is
// ignored: the evaluation above always computes in float64.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "Range", Takes: Takes("start", "limit", "delta"), Gives: Gives("output"), Fields: Fields("stash_type", int64(1))},
	From:   27,
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		return []*graph.Value{b.one("Range", n.Name, n.Inputs)}, nil
	},
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

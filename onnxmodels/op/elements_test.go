package op

import (
	"math"
	"slices"
	"testing"

	"onnxlab/onnxmodels/graph"
)

// whole returns a tensor of integers of a type.
func whole(elem graph.Elem, values ...int64) *Tensor {
	return &Tensor{Elem: elem, Shape: []int{len(values)}, Ints: values}
}

// TestIntegers checks elementwise operators where integers wrap, where a division has no
// result, and where the sign matters.
func TestIntegers(t *testing.T) {
	const least, most = math.MinInt64, math.MaxInt64
	for _, c := range []struct {
		op         string
		attributes []graph.Attribute
		in         []*Tensor
		want       []int64
	}{
		{"Add", nil, []*Tensor{whole(graph.Int8, 127, -128, 5), whole(graph.Int8, 1)}, []int64{-128, -127, 6}},
		{"Sub", nil, []*Tensor{whole(graph.Uint16, 0, 7), whole(graph.Uint16, 1, 7)}, []int64{65535, 0}},
		{"Mul", nil, []*Tensor{whole(graph.Int32, 1<<30, -3), whole(graph.Int32, 4, 5)}, []int64{0, -15}},
		{"Div", nil, []*Tensor{whole(graph.Int64, least, -7, 7, 9), whole(graph.Int64, -1, 2, -2, 0)}, []int64{least, -3, -3, 0}},
		{"Div", nil, []*Tensor{whole(graph.Uint64, -1, -2), whole(graph.Uint64, 2, -1)}, []int64{most, 0}},
		{"Mod", nil, []*Tensor{whole(graph.Int32, -7, 7, 7, -6, 3), whole(graph.Int32, 3, -3, 3, 3, 0)}, []int64{2, -2, 1, 0, 0}},
		{"Mod", []graph.Attribute{{Name: "fmod", Value: int64(1)}}, []*Tensor{whole(graph.Int32, -7, 7), whole(graph.Int32, 3, -3)}, []int64{-1, 1}},
		{"Mod", nil, []*Tensor{whole(graph.Uint64, -1), whole(graph.Uint64, 10)}, []int64{5}},
		{"Max", nil, []*Tensor{whole(graph.Uint64, -1, 3), whole(graph.Uint64, 1, 4)}, []int64{-1, 4}},
		{"Min", nil, []*Tensor{whole(graph.Int64, -1, 3), whole(graph.Int64, 1, 4), whole(graph.Int64, 2)}, []int64{-1, 2}},
		{"Less", nil, []*Tensor{whole(graph.Uint64, -1, 1), whole(graph.Uint64, 1, -1)}, []int64{0, 1}},
		{"Greater", nil, []*Tensor{whole(graph.Int64, most), whole(graph.Int64, most-1)}, []int64{1}}, // equal in float64
		{"Abs", nil, []*Tensor{whole(graph.Int8, -128, -3)}, []int64{-128, 3}},
		{"Sign", nil, []*Tensor{whole(graph.Uint64, -1, 0)}, []int64{1, 0}},
		{"Pow", nil, []*Tensor{whole(graph.Int64, 3, -2, 2, 0), whole(graph.Int64, 39, 3, -1, 0)}, []int64{4052555153018976267, -8, 0, 1}},
		{"Pow", nil, []*Tensor{whole(graph.Int32, 9, 10, 2), {Elem: graph.Float, Shape: []int{1}, Floats: []float32{0.5}}}, []int64{3, 3, 1}},
		{"BitShift", []graph.Attribute{{Name: "direction", Value: "LEFT"}}, []*Tensor{whole(graph.Uint8, 200, 1), whole(graph.Uint8, 1, 9)}, []int64{144, 0}},
		{"BitShift", []graph.Attribute{{Name: "direction", Value: "RIGHT"}}, []*Tensor{whole(graph.Uint64, -1), whole(graph.Uint64, 63)}, []int64{1}},
	} {
		o := Lookup("", c.op)
		out, err := o.Eval(&graph.Node{Schema: &o.Schema, Attributes: c.attributes}, c.in)
		if err != nil || !slices.Equal(out[0].Ints, c.want) {
			t.Errorf("%s of %v gives %v, %v, want %v", c.op, c.in, out, err, c.want)
		}
	}
}

// TestRuns checks that a large broadcast product, which several goroutines compute, has the
// elements that a plain loop gives.
func TestRuns(t *testing.T) {
	a, b := whole(graph.Int64), whole(graph.Int64)
	a.Shape, b.Shape = []int{3, 7, 1, 40}, []int{1, 7, 60, 1}
	for i := range product(a.Shape) {
		a.Ints = append(a.Ints, int64(i+1))
	}
	for i := range product(b.Shape) {
		b.Ints = append(b.Ints, int64(1000*i+1))
	}
	y, err := arithmetic{ints: ofAnyType(mulRow[int64])}.of(a, b)
	if err != nil || !slices.Equal(y.Shape, []int{3, 7, 60, 40}) || y.Len() < 2*parallelFrom {
		t.Fatalf("the product is %v, %v", y, err)
	}
	for i, got := range y.Ints {
		n, c, h, w := i/(7*60*40), i/(60*40)%7, i/40%60, i%40
		if want := a.Ints[(n*7+c)*40+w] * b.Ints[c*60+h]; got != want {
			t.Fatalf("element %d is %d, want %d", i, got, want)
		}
	}
}

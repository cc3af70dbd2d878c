package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Operators on the bits of integers.

// bitShift is BitShift of unsigned integers.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "BitShift", Takes: Takes("X", "Y"), Gives: Gives("Z"), Fields: Fields("direction", Required{""})},
	From:   11, Until: 27,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		if d := n.Text("direction"); d != "LEFT" && d != "RIGHT" {
			return nil, fmt.Errorf("attribute \"direction\" is %q, want LEFT or RIGHT", d)
		}
		return unsigned.broadcast(n)
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		f := rightShift
		if n.Text("direction") == "LEFT" {
			f = leftShift
		}
		y, err := f.of(in[0], in[1])
		return []*Tensor{y}, err
	},
})

var (
	leftShift  = pairwise(nil, func(_ graph.Elem, x, y int64) int64 { return int64(uint64(x) << uint64(y)) })
	rightShift = pairwise(nil, func(_ graph.Elem, x, y int64) int64 { return int64(uint64(x) >> uint64(y)) })
)

// Since opset 28 signed integers are shifted, too, and since 18 there are operators on bits.
// Graphs have neither: these are said in integers of 64 bits.
var _ = RegisterForms(
	&Form{
		Schema: graph.Schema{Op: "BitShift", Takes: Takes("X", "Y"), Gives: Gives("Z"), Fields: Fields("direction", Required{""})},
		From:   28, Build: buildShift,
	},
	bitwise("BitwiseAnd", func(_ Builder, _ string, _, _, both *graph.Value) *graph.Value { return both }),
	bitwise("BitwiseOr", func(b Builder, name string, x, y, both *graph.Value) *graph.Value {
		return b.Binary("Sub", name, b.Binary("Add", name+".sum", x, y), both)
	}),
	bitwise("BitwiseXor", func(b Builder, name string, x, y, both *graph.Value) *graph.Value {
		return b.Binary("Sub", name, b.Binary("Add", name+".sum", x, y), b.Binary("Add", name+".twice", both, both))
	}),
	&Form{
		Schema: graph.Schema{Op: "BitwiseNot", Takes: Takes("X"), Gives: Gives("Y")},
		From:   18,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x := n.In("X")
			if err := integers.check(x); err != nil {
				return nil, err
			}
			return []*graph.Value{b.complement(n.Name, x)}, nil
		},
	},
)

// complement appends −1 − x, which has all bits of the other kind.
func (b Builder) complement(name string, x *graph.Value) *graph.Value {
	return b.Binary("Sub", name, b.allBits(name+".all", x.Elem), x)
}

// allBits appends the number that has all bits: −1, or the largest one.
func (b Builder) allBits(name string, elem graph.Elem) *graph.Value {
	return b.constant(name, &Tensor{Elem: elem, Shape: []int{}, Ints: []int64{-1}})
}

// buildShift shifts by 0 to 63 bits. By all others nothing is left of a number, or the sign.
func buildShift(b Builder, n *graph.Node) ([]*graph.Value, error) {
	x, name, right := n.In("X"), n.Name, n.Text("direction") == "RIGHT"
	if err := integers.check(n.Inputs...); err != nil {
		return nil, err
	}
	wide := b.As(graph.Int64, x)
	zero := b.IntTensor(name+".zero", nil, []int64{0})
	var negative *graph.Value
	if right && signed.has(x.Elem) { // −1 − x is shifted as any other, and turned back
		negative = b.Compare("Less", name+".is_negative", wide, zero)
		wide = b.where(name+".positive", negative, b.complement(name+".turned", wide), wide)
	}
	by := b.As(graph.Uint64, b.As(graph.Int64, n.In("Y")))
	few := b.Compare("Less", name+".is_few", by, b.number(name+".bits", by, 64))
	most := b.Binary("Min", name+".by", by, b.number(name+".most", by, 63))
	shifted := b.one("BitShift", name+".shifted", []*graph.Value{b.As(graph.Uint64, wide), most}, n.Attributes...)
	y := b.where(name+".left", few, b.As(graph.Int64, shifted), zero)
	if negative != nil {
		y = b.where(name+".signed", negative, b.complement(name+".back", y), y)
	}
	return []*graph.Value{b.As(x.Elem, y)}, nil
}

// bitwise is an operator on pairs of bits. It is made of two numbers and of the bits that both
// have: x or y is x + y without those, and so on.
func bitwise(name string, of func(b Builder, name string, x, y, both *graph.Value) *graph.Value) *Form {
	return &Form{
		Schema: graph.Schema{Op: name, Takes: Takes("A", "B"), Gives: Gives("C")},
		From:   18,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			if _, err := integers.broadcast(n); err != nil {
				return nil, err
			}
			elem := n.In("A").Elem
			x, y := b.As(graph.Int64, n.In("A")), b.As(graph.Int64, n.In("B"))
			both := b.Binary("Mul", n.Name+".both", b.bitsOf(n.Name+".a", x, elem), b.bitsOf(n.Name+".b", y, elem))
			places := b.placesOf(n.Name+".places", elem)
			sum := b.ReduceSum(n.Name+".and", b.Binary("Mul", n.Name+".weighed", both, places), false, int64(len(both.Shape)-1))
			return []*graph.Value{b.As(elem, of(b, n.Name, x, y, sum))}, nil
		},
	}
}

// bitsOf appends the bits of x, 0 or 1, along a new last dimension: what a division by each
// power of two leaves of 2. The bit of 2⁶³ is that of negative numbers.
func (b Builder) bitsOf(name string, x *graph.Value, elem graph.Elem) *graph.Value {
	x = b.one("Unsqueeze", name+".apart", []*graph.Value{x, b.Ints(name+".axis", int64(len(x.Shape)))})
	powers := b.Ints(name+".powers", powersOfTwo(min(8*elem.Size(), 63))...)
	below := b.Binary("Mod", name+".below", x, powers)
	whole := b.Binary("Div", name+".whole", b.Binary("Sub", name+".rest", x, below), powers)
	bits := b.Binary("Mod", name+".bits", whole, b.IntTensor(name+".two", nil, []int64{2}))
	if elem.Size() < 8 {
		return bits
	}
	sign := b.As(graph.Int64, b.Compare("Less", name+".is_negative", x, b.IntTensor(name+".zero", nil, []int64{0})))
	return b.one("Concat", name, []*graph.Value{bits, sign}, graph.Attribute{Name: "axis", Value: int64(-1)})
}

// placesOf appends what each of these bits stands for.
func (b Builder) placesOf(name string, elem graph.Elem) *graph.Value {
	places := powersOfTwo(min(8*elem.Size(), 63))
	if elem.Size() == 8 {
		places = append(places, math.MinInt64)
	}
	return b.Ints(name, places...)
}

func powersOfTwo(n int) []int64 {
	powers := make([]int64, n)
	for i := range powers {
		powers[i] = 1 << i
	}
	return powers
}

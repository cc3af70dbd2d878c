package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Operators on the bits of integers.

// BitShift shifts unsigned integers.
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

// Opset 28 lets BitShift shift signed integers, and opset 18 adds bitwise operators. Graphs have
// neither: the variants below compute them with arithmetic on 64-bit integers.
var _ = RegisterVariants(
	&Variant{
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
	&Variant{
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

// complement appends −1 − x, which is x with all bits inverted.
func (b Builder) complement(name string, x *graph.Value) *graph.Value {
	return b.Binary("Sub", name, b.allBits(name+".all", x.Elem), x)
}

// allBits appends the number whose bits are all 1: −1, or the largest number of an unsigned type.
func (b Builder) allBits(name string, elem graph.Elem) *graph.Value {
	return b.constant(name, &Tensor{Elem: elem, Shape: []int{}, Ints: []int64{-1}})
}

// buildShift appends a shift of signed or unsigned integers. Shifts by 64 bits or more leave 0,
// or −1 for a negative number that is shifted right.
func buildShift(b Builder, n *graph.Node) ([]*graph.Value, error) {
	x, name, right := n.In("X"), n.Name, n.Text("direction") == "RIGHT"
	if err := integers.check(n.Inputs...); err != nil {
		return nil, err
	}
	wide := b.As(graph.Int64, x)
	zero := b.IntTensor(name+".zero", nil, []int64{0})
	var negative *graph.Value
	if right && signed.has(x.Elem) { // shift −1 − x, which is not negative, and invert the result
		negative = b.Compare("Less", name+".is_negative", wide, zero)
		wide = b.where(name+".positive", negative, b.complement(name+".turned", wide), wide)
	}
	by := b.As(graph.Uint64, b.As(graph.Int64, n.In("Y")))
	// In C++, and so in ONNX Runtime, a shift by 64 or more is undefined: BitShift gets at most 63.
	leaves := b.Compare("Less", name+".is_few", by, b.number(name+".bits", by, 64)) // whether any bit is left
	most := b.Binary("Min", name+".by", by, b.number(name+".most", by, 63))
	shifted := b.one("BitShift", name+".shifted", []*graph.Value{b.As(graph.Uint64, wide), most}, n.Attributes...)
	y := b.where(name+".left", leaves, b.As(graph.Int64, shifted), zero)
	if negative != nil {
		y = b.where(name+".signed", negative, b.complement(name+".back", y), y)
	}
	return []*graph.Value{b.As(x.Elem, y)}, nil
}

// bitwise is the variant of an operator on pairs of bits. combine computes it from the numbers x
// and y and from both, the bits that x and y have in common: "x or y" is x + y − both, for
// example.
func bitwise(name string, combine func(b Builder, name string, x, y, both *graph.Value) *graph.Value) *Variant {
	return &Variant{
		Schema: graph.Schema{Op: name, Takes: Takes("A", "B"), Gives: Gives("C")},
		From:   18,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			if _, err := integers.broadcast(n); err != nil {
				return nil, err
			}
			elem := n.In("A").Elem
			x, y := b.As(graph.Int64, n.In("A")), b.As(graph.Int64, n.In("B"))
			both := b.Binary("Mul", n.Name+".both", b.bitsOf(n.Name+".a", x, elem), b.bitsOf(n.Name+".b", y, elem))
			return []*graph.Value{b.As(elem, combine(b, n.Name, x, y, b.fromBits(n.Name+".and", both, elem)))}, nil
		},
	}
}

// bitsOf appends the bits of x, each 0 or 1, along a new last dimension, lowest bit first.
func (b Builder) bitsOf(name string, x *graph.Value, elem graph.Elem) *graph.Value {
	x = b.one("Unsqueeze", name+".apart", []*graph.Value{b.As(graph.Uint64, x), b.Ints(name+".axis", int64(len(x.Shape)))})
	places := &Tensor{Elem: graph.Uint64, Shape: []int{8 * elem.Size()}}
	for i := range places.Shape[0] {
		places.Ints = append(places.Ints, int64(i))
	}
	shifted := b.one("BitShift", name+".shifted", []*graph.Value{x, b.constant(name+".places", places)},
		graph.Attribute{Name: "direction", Value: "RIGHT"})
	return b.As(graph.Int64, b.Binary("Mod", name, shifted, b.number(name+".two", shifted, 2)))
}

// fromBits appends the int64 numbers whose bits are given along the last dimension. It adds up
// the two halves separately, because ONNX Runtime sums integers in float64, which cannot hold
// 64 bits exactly.
func (b Builder) fromBits(name string, bits *graph.Value, elem graph.Elem) *graph.Value {
	const half = 32
	number := func(name string, from int, sign int64) *graph.Value {
		places := make([]int64, 8*elem.Size())
		for i := from; i < min(from+half, len(places)); i++ {
			places[i] = 1 << (i - from)
		}
		if from+half == len(places) {
			places[len(places)-1] *= sign
		}
		return b.ReduceSum(name, b.Binary("Mul", name+".weighed", bits, b.Ints(name+".places", places...)), false, int64(len(bits.Shape)-1))
	}
	low := number(name+".low", 0, 1)
	if elem.Size() < 8 {
		return low
	}
	high := b.scaled(name+".shifted", number(name+".high", half, -1), 1<<half)
	return b.Binary("Add", name, high, low)
}

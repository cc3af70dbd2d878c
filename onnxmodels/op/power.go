package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Pow raises bases to exponents. The exponents may have another type than the bases.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Pow", Takes: Takes("X", "Y"), Gives: Gives("Z")},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, y := n.In("X"), n.In("Y")
		if err := numbers.check(x, y); err != nil {
			return nil, err
		}
		shape, ok := broadcast(x.Shape, y.Shape)
		if !ok {
			return nil, fmt.Errorf("inputs %s and %s cannot be broadcast", x, y)
		}
		return typed(x.Elem, shape)
	},
	Gradient: powGradient,
	Eval:     func(_ *graph.Node, in []*Tensor) ([]*Tensor, error) { return powers(in[0], in[1]) },
})

// powers computes x^y in the type of x, or in float64 if x holds integers and the exponents may
// have fractions.
func powers(x, y *Tensor) ([]*Tensor, error) {
	in := x.Elem
	if x.Ints != nil && y.Ints == nil {
		in = graph.Double
	}
	base, err := Converted(x, in)
	if err != nil {
		return nil, err
	}
	exponents, err := Converted(y, in)
	if err != nil {
		return nil, err
	}
	z, err := powerOf.of(base, exponents)
	if err != nil {
		return nil, err
	}
	z, err = Converted(z, x.Elem)
	return []*Tensor{z}, err
}

// powGradient returns dx = dz·y·x^(y − 1), which is 0 where y is 0, and dy = dz·z·ln x, which is
// taken as 0 where x is 0.
func powGradient(b *Backward, n *graph.Node, dz []*graph.Value) []*graph.Value {
	x, z, name := n.In("X"), n.Out("Z"), n.Name
	y := b.As(x.Elem, n.In("Y"))
	grads := make([]*graph.Value, 2)
	if b.Wants(x) {
		lower := b.Binary("Pow", name+".lower", x, b.shifted(name+".less", y, -1))
		slope := b.Binary("Mul", name+".slope", lower, y)
		if exponent, ok := numberOf(n.In("Y")); !ok || exponent == 0 {
			slope = b.where(name+".finite", b.Compare("Equal", name+".constant", y, b.number(name+".zero", x, 0)), nil, slope)
		}
		grads[0] = b.reduceTo(name+".dx", b.Binary("Mul", name+".dx", dz[0], slope), x)
	}
	if b.Wants(n.In("Y")) {
		slope := b.Binary("Mul", name+".share", z, b.Unary("Log", name+".log", x))
		slope = b.where(name+".defined", b.Compare("Equal", name+".of_zero", x, b.number(name+".none", x, 0)), nil, slope)
		grads[1] = b.As(n.In("Y").Elem, b.reduceTo(name+".dy", b.Binary("Mul", name+".dy", dz[0], slope), n.In("Y")))
	}
	return grads
}

var powerOf = pairwise(math.Pow, func(elem graph.Elem, x, y int64) int64 {
	if y < 0 && elem != graph.Uint64 {
		return int64(math.Pow(float64(x), float64(y)))
	}
	power := int64(1)
	for ; y != 0; y = int64(uint64(y) >> 1) {
		if y&1 == 1 {
			power *= x
		}
		x *= x
	}
	return power
})

// The most frequent powers become cheaper operators.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "Pow", Takes: Takes("X", "Y"), Gives: Gives("Z")},
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x, y := n.In("X"), n.In("Y")
		exponent, ok := numberOf(y)
		if !ok || !x.Elem.Floating() || len(y.Shape) > len(x.Shape) {
			exponent = math.NaN()
		}
		switch exponent {
		case 0.5:
			return []*graph.Value{b.Unary("Sqrt", n.Name, x)}, nil
		case 1:
			return []*graph.Value{b.Unary("Identity", n.Name, x)}, nil
		case 2:
			return []*graph.Value{b.Binary("Mul", n.Name, x, x)}, nil
		case -1:
			return []*graph.Value{b.Unary("Reciprocal", n.Name, x)}, nil
		}
		return []*graph.Value{b.Binary("Pow", n.Name, x, y)}, nil
	},
})

// Mod gives the remainder of A/B. It has the sign of B, or that of A if fmod is 1.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Mod", Takes: Takes("A", "B"), Gives: Gives("C"), Fields: Fields("fmod", int64(0))},
	From:   10, Until: 27,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		if a := n.In("A"); a.Elem.Floating() && !n.Flag("fmod") {
			return nil, fmt.Errorf("input %s, want integers where fmod is 0", a)
		}
		return numbers.broadcast(n)
	},
	// da = dy, db = −dy·(a − y)/b
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		grads, name := addGradient(b, n, dy), n.Name
		if by := n.In("B"); b.Wants(by) {
			times := b.Binary("Div", name+".times", b.Binary("Sub", name+".whole", n.Out("C"), n.In("A")), by)
			grads[1] = b.reduceTo(name+".db", b.Binary("Mul", name+".db", dy[0], times), by)
		}
		return grads
	},
	Known: func(n *graph.Node) []graph.Dim { return knownPairs(n.In("A"), n.In("B"), moduloDims) },
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		f := moduloOf
		if n.Flag("fmod") {
			f = remainderOf
		}
		y, err := f.of(in[0], in[1])
		return []*Tensor{y}, err
	},
})

// Since opset 28 the remainder of floating-point numbers may have the sign of B too, and models of
// older opsets already use that. It is the remainder with the sign of A, plus B where the signs
// of that remainder and of B differ.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{Op: "Mod", Takes: Takes("A", "B"), Gives: Gives("C"), Fields: Fields("fmod", int64(0))},
	From:   10,
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		by, name := n.In("B"), n.Name
		if !by.Elem.Floating() || n.Flag("fmod") {
			return b.Do("", "Mod", Call{Name: name, Inputs: n.Inputs, Attributes: n.Attributes}), nil
		}
		left := b.one("Mod", name+".left", n.Inputs, graph.Attribute{Name: "fmod", Value: int64(1)})
		signs := b.Binary("Mul", name+".signs", b.Unary("Sign", name+".sign", left), b.Unary("Sign", name+".sign_of_b", by))
		differ := b.Compare("Less", name+".differ", signs, b.number(name+".zero", by, 0))
		return []*graph.Value{b.where(name, differ, b.Binary("Add", name+".more", left, by), left)}, nil
	},
})

// moduloDims returns the remainder of a division of dimensions, and whether it can be told.
func moduloDims(x, y graph.Dim) (graph.Dim, bool) {
	switch {
	case y.Symbol != "" || y.Size <= 0:
		return x, false
	case x.Symbol == "":
		return graph.Dim{Size: floorMod(x.Size, y.Size)}, true
	}
	return graph.Dim{}, x.Size%y.Size == 0
}

// floorMod returns the remainder of a/b that has the sign of b. A division by 0 leaves 0.
func floorMod(a, b int64) int64 {
	if b == 0 || b == -1 {
		return 0
	}
	left := a % b
	if left != 0 && left^b < 0 {
		left += b
	}
	return left
}

var moduloOf = pairwise(math.Mod, func(elem graph.Elem, a, b int64) int64 {
	if elem == graph.Uint64 {
		return remainder(elem, a, b)
	}
	return floorMod(a, b)
})

var remainderOf = pairwise(math.Mod, remainder)

// remainder returns the remainder of a/b that has the sign of a.
func remainder(elem graph.Elem, a, b int64) int64 { return a - quotientOf(elem, a, b)*b }

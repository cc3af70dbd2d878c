package op

import (
	"math"

	"onnxlab/onnxmodels/graph"
)

// Trigonometric and hyperbolic functions, and their inverses.
var (
	_ = angular("Sin", 7, math.Sin, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = dy·cos x
		return b.Binary("Mul", n.Name, dy, b.Unary("Cos", n.Name+".cos", n.In("input")))
	})
	_ = angular("Cos", 7, math.Cos, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = −dy·sin x
		return b.Unary("Neg", n.Name, b.Binary("Mul", n.Name+".dy", dy, b.Unary("Sin", n.Name+".sin", n.In("input"))))
	})
	_ = angular("Tan", 7, math.Tan, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = dy·(1 + y²)
		y := n.Out("output")
		return b.Binary("Mul", n.Name, dy, b.shifted(n.Name+".slope", b.Binary("Mul", n.Name+".square", y, y), 1))
	})
	_ = angular("Sinh", 9, math.Sinh, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = dy·cosh x
		return b.Binary("Mul", n.Name, dy, b.Unary("Cosh", n.Name+".cosh", n.In("input")))
	})
	_ = angular("Cosh", 9, math.Cosh, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = dy·sinh x
		return b.Binary("Mul", n.Name, dy, b.Unary("Sinh", n.Name+".sinh", n.In("input")))
	})
	_ = angular("Tanh", 0, math.Tanh, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = dy·(1 − y²)
		return b.fused("TanhGrad", n.Name, dy, n.Out("output"))
	})
	_ = angular("Asin", 7, math.Asin, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = dy/√(1 − x²)
		return b.overRoot(n, dy, -1, 1)
	})
	_ = angular("Acos", 7, math.Acos, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = −dy/√(1 − x²)
		return b.Unary("Neg", n.Name, b.overRoot(n, dy, -1, 1))
	})
	_ = angular("Atan", 7, math.Atan, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = dy/(1 + x²)
		return b.Binary("Div", n.Name, dy, b.quadratic(n, 1, 1))
	})
	_ = angular("Asinh", 9, math.Asinh, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = dy/√(x² + 1)
		return b.overRoot(n, dy, 1, 1)
	})
	_ = angular("Acosh", 9, math.Acosh, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = dy/√(x² − 1)
		return b.overRoot(n, dy, 1, -1)
	})
	_ = angular("Atanh", 9, math.Atanh, func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value { // dx = dy/(1 − x²)
		return b.Binary("Div", n.Name, dy, b.quadratic(n, -1, 1))
	})
)

// angular declares a trigonometric or hyperbolic function.
func angular(name string, from int, f func(float64) float64, gradient func(b *Backward, n *graph.Node, dy *graph.Value) *graph.Value) *Operator {
	return unary(name, floats, rule{from: from, names: inputOutput, float: f, gradient: gradient})
}

// quadratic appends s·x² + c, for the node's input x and s of 1 or −1.
func (b *Backward) quadratic(n *graph.Node, s, c float64) *graph.Value {
	x, name := n.In("input"), n.Name
	square := b.Binary("Mul", name+".square", x, x)
	if s < 0 {
		return b.Binary("Sub", name+".quadratic", b.number(name+".constant", x, c), square)
	}
	return b.shifted(name+".quadratic", square, c)
}

// overRoot appends dy/√(s·x² + c).
func (b *Backward) overRoot(n *graph.Node, dy *graph.Value, s, c float64) *graph.Value {
	return b.Binary("Div", n.Name+".over_root", dy, b.Unary("Sqrt", n.Name+".root", b.quadratic(n, s, c)))
}

package graph

import "slices"

// GemmOptions are the transpositions of Gemm's operands.
type GemmOptions struct {
	TransposeA, TransposeB bool
}

// Gemm appends the matrix product of a [m, k] and b [k, n], plus the vector c
// [n], which may be nil.
func (g *Graph) Gemm(name string, a, b, c *Value, o GemmOptions) *Value {
	if !g.expect("Gemm", name, a, Float, 2, 2) || !g.expect("Gemm", name, b, Float, 2, 2) {
		return a
	}
	m, k := a.Shape[0], a.Shape[1]
	if o.TransposeA {
		m, k = k, m
	}
	k2, n := b.Shape[0], b.Shape[1]
	if o.TransposeB {
		k2, n = n, k2
	}
	if k != k2 || a.Elem != b.Elem {
		g.Fail("Gemm %q: inputs %s and %s do not fit", name, a, b)
	}
	inputs := []*Value{a, b}
	if c != nil {
		inputs = append(inputs, c)
	}
	return g.op("Gemm", name, a.Elem, Shape{m, n}, inputs,
		Attribute{"transA", flagOf(o.TransposeA)}, Attribute{"transB", flagOf(o.TransposeB)})
}

// MatMul appends the product of the matrix a [m, k] and each of the matrices b
// [..., k, n].
func (g *Graph) MatMul(name string, a, b *Value) *Value {
	if !g.given("MatMul", name, a, b) {
		return a
	}
	at := len(b.Shape) - 2
	if !g.expect("MatMul", name, a, Float, 2, 2) || at < 0 || a.Shape[1] != b.Shape[at] {
		g.Fail("MatMul %q: inputs %s and %s do not fit", name, a, b)
		return b
	}
	shape := slices.Clone(b.Shape)
	shape[at] = a.Shape[0]
	return g.op("MatMul", name, a.Elem, shape, []*Value{a, b})
}

// ReduceSum appends the sum of x over the axes, counted from 0, which are kept as 1
// if keep.
func (g *Graph) ReduceSum(name string, x *Value, keep bool, axes ...int64) *Value {
	if !g.hasAll("ReduceSum", name, x, axes) {
		return x
	}
	return g.op("ReduceSum", name, x.Elem, reduced(x.Shape, keep, axes),
		[]*Value{x, g.Ints(name+".axes", axes...)}, keepAttribute(keep))
}

// ReduceMean appends the mean of x over the axes, counted from 0, which are kept as 1
// if keep.
func (g *Graph) ReduceMean(name string, x *Value, keep bool, axes ...int64) *Value {
	if !g.hasAll("ReduceMean", name, x, axes) {
		return x
	}
	return g.op("ReduceMean", name, x.Elem, reduced(x.Shape, keep, axes),
		[]*Value{x}, Attribute{"axes", axes}, keepAttribute(keep))
}

// ArgMax appends the index of the largest element along the last dimension,
// which is dropped.
func (g *Graph) ArgMax(name string, x *Value) *Value {
	if !g.has("ArgMax", name, x, 0) {
		return x
	}
	return g.op("ArgMax", name, Int64, x.Shape[:len(x.Shape)-1], []*Value{x},
		Attribute{"axis", int64(-1)}, keepAttribute(false))
}

// Softmax appends the softmax of x over its last dimension.
func (g *Graph) Softmax(name string, x *Value) *Value {
	if !g.has("Softmax", name, x, 0) {
		return x
	}
	return g.op("Softmax", name, x.Elem, x.Shape, []*Value{x}, Attribute{"axis", int64(-1)})
}

// hasAll checks that x has the axes, counted from 0.
func (g *Graph) hasAll(op, name string, x *Value, axes []int64) bool {
	for _, a := range axes {
		if !g.has(op, name, x, int(a)) {
			return false
		}
	}
	return g.given(op, name, x)
}

func keepAttribute(keep bool) Attribute {
	return Attribute{"keepdims", flagOf(keep)}
}

func reduced(s Shape, keep bool, axes []int64) Shape {
	out := Shape{}
	for i, d := range s {
		switch {
		case !slices.Contains(axes, int64(i)):
			out = append(out, d)
		case keep:
			out = append(out, Fixed(1))
		}
	}
	return out
}

// SoftmaxCrossEntropy appends the mean cross-entropy of logits [n, classes]
// against labels [n], a scalar, and the log-probabilities.
func (g *Graph) SoftmaxCrossEntropy(name string, logits, labels *Value) (loss, logProbabilities *Value) {
	if !g.expect("SoftmaxCrossEntropyLoss", name, logits, Float, 2, 1) ||
		!g.expect("SoftmaxCrossEntropyLoss", name, labels, Int64, 1, 1) {
		return logits, logits
	}
	out := g.node("", "SoftmaxCrossEntropyLoss", name, []*Value{logits, labels},
		[]Attribute{{"reduction", "mean"}}, typed{".loss", logits.Elem, Shape{}}, like(".log_probabilities", logits))
	return out[0], out[1]
}

// SoftmaxCrossEntropyGrad appends the gradient of the loss of
// SoftmaxCrossEntropy by the logits (com.microsoft).
func (g *Graph) SoftmaxCrossEntropyGrad(name string, dloss, logProbabilities, labels *Value) *Value {
	return g.node(Microsoft, "SoftmaxCrossEntropyLossGrad", name, []*Value{dloss, logProbabilities, labels},
		[]Attribute{{"reduction", "mean"}}, like(".out", logProbabilities))[0]
}

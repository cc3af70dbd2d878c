package gradient

import "onnxlab/onnxmodels/graph"

type operator struct{ domain, op string }

// A rule appends the gradients by the inputs of n, given those by its outputs
// (nil for an output that no gradient reaches). It returns one a input, nil
// where there is none.
type rule func(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value

// rules has one rule an operator. In the comments dy is the gradient by the
// output y.
var rules = map[operator]rule{
	{"", "Identity"}:                       passOn,                  // dx = dy
	{"", "Add"}:                            add,                     // da = db = dy, summed over what was broadcast
	{"", "Sub"}:                            sub,                     // da = dy, db = −dy, likewise
	{"", "Mul"}:                            mul,                     // da = dy·b, db = dy·a, likewise
	{"", "Cast"}:                           cast,                    // dx = dy in the type of x
	{"", "Relu"}:                           relu,                    // dx = dy where y > 0
	{"", "Flatten"}:                        restoreShape,            // dx = dy in the shape of x
	{"", "Reshape"}:                        restoreShape,            // likewise
	{"", "Split"}:                          split,                   // dx = the parts' gradients joined
	{"", "Concat"}:                         concat,                  // each part's gradient, cut out of dy
	{"", "Gemm"}:                           gemm,                    // dA = dy·Bᵀ, dB = Aᵀ·dy, dC = Σ dy
	{"", "Conv"}:                           conv,                    // dX, dW, dB by ConvGrad
	{"", "MaxPool"}:                        maxPool,                 // dy added at the index of each maximum
	{"", "Softmax"}:                        softmax,                 // dx = y·(dy − Σ dy·y)
	{"", "Neg"}:                            neg,                     // dx = −dy
	{"", "Log"}:                            logarithm,               // dx = dy/x
	{"", "ReduceSum"}:                      reduceSum,               // dx = dy, expanded
	{"", "ReduceMean"}:                     reduceMean,              // dx = dy/n, expanded
	{"", "AveragePool"}:                    averagePool,             // dy/n spread over each window
	{"", "GlobalAveragePool"}:              globalAveragePool,       // dy/(h·w) spread over the image
	{"", "SoftmaxCrossEntropyLoss"}:        softmaxCrossEntropyLoss, // dx = dy·(softmax − one-hot)/n
	{graph.Microsoft, "BatchNormInternal"}: batchNorm,               // dX, dScale, dBias by BatchNormalizationGrad
}

func passOn(_ *backward, _ *graph.Node, dy []*graph.Value) []*graph.Value { return dy[:1] }

func cast(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{b.As(n.Inputs[0].Elem, dy[0])}
}

func relu(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{b.ReluGrad(n.Name, dy[0], n.Outputs[0])}
}

func neg(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{b.Unary("Neg", n.Name, dy[0])}
}

func logarithm(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{b.Binary("Div", n.Name, dy[0], n.Inputs[0])}
}

func add(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := make([]*graph.Value, len(n.Inputs))
	for i, in := range n.Inputs {
		if b.wants(in) {
			grads[i] = b.reduceTo(n.Name, dy[0], in)
		}
	}
	return grads
}

func sub(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := add(b, n, dy)
	if grads[1] != nil {
		grads[1] = b.Unary("Neg", n.Name+".negated", grads[1])
	}
	return grads
}

func mul(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := make([]*graph.Value, 2)
	for i, in := range n.Inputs {
		if b.wants(in) {
			grads[i] = b.reduceTo(n.Name, b.Binary("Mul", n.Name, dy[0], n.Inputs[1-i]), in)
		}
	}
	return grads
}

// reduceTo sums d over the dimensions along which x was broadcast.
func (b *backward) reduceTo(name string, d, x *graph.Value) *graph.Value {
	if d.Shape.Equal(x.Shape) {
		return d
	}
	lead := len(d.Shape) - len(x.Shape)
	var outer, inner []int64
	for i, dim := range d.Shape {
		switch {
		case i < lead:
			outer = append(outer, int64(i))
		case x.Shape[i-lead] != dim:
			inner = append(inner, int64(i-lead))
		}
	}
	if len(outer) > 0 {
		d = b.ReduceSum(name+".outer", d, false, outer...)
	}
	if len(inner) > 0 {
		d = b.ReduceSum(name+".inner", d, true, inner...)
	}
	return d
}

func restoreShape(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{b.reshapeLike(n.Name, dy[0], n.Inputs[0])}
}

func (b *backward) reshapeLike(name string, d, x *graph.Value) *graph.Value {
	return b.Reshape(name, d, b.ShapeOf(name+".shape", x), x.Shape)
}

func (b *backward) expandLike(name string, d, x *graph.Value) *graph.Value {
	return b.Expand(name, d, b.ShapeOf(name+".shape", x), x.Shape)
}

func split(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	parts := make([]*graph.Value, len(dy))
	for i, d := range dy {
		if y := n.Outputs[i]; d == nil {
			d = b.As(y.Elem, b.Zeros(n.Name, b.ShapeOf(n.Name+".shape", y), y.Shape))
		}
		parts[i] = d
	}
	return []*graph.Value{b.Concat(n.Name, parts, 0, n.Inputs[0].Shape[0])}
}

func concat(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return b.Split(n.Name, dy[0], len(n.Inputs), n.Inputs[0].Shape[0].Symbol)
}

func gemm(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, w, d := n.Inputs[0], n.Inputs[1], dy[0]
	ta, tb := n.Int("transA", 0) == 1, n.Int("transB", 0) == 1
	grads := make([]*graph.Value, len(n.Inputs))
	if b.wants(x) {
		grads[0] = b.Gemm(n.Name+".dx", d, w, nil, graph.GemmOptions{TransposeB: !tb})
		if ta {
			grads[0] = b.Gemm(n.Name+".dxt", w, d, nil, graph.GemmOptions{TransposeA: tb, TransposeB: true})
		}
	}
	if b.wants(w) {
		grads[1] = b.gemmWeight(n.Name+".dw", x, d, ta, tb)
	}
	if len(n.Inputs) > 2 && b.wants(n.Inputs[2]) {
		grads[2] = b.ReduceSum(n.Name+".db", d, false, 0)
	}
	return grads
}

func (b *backward) gemmWeight(name string, x, d *graph.Value, ta, tb bool) *graph.Value {
	if tb {
		return b.Gemm(name, d, x, nil, graph.GemmOptions{TransposeA: true, TransposeB: ta})
	}
	return b.Gemm(name, x, d, nil, graph.GemmOptions{TransposeA: !ta})
}

func conv(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, w := n.Inputs[0], n.Inputs[1]
	bias := len(n.Inputs) > 2 && b.wants(n.Inputs[2])
	dx, dw, db := b.ConvGrad(n.Name, dy[0], x, w, graph.WindowOf(n), b.wants(x), b.wants(w), bias)
	return []*graph.Value{dx, dw, db}[:len(n.Inputs)]
}

func batchNorm(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	dx, dscale, dbias := b.BatchNormGrad(n.Name, dy[0], n.Inputs[0], n.Inputs[1],
		n.Outputs[3], n.Outputs[4], n.Float("epsilon", 1e-5))
	return []*graph.Value{dx, dscale, dbias}
}

func softmax(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	y, name := n.Outputs[0], n.Name
	last := int64(len(y.Shape) - 1)
	mean := b.ReduceSum(name+".sum", b.Binary("Mul", name+".dot", dy[0], y), true, last)
	return []*graph.Value{b.Binary("Mul", name, y, b.Binary("Sub", name+".centred", dy[0], mean))}
}

// softmaxCrossEntropyLoss adds to the loss's gradient that of the
// log-probabilities, if these are used: dlp − softmax·Σ dlp.
func softmaxCrossEntropyLoss(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	logProbabilities, name := n.Outputs[1], n.Name
	var parts []*graph.Value
	if dy[0] != nil {
		parts = append(parts, b.SoftmaxCrossEntropyGrad(name, dy[0], logProbabilities, n.Inputs[1]))
	}
	if dlp := dy[1]; dlp != nil {
		sum := b.ReduceSum(name+".sum", dlp, true, 1)
		share := b.Binary("Mul", name+".share", b.Unary("Exp", name+".softmax", logProbabilities), sum)
		parts = append(parts, b.Binary("Sub", name+".log_probabilities", dlp, share))
	}
	if len(parts) == 2 {
		parts = []*graph.Value{b.Sum(name+".total", parts...)}
	}
	return []*graph.Value{parts[0], nil}
}

func reduceSum(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	return []*graph.Value{b.expandLike(n.Name, b.keepDims(n, dy[0]), n.Inputs[0]), nil}
}

// reduceMean divides by how many elements each mean was taken over, which may
// depend on the batch.
func reduceMean(b *backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, y, name := n.Inputs[0], n.Outputs[0], n.Name
	d := b.Binary("Div", name+".scaled", b.keepDims(n, dy[0]), b.As(x.Elem, b.ratio(name, x, y)))
	return []*graph.Value{b.expandLike(name, d, x)}
}

// ratio is how many elements x has for each of y, a constant if both sizes are
// fixed.
func (b *backward) ratio(name string, x, y *graph.Value) *graph.Value {
	numerator, fixed := x.Shape.Elements()
	if denominator, both := y.Shape.Elements(); fixed && both {
		return b.Scalar(name+".count", float32(numerator)/float32(denominator))
	}
	size := func(v *graph.Value) *graph.Value {
		return b.Cast(name+".float_size", b.SizeOf(name+".size", v), graph.Float)
	}
	return b.Binary("Div", name+".count", size(x), size(y))
}

// keepDims returns the gradient of a reduction in the shape that the
// reduction has when it keeps the reduced dimensions as 1.
func (b *backward) keepDims(n *graph.Node, dy *graph.Value) *graph.Value {
	x := n.Inputs[0]
	if len(dy.Shape) == len(x.Shape) {
		return dy
	}
	if len(dy.Shape) == 0 {
		ones := make([]int, len(x.Shape))
		sizes := make([]int64, len(x.Shape))
		for i := range ones {
			ones[i], sizes[i] = 1, 1
		}
		return b.Reshape(n.Name+".ones", dy, b.Ints(n.Name+".sizes", sizes...), graph.Static(ones...))
	}
	b.Fail("differentiate %q: the reduction drops some dimensions only", n.Name)
	return dy
}

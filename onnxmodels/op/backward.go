package op

import "onnxlab/onnxmodels/graph"

// Backward is the builder that gradients append their operators with.
type Backward struct {
	Builder
	// Wants reports whether the gradient with respect to v is needed.
	Wants func(v *graph.Value) bool
}

// reduceTo sums d over the dimensions along which x was broadcast.
func (b *Backward) reduceTo(name string, d, x *graph.Value) *graph.Value {
	if d.Shape.Equal(x.Shape) {
		return d
	}
	lead := len(d.Shape) - len(x.Shape)
	var outer, inner []int64
	for i, dim := range d.Shape {
		switch {
		case i < lead:
			outer = append(outer, int64(i))
		case x.Shape[i-lead] == graph.Fixed(1) && dim != graph.Fixed(1):
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

func (b *Backward) reshapeLike(name string, d, x *graph.Value) *graph.Value {
	return b.Reshape(name, d, b.ShapeOf(name+".shape", x), x.Shape)
}

func (b *Backward) expandLike(name string, d, x *graph.Value) *graph.Value {
	return b.Expand(name, d, b.ShapeOf(name+".shape", x), x.Shape)
}

// restoreShape is the gradient of operators that change only the shape: dx is dy in the
// shape of x.
func restoreShape(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	grads := make([]*graph.Value, len(n.Inputs))
	grads[0] = b.reshapeLike(n.Name, dy[0], n.Inputs[0])
	return grads
}

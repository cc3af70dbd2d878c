package op

import "onnxlab/onnxmodels/graph"

// Gradients of activations in ONNX Runtime's own operators (com.microsoft): one pass each over
// dY and what the activation took or gave.
var (
	_ = fusedGradient("ReluGrad", "X") // or Y, which has the same sign
	_ = fusedGradient("LeakyReluGrad", "Y", "alpha", float32(0.01))
	_ = fusedGradient("SigmoidGrad", "Y")
	_ = fusedGradient("TanhGrad", "Y")
	_ = fusedGradient("GeluGrad", "X")
	_ = fusedGradient("FastGeluGrad", "X")
	_ = fusedGradient("QuickGeluGrad", "X", "alpha", float32(1.702))
)

func fusedGradient(name, of string, fields ...any) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Domain: Microsoft, Op: name, Takes: Takes("dY", of), Gives: Gives("dX"), Fields: Fields(fields...)},
		Infer:  floats.broadcast,
	})
}

// fused appends such an operator.
func (b *Backward) fused(op, name string, dy, of *graph.Value, attributes ...graph.Attribute) *graph.Value {
	return b.in(Microsoft, op, name, []*graph.Value{dy, of}, attributes...)
}

// ReluGrad appends the gradient of y = Relu(x), given y (com.microsoft).
func (b Builder) ReluGrad(name string, dy, y *graph.Value) *graph.Value {
	return b.in(Microsoft, "ReluGrad", name, []*graph.Value{dy, y})
}

// SigmoidGrad appends the gradient of y = Sigmoid(x), given y (com.microsoft).
func (b Builder) SigmoidGrad(name string, dy, y *graph.Value) *graph.Value {
	return b.in(Microsoft, "SigmoidGrad", name, []*graph.Value{dy, y})
}

// inside appends 1 where |t| is smaller than half, and 0 elsewhere. HardSigmoid, which is
// max(0, min(1, alpha·t + beta)), is this step where alpha is so large that it takes the
// smallest difference that a number of this type can tell from half to 1 or more.
func (b Builder) inside(name string, t *graph.Value, half float32) *graph.Value {
	steep := steepness(t.Elem, half)
	return b.HardSigmoid(name, b.Unary("Abs", name+".abs", t), -steep, steep*half)
}

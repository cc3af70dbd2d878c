package op

import "onnxlab/onnxmodels/graph"

// Gradients of activations as operators of ONNX Runtime (com.microsoft). Each makes one pass over
// dY and over the activation's input X or output Y.
var (
	_ = fusedGradient("ReluGrad", "X") // Y will do as well, as it is positive where X is
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

// fused appends one of the operators above.
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

// inside appends 1 where |t| < half, and 0 elsewhere. It uses HardSigmoid,
// max(0, min(1, alpha·|t| + beta)), with beta = −alpha·half and an alpha so large and negative
// that the next number below half already gives 1.
func (b Builder) inside(name string, t *graph.Value, half float32) *graph.Value {
	steep := steepness(t.Elem, half)
	return b.HardSigmoid(name, b.Unary("Abs", name+".abs", t), -steep, steep*half)
}

package artifact

import "strings"

// The names by which ONNX Runtime's training API finds inputs and outputs.
const (
	// InputLabel and InputLearningRate are inputs that a client feeds.
	InputLabel        = "label"
	InputLearningRate = "learning_rate"

	// InputResetGrad says whether gradients start anew or are accumulated.
	InputResetGrad = "lazy_reset_grad"

	// GradientFlagSuffix ends the names of outputs that only say that a gradient was
	// accumulated. ONNX Runtime recognises these outputs by it and ignores them.
	GradientFlagSuffix = "_grad.accumulation.out"

	// GradientBufferSuffix after the name of a trainable parameter is the input
	// in which its gradient is accumulated.
	GradientBufferSuffix = "_grad.accumulation.buffer"
)

// IsGradientInput tells whether ONNX Runtime itself feeds an input of a training
// model: the buffers of the gradients and the flag that resets them.
func IsGradientInput(name string) bool {
	return name == InputResetGrad || strings.HasSuffix(name, GradientBufferSuffix)
}

// BackwardPrefix begins the names of all nodes of the backward pass.
const BackwardPrefix = "backward/"

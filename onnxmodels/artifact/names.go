package artifact

import "strings"

// The names of what ONNX Runtime's training API finds by name.
const (
	// InputLabel and InputLearningRate are inputs that a client feeds.
	InputLabel        = "label"
	InputLearningRate = "learning_rate"

	// InputResetGrad tells whether gradients begin anew or are accumulated.
	InputResetGrad = "lazy_reset_grad"

	// GradientFlagSuffix is the suffix by which ONNX Runtime knows, and leaves out,
	// outputs that only say that something was accumulated.
	GradientFlagSuffix = "_grad.accumulation.out"

	// GradientBufferSuffix after the name of a trainable parameter is the input
	// in which its gradient is accumulated.
	GradientBufferSuffix = "_grad.accumulation.buffer"
)

// IsGradientInput tells the inputs of a training model that ONNX Runtime feeds
// itself: the buffers of the gradients and the flag that resets them.
func IsGradientInput(name string) bool {
	return name == InputResetGrad || strings.HasSuffix(name, GradientBufferSuffix)
}

// BackwardPrefix begins the names of all nodes of the backward pass.
const BackwardPrefix = "backward/"

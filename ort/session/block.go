package session

import "onnxlab/ort/kernels"

// Block returns the number of channels in a block of onnxlab's own operators on this
// processor; 0 if it has none. It is meant for the field Block of
// [onnxlab/onnxmodels.TrainingOptions].
func Block() int { return kernels.Block() }

// Kernels returns the instruction set of onnxlab's own operators on this processor: "AVX-512",
// "AVX2" or "NEON"; empty if it has none.
func Kernels() string {
	switch Block() {
	case 16:
		return "AVX-512"
	case 8:
		return "AVX2"
	case 4:
		return "NEON"
	}
	return ""
}

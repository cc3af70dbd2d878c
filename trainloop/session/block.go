package session

import "onnxlab/internal/kernels"

// Block is how many channels make a block for onnxlab's own operators on this processor,
// 0 if there are none: that of [onnxlab/onnxmodels.TrainingOptions].
func Block() int { return kernels.Block() }

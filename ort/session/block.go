package session

import "onnxlab/ort/kernels"

// Block returns the number of channels in a block of onnxlab's own operators on this
// processor; 0 if it has none. It is meant for the field Block of
// [onnxlab/onnxmodels.TrainingOptions].
func Block() int { return kernels.Block() }

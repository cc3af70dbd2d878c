// Package fakecuda gives tests a GPU that computes nothing: libraries in place of
// NVIDIA's whose memory is the host's, whose copies copy, and whose every other
// function succeeds. ONNX Runtime's CUDA provider runs on them as on a GPU, so
// that tests see which operators it takes, what a step copies, and what becomes
// of a run, and nothing of numbers, which are whatever lay in the memory, as long
// as that is finite.
package fakecuda

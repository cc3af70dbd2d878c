// Package kernels has kernels for processors with AVX2 or AVX-512 that ONNX
// Runtime runs in its sessions as operators of the domain "onnxlab": convolutions
// of 3x3 and their gradients by Winograd's algorithm, and batch normalisation
// with the ReLU after it. They are faster than ONNX Runtime's own operators that
// compute the same, and results do not depend on the number of threads.
package kernels

// Domain is that of the operators.
const Domain = "onnxlab"

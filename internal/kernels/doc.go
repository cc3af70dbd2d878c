// Package kernels has kernels for processors with AVX2 or AVX-512 that ONNX
// Runtime runs in its sessions as operators of the domain "onnxlab": convolutions
// of 3x3 and their gradients, by Winograd's algorithm or, of few channels,
// directly, and batch normalisation with the ReLU and the average pool after it.
// What stands between two is computed where it is read. They are faster than
// ONNX Runtime's own operators that compute the same, and results do not depend
// on the number of threads.
//
// operators.c is what ONNX Runtime calls, with the part of its interface that it
// needs in ort.h; kernels.h lists the kernels, which block.h compiles for each
// size of blocks, as avx512.c and avx2.c ask for.
package kernels

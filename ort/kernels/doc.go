// Package kernels gives ONNX Runtime faster operators for training convolutional
// networks on processors with AVX2, AVX-512 or NEON: convolutions and their gradients,
// batch normalisation with the ReLU and average pool after it, maximum pools, products of
// matrices, layer normalisation, the gradient of GELU, and copies from one layout of images
// to another. They are operators of the domain "onnxlab", which package
// onnxlab/onnxmodels/lower/native writes into graphs. [Add] gives them to a session, and
// [Block] says which layout of images they use.
//
// Results do not depend on the number of threads. They differ between the instruction sets
// by rounding.
//
// The C files, in an order to read them (compile_flags.txt is for clangd):
//
//	kernels.h              what kernels compute: shapes, layouts, formulas
//	reference.c            the same as plain loops, which the tests compare kernels with
//	simd.h                 vectors of floats
//	sizes.h                arithmetic on sizes
//	batchnorm.h            batch normalisation, ReLU and average pool, and the gradient
//	  moments.h            mean and variance of pixels as they are written
//	  normalise.h          normalisation of pixels as they are read
//	  statistics.c         mean, variance and terms of the gradient over the batch
//	conv.h                 chooses the algorithm of a convolution
//	  conv_direct.h        few channels: as the convolution is defined
//	  conv_depthwise.h     each channel by itself
//	  conv_winograd.h      3x3 weights that leave images their size: Winograd's algorithm
//	  conv_winograd_grad.h the gradient with respect to the weights
//	    winograd_transforms.h  the algorithm's matrices
//	    winograd_tiles.h       how images are cut into tiles
//	    winograd_input.h       reading x, tile by tile
//	    winograd_output.h      writing y, and reading the gradient with respect to it
//	    winograd_products.h    the multiplications
//	  conv_taps.h          all others: a product of matrices for each tap of the window
//	  conv_taps_grad.h     the gradient with respect to the weights
//	    taps_pixels.h      which pixels go together
//	  conv_end.h           bias, sum and ReLU as results are written
//	maxpool.h              maximum pools and their gradient
//	reorder.h              copies between the layouts of images
//	layernorm.h            layer normalisation of rows, and the gradient
//	gelu.h                 the gradient of GELU
//	table.h                all of these for one instruction set
//	avx512.c, avx2.c,
//	neon.c                 compile it for one each
//	operators.c            runs a node: checks shapes, calls a kernel
//	  filled.c             fills the last block of channels of parameters up
//	  tensor.c             a node's inputs, outputs and scratch memory
//	register.c             registers the operators with ONNX Runtime
//	ort.h                  the part of its C API that this needs
package kernels

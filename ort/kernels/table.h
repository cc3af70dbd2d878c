// The table of the kernels for one instruction set. avx512.c, avx2.c and neon.c include it
// after they have defined its name, KERNELS, and what simd.h needs.

#ifndef ONNXLAB_TABLE_H
#define ONNXLAB_TABLE_H

#include "batchnorm.h"
#include "conv.h"
#include "gelu.h"
#include "kernels.h"
#include "layernorm.h"
#include "maxpool.h"
#include "reorder.h"

// This serves an editor or a compiler that opens the header by itself.
#ifndef KERNELS
#define KERNELS onnxlab_kernels
#endif

const kernels KERNELS = {
	.block = BLOCK,
	.conv_scratch = conv_scratch,
	.conv = conv,
	.conv_packed = conv_packed,
	.conv_pack = conv_pack,
	.conv_chunks = conv_chunks,
	.conv_weight_grad_scratch = conv_weight_grad_scratch,
	.conv_weight_grad = conv_weight_grad,
	.batchnorm_scratch = batchnorm_scratch,
	.batchnorm = batchnorm_forward,
	.batchnorm_grad = batchnorm_grad,
	.maxpool = maxpool_forward,
	.maxpool_grad = maxpool_backward,
	.reorder = reorder_images,
	.layernorm = layernorm_forward,
	.layernorm_grad_scratch = layernorm_grad_scratch,
	.layernorm_grad = layernorm_grad,
	.gelu_grad = gelu_grad,
};

#endif

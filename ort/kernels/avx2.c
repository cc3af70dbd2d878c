//go:build amd64 && !windows

// The kernels for AVX2 with FMA: vectors of 8 floats, 16 registers.

#define BLOCK 8
#define TARGET "avx2,fma"

#include "batchnorm.h"
#include "conv.h"
#include "kernels.h"
#include "maxpool.h"
#include "reorder.h"

const kernels onnxlab_avx2 = {
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
};

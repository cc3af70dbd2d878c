// Chooses how convolutions and their gradients by the weights are computed: directly
// if x has fewer channels than a block, otherwise by Winograd's algorithm.

#ifndef ONNXLAB_CONV_H
#define ONNXLAB_CONV_H

#include "conv_direct.h"
#include "conv_winograd.h"
#include "conv_winograd_grad.h"
#include "kernels.h"
#include "simd.h"

static inline int is_direct(const convolution *c) { return c->inputs < BLOCK; }

static size_t conv_scratch(const convolution *c, long workers) {
	return is_direct(c) ? direct_conv_scratch(c, workers) : winograd_conv_scratch(c, workers);
}

static long conv_chunks(const convolution *c) { return is_direct(c) ? c->images : winograd_job_of(c).chunks; }

static void conv(const convolution *c, const threads *t, float *scratch) {
	(is_direct(c) ? direct_conv : winograd_conv)(c, t, scratch);
}

static size_t conv_weight_grad_scratch(const convolution *c) {
	return is_direct(c) ? direct_weight_grad_scratch(c) : winograd_weight_grad_scratch(c);
}

static void conv_weight_grad(const convolution *c, const threads *t, float *scratch) {
	(is_direct(c) ? direct_weight_grad : winograd_weight_grad)(c, t, scratch);
}

#endif

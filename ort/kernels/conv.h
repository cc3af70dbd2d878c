// Chooses how convolutions and their gradients with respect to the weights are computed: directly
// if x has fewer channels than a block, or each channel is convolved by itself; by Winograd's
// algorithm if the weights are 3x3, the stride is 1 and y is as large as x; otherwise tap by
// tap, as products of matrices are.

#ifndef ONNXLAB_CONV_H
#define ONNXLAB_CONV_H

#include "conv_depthwise.h"
#include "conv_direct.h"
#include "conv_taps.h"
#include "conv_taps_grad.h"
#include "conv_winograd.h"
#include "conv_winograd_grad.h"
#include "kernels.h"
#include "simd.h"
#include "sizes.h"

typedef enum { DEPTHWISE, DIRECT, WINOGRAD, TAPS_ONE_BY_ONE } algorithm;

static inline algorithm algorithm_of(const convolution *c) {
	const window *w = &c->window;
	if (c->depthwise)
		return DEPTHWISE;
	if (c->rows)
		return TAPS_ONE_BY_ONE;
	if (c->inputs < BLOCK)
		return DIRECT;
	const int same = w->height == FILTER && w->width == FILTER && w->stride == 1 && w->top == 1 && w->left == 1 &&
	                 c->y_height == c->height && c->y_width == c->width;
	return same && !c->by_taps ? WINOGRAD : TAPS_ONE_BY_ONE;
}

static size_t conv_scratch(const convolution *c, long workers) {
	switch (algorithm_of(c)) {
	case DEPTHWISE: return depthwise_scratch(c, workers);
	case DIRECT: return direct_conv_scratch(c, workers);
	case WINOGRAD: return winograd_conv_scratch(c, workers);
	default: return taps_conv_scratch(c, workers);
	}
}

static long conv_chunks(const convolution *c) {
	switch (algorithm_of(c)) {
	case DEPTHWISE:
	case DIRECT: return c->images;
	case WINOGRAD: return winograd_job_of(c, 1).chunks;
	default: return taps_job_of(c).chunks;
	}
}

static void conv(const convolution *c, const threads *t, float *scratch) {
	switch (algorithm_of(c)) {
	case DEPTHWISE: depthwise_conv(c, t, scratch); break;
	case DIRECT: direct_conv(c, t, scratch); break;
	case WINOGRAD: winograd_conv(c, t, scratch); break;
	default: taps_conv(c, t, scratch);
	}
}

static size_t conv_packed(const convolution *c) {
	switch (algorithm_of(c)) {
	case DEPTHWISE: return sizeof(float) * weight_floats(c) / c->outputs;
	case DIRECT: return sizeof(float) * weight_floats(c);
	case WINOGRAD: return sizeof(float) * ELEMENTS * winograd_job_of(c, 1).u_stride;
	default: return sizeof(float) * weight_floats(c);
	}
}

static void conv_pack(const convolution *c, const threads *t, float *packed) {
	switch (algorithm_of(c)) {
	case DEPTHWISE: pack_depthwise_weights(c, packed); break;
	case DIRECT: pack_direct_weights(c, packed); break;
	case WINOGRAD: pack_winograd_weights(c, t, packed); break;
	default: pack_taps_weights(c, t, packed);
	}
}

static size_t conv_weight_grad_scratch(const convolution *c, long workers) {
	switch (algorithm_of(c)) {
	case DEPTHWISE: return depthwise_weight_grad_scratch(c, workers);
	case DIRECT: return direct_weight_grad_scratch(c);
	case WINOGRAD: return winograd_weight_grad_scratch(c);
	default: return taps_weight_grad_scratch(c, workers);
	}
}

static void conv_weight_grad(const convolution *c, const threads *t, float *scratch) {
	switch (algorithm_of(c)) {
	case DEPTHWISE: depthwise_weight_grad(c, t, scratch); break;
	case DIRECT: direct_weight_grad(c, t, scratch); break;
	case WINOGRAD: winograd_weight_grad(c, t, scratch); break;
	default: taps_weight_grad(c, t, scratch);
	}
}

#endif

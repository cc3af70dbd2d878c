// Arithmetic on sizes, which several kernels need.

#ifndef ONNXLAB_SIZES_H
#define ONNXLAB_SIZES_H

#include "kernels.h"

static inline long round_up(long n, long multiple) { return (n + multiple - 1) / multiple * multiple; }

static inline long smaller(long a, long b) { return a < b ? a : b; }

static inline long larger(long a, long b) { return a > b ? a : b; }

// weight_floats is how many weights a convolution has that is not depthwise.
static inline long weight_floats(const convolution *c) {
	return c->window.height * c->window.width * c->inputs * c->outputs;
}

#endif

// Arithmetic on sizes, which several kernels need.

#ifndef ONNXLAB_SIZES_H
#define ONNXLAB_SIZES_H

#include "kernels.h"

static inline long round_up(long n, long multiple) { return (n + multiple - 1) / multiple * multiple; }

static inline long smaller(long a, long b) { return a < b ? a : b; }

static inline long larger(long a, long b) { return a > b ? a : b; }

// even_part cuts n into as few parts of at most `most` as possible and returns the size of a
// part: an even share of n, rounded up to a multiple of `multiple`, but at most `most`.
static inline long even_part(long n, long most, long multiple) {
	const long parts = larger((n + most - 1) / most, 1);
	return smaller(round_up(larger((n + parts - 1) / parts, 1), multiple), most);
}

// weight_floats is how many weights a convolution has that is not depthwise.
static inline long weight_floats(const convolution *c) {
	return c->window.height * c->window.width * c->inputs * c->outputs;
}

#endif

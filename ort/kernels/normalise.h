// Normalisation of one block of channels, followed by ReLU or not.

#ifndef ONNXLAB_NORMALISE_H
#define ONNXLAB_NORMALISE_H

#include <math.h>

#include "kernels.h"
#include "simd.h"
#include "statistics.h"

// y = min(ceiling, max(floor, factor·x + shift))
typedef struct {
	vec factor, shift;
	float floor;   // 0 with ReLU, else −∞
	float ceiling; // ∞ if there is none
} block_norm;

// block_norm_at reads the factors and shifts, [channels], from channel c on.
SIMD_INLINE block_norm block_norm_at(const float *factor, const float *shift, long c, const channel_norm *n) {
	const float ceiling = n->relu && n->ceiling > 0 ? n->ceiling : INFINITY;
	return (block_norm){load(factor + c), load(shift + c), n->relu ? 0 : -INFINITY, ceiling};
}

// How a convolution normalises its x, as it reads it, before ReLU: factor·x + shift. Both
// are [inputs]; they are NULL if x is not normalised.
typedef struct {
	const float *factor, *shift;
} input_norm;

// norm_floats is how many floats of scratch memory input_norm_of needs.
static inline long norm_floats(const convolution *c) { return c->x_norm.scale == NULL ? 0 : 2 * c->inputs; }

// input_norm_of computes factor and shift in the scratch memory if x is normalised.
static inline input_norm input_norm_of(const convolution *c, float *scratch) {
	if (c->x_norm.scale == NULL)
		return (input_norm){0};
	onnxlab_affine(&c->x_norm, c->inputs, scratch, scratch + c->inputs);
	return (input_norm){scratch, scratch + c->inputs};
}

SIMD_INLINE vec before_relu(const block_norm *n, vec x) { return x * n->factor + n->shift; }

// passes_relu tells where ReLU, and its ceiling, keep a value. NaN is kept, so that it shows in
// the loss.
SIMD_INLINE mask passes_relu(const block_norm *n, vec v) {
	return ~((v <= broadcast(n->floor)) | (v >= broadcast(n->ceiling)));
}

SIMD_INLINE vec normalise(const block_norm *n, vec x) {
	return clamp(before_relu(n, x), n->floor, n->ceiling);
}

#endif

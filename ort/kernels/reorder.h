// Copies images from the plain layout to the blocked one, and back.
//
// Every task copies one block of channels of one image: in the plain layout these are BLOCK
// rows of all pixels, in the blocked one a row of BLOCK channels for each pixel.

#ifndef ONNXLAB_REORDER_H
#define ONNXLAB_REORDER_H

#include "kernels.h"
#include "simd.h"

// The pixels that are copied to plain rows at a time: they stay in the first-level cache
// while each of their channels is read.
enum { REORDER_PIXELS = 64 };

// to_blocked writes [pixels][BLOCK] from [BLOCK][pixels].
SIMD_INLINE void to_blocked(const float *from, long pixels, float *to) {
	for (long p = 0; p < pixels; p++) {
		vec v;
		UNROLL for (int k = 0; k < BLOCK; k++) v[k] = from[k * pixels + p];
		store(to + p * BLOCK, v);
	}
}

// to_plain writes [BLOCK][pixels] from [pixels][BLOCK].
SIMD_INLINE void to_plain(const float *from, long pixels, float *to) {
	for (long first = 0; first < pixels; first += REORDER_PIXELS) {
		const long end = first + REORDER_PIXELS < pixels ? first + REORDER_PIXELS : pixels;
		for (int k = 0; k < BLOCK; k++)
			for (long p = first; p < end; p++) to[k * pixels + p] = from[p * BLOCK + k];
	}
}

// to_last writes the pixels [BLOCK] of an image whose pixels are `channels` floats apart.
SIMD_INLINE void to_last(const float *from, long pixels, long channels, float *to) {
	for (long p = 0; p < pixels; p++) store(to + p * channels, load(from + p * BLOCK));
}

SIMD static void reorder_block(void *argument, size_t task) {
	const reorder *r = argument;
	const long blocks = r->channels / BLOCK, image = (long)task / blocks, block = (long)task % blocks;
	const long at = (long)task * r->pixels * BLOCK;
	switch (r->kind) {
	case PLAIN_TO_BLOCKED: to_blocked(r->x + at, r->pixels, r->y + at); break;
	case BLOCKED_TO_PLAIN: to_plain(r->x + at, r->pixels, r->y + at); break;
	default: to_last(r->x + at, r->pixels, r->channels, r->y + image * r->pixels * r->channels + block * BLOCK);
	}
}

static void reorder_images(const reorder *r, const threads *t) {
	reorder copy = *r;
	t->parallel_for(t, r->images * r->channels / BLOCK, reorder_block, &copy);
}

#endif

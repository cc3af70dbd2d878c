// Copies images from the plain layout to the blocked one, and back.
//
// Every task copies one block of channels of one image: in the plain layout these are BLOCK
// rows of all pixels, in the blocked one a row of BLOCK channels for each pixel. The last
// block may have fewer channels.

#ifndef ONNXLAB_REORDER_H
#define ONNXLAB_REORDER_H

#include <string.h>

#include "kernels.h"
#include "simd.h"
#include "sizes.h"

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

// to_filled writes [pixels][BLOCK] from [channels][pixels], with zeros for further channels.
SIMD static void to_filled(const float *from, long channels, long pixels, float *to) {
	for (long p = 0; p < pixels; p++) {
		store(to + p * BLOCK, (vec){0});
		for (long k = 0; k < channels; k++) to[p * BLOCK + k] = from[k * pixels + p];
	}
}

// to_plain writes [channels][pixels] from [pixels][BLOCK].
SIMD_INLINE void to_plain(const float *from, long channels, long pixels, float *to) {
	for (long first = 0; first < pixels; first += REORDER_PIXELS) {
		const long end = smaller(first + REORDER_PIXELS, pixels);
		for (long k = 0; k < channels; k++)
			for (long p = first; p < end; p++) to[k * pixels + p] = from[p * BLOCK + k];
	}
}

// to_last writes `channels` channels of the pixels [BLOCK] of an image whose pixels are `step`
// floats apart.
SIMD_INLINE void to_last(const float *from, long channels, long pixels, long step, float *to) {
	for (long p = 0; p < pixels; p++) memcpy(to + p * step, from + p * BLOCK, sizeof(float) * (size_t)channels);
}

// blocks_of is how many blocks the channels of an image make.
static inline long blocks_of(const reorder *r) { return round_up(r->channels, BLOCK) / BLOCK; }

SIMD static void reorder_block(void *argument, size_t task) {
	const reorder *r = argument;
	const long blocks = blocks_of(r), image = (long)task / blocks, first = (long)task % blocks * BLOCK;
	const long channels = smaller(r->channels - first, BLOCK);
	const long plain = (image * r->channels + first) * r->pixels, blocked = (long)task * r->pixels * BLOCK;
	float *last = r->y + image * r->pixels * r->channels + first;
	switch (r->kind) {
	case PLAIN_TO_BLOCKED:
		if (channels == BLOCK)
			to_blocked(r->x + plain, r->pixels, r->y + blocked);
		else
			to_filled(r->x + plain, channels, r->pixels, r->y + blocked);
		break;
	case BLOCKED_TO_PLAIN: to_plain(r->x + blocked, channels, r->pixels, r->y + plain); break;
	default:
		if (channels == BLOCK) // a constant size, so that each copy is one vector
			to_last(r->x + blocked, BLOCK, r->pixels, r->channels, last);
		else
			to_last(r->x + blocked, channels, r->pixels, r->channels, last);
	}
}

static void reorder_images(const reorder *r, const threads *t) {
	reorder copy = *r;
	t->parallel_for(t, r->images * blocks_of(r), reorder_block, &copy);
}

#endif

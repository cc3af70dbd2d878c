// Max pooling of blocked images, and its gradient. Every task handles one block of channels
// of one image; tasks are numbered image·(channels/BLOCK) + block.

#ifndef ONNXLAB_MAXPOOL_H
#define ONNXLAB_MAXPOOL_H

#include <string.h>

#include "kernels.h"
#include "simd.h"

// The taps of one window that are inside the image: rows top to bottom − 1, likewise columns.
typedef struct {
	long top, bottom, left, right;
} taps_inside;

static inline taps_inside taps_inside_of(const maxpool *p, long row, long column) {
	const window *w = &p->window;
	const long top = row * w->stride - w->top, left = column * w->stride - w->left;
	return (taps_inside){
		.top = top < 0 ? 0 : top,
		.bottom = top + w->height < p->height ? top + w->height : p->height,
		.left = left < 0 ? 0 : left,
		.right = left + w->width < p->width ? left + w->width : p->width,
	};
}

// largest is the largest pixel of each channel. A NaN is larger than all others.
SIMD_INLINE vec largest(const maxpool *p, const float *x, const taps_inside *t) {
	vec most = load(x + (t->top * p->width + t->left) * BLOCK);
	for (long r = t->top; r < t->bottom; r++)
		for (long c = t->left; c < t->right; c++) {
			vec pixel = load(x + (r * p->width + c) * BLOCK);
			most = choose((pixel > most) | (pixel != pixel), pixel, most);
		}
	return most;
}

SIMD static void pool_block(void *argument, size_t task) {
	const maxpool *p = argument;
	const float *x = p->x + (long)task * p->height * p->width * BLOCK;
	float *y = p->y + (long)task * p->y_height * p->y_width * BLOCK;
	for (long r = 0; r < p->y_height; r++)
		for (long c = 0; c < p->y_width; c++, y += BLOCK) {
			const taps_inside t = taps_inside_of(p, r, c);
			store(y, largest(p, x, &t));
		}
}

static void maxpool_forward(const maxpool *p, const threads *t) {
	maxpool copy = *p;
	t->parallel_for(t, p->images * p->channels / BLOCK, pool_block, &copy);
}

// give_back adds each channel's dy to the first pixel of the window that is the largest.
SIMD_INLINE void give_back(const maxpool *p, const float *x, const taps_inside *t, vec dy, float *dx) {
	const vec most = largest(p, x, t);
	mask open = ~(mask){0}; // no pixel has had it yet
	for (long r = t->top; r < t->bottom; r++)
		for (long c = t->left; c < t->right; c++) {
			float *to = dx + (r * p->width + c) * BLOCK;
			mask takes = open & (load(x + (r * p->width + c) * BLOCK) == most);
			store(to, load(to) + choose(takes, dy, (vec){0}));
			open &= ~takes;
		}
}

SIMD static void pool_block_back(void *argument, size_t task) {
	const maxpool *p = argument;
	const long pixels = p->height * p->width;
	const float *x = p->x + (long)task * pixels * BLOCK, *dy = p->dy + (long)task * p->y_height * p->y_width * BLOCK;
	float *dx = p->dx + (long)task * pixels * BLOCK;
	memset(dx, 0, sizeof(float) * (size_t)(pixels * BLOCK));
	for (long r = 0; r < p->y_height; r++)
		for (long c = 0; c < p->y_width; c++, dy += BLOCK) {
			const taps_inside t = taps_inside_of(p, r, c);
			give_back(p, x, &t, load(dy), dx);
		}
}

static void maxpool_backward(const maxpool *p, const threads *t) {
	maxpool copy = *p;
	t->parallel_for(t, p->images * p->channels / BLOCK, pool_block_back, &copy);
}

#endif

// Max pooling of blocked images, and its gradient. Every task handles one block of channels
// of one image; tasks are numbered image·(channels/BLOCK) + block.

#ifndef ONNXLAB_MAXPOOL_H
#define ONNXLAB_MAXPOOL_H

#include <string.h>

#include "kernels.h"
#include "simd.h"
#include "sizes.h"

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
		for (long c = t->left; c < t->right; c++) most = larger_of(most, load(x + (r * p->width + c) * BLOCK));
	return most;
}

enum { POOL_GROUP = 4 }; // results that are computed at once

// largest_group is largest for a group of results in a row, of whose windows no column is outside
// the image. t is the first window.
SIMD_INLINE void largest_group(const maxpool *p, const float *x, const taps_inside *t, float *y) {
	const long step = p->window.stride * BLOCK; // from one window to the next
	vec most[POOL_GROUP];
	UNROLL
	for (int k = 0; k < POOL_GROUP; k++) most[k] = load(x + (t->top * p->width + t->left) * BLOCK + k * step);
	for (long r = t->top; r < t->bottom; r++)
		for (long c = t->left; c < t->right; c++) {
			const float *pixel = x + (r * p->width + c) * BLOCK;
			UNROLL
			for (int k = 0; k < POOL_GROUP; k++) most[k] = larger_of(most[k], load(pixel + k * step));
		}
	UNROLL
	for (int k = 0; k < POOL_GROUP; k++) store(y + k * BLOCK, most[k]);
}

// whole_columns returns the results of a row, first ≤ column < end, of whose windows no column
// is outside the image.
static inline long whole_columns(const maxpool *p, long *end) {
	const window *w = &p->window;
	const long first = smaller((w->left + w->stride - 1) / w->stride, p->y_width);
	*end = larger(first, smaller((p->width + w->left - w->width) / w->stride + 1, p->y_width));
	return first;
}

SIMD static void pool_row(const maxpool *p, const float *x, float *y, long row) {
	long end, first = whole_columns(p, &end);
	for (long c = 0; c < p->y_width;) {
		const taps_inside t = taps_inside_of(p, row, c);
		if (c >= first && c + POOL_GROUP <= end) {
			largest_group(p, x, &t, y + c * BLOCK);
			c += POOL_GROUP;
		} else {
			store(y + c * BLOCK, largest(p, x, &t));
			c++;
		}
	}
}

// A pool whose blocks are cut into parts of rows, one for each task.
typedef struct {
	maxpool p;
	long parts;
} maxpool_job;

SIMD static void pool_part(void *argument, size_t task) {
	const maxpool_job *job = argument;
	const maxpool *p = &job->p;
	const long block = (long)task / job->parts, part = (long)task % job->parts;
	const float *x = p->x + block * p->height * p->width * BLOCK;
	float *y = p->y + block * p->y_height * p->y_width * BLOCK;
	for (long r = part * p->y_height / job->parts; r < (part + 1) * p->y_height / job->parts; r++)
		pool_row(p, x, y + r * p->y_width * BLOCK, r);
}

static void maxpool_forward(const maxpool *p, const threads *t) {
	const long blocks = p->images * p->channels / BLOCK;
	maxpool_job job = {.p = *p, .parts = larger(1, smaller((t->workers + blocks - 1) / larger(1, blocks), p->y_height))};
	t->parallel_for(t, blocks * job.parts, pool_part, &job);
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

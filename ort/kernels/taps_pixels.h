// How convolutions that go tap by tap gather pixels. For one tap of the window, a result y[r,c]
// depends on one pixel of x, or on none where that pixel is outside the image or, in a gradient
// with respect to x, between two steps of the window. The results of a chunk that depend on a
// pixel are listed, and their pixels packed side by side, so that one matrix product without
// gaps adds the tap to all of them.

#ifndef ONNXLAB_TAPS_PIXELS_H
#define ONNXLAB_TAPS_PIXELS_H

#include "kernels.h"
#include "normalise.h"
#include "simd.h"
#include "sizes.h"
#include "winograd_products.h"
#include "winograd_tiles.h"

// The most results in a chunk.
enum { MOST_CHUNK = 384 };

// The results of one chunk that depend on a pixel of x by one tap.
typedef struct {
	long n;
	long row[MOST_CHUNK];  // their places in the chunk, which are rows of M in conv_taps.h
	long from[MOST_CHUNK]; // where the pixel lies in x, in floats, of the first block of channels
	long to[MOST_CHUNK];   // where the result lies in y, likewise
} tap_list;

// How many floats pixels, blocks of channels and images are apart in x or y.
typedef struct {
	long pixel, block, image;
} layout;

static inline layout layout_of(const convolution *c, long channels, long pixels) {
	return c->rows ? (layout){channels, BLOCK, pixels * channels} : (layout){BLOCK, pixels * BLOCK, pixels * channels};
}

static inline layout x_layout(const convolution *c) { return layout_of(c, c->inputs, c->height * c->width); }

static inline layout y_layout(const convolution *c) { return layout_of(c, c->outputs, c->y_height * c->y_width); }

// source returns the row of x on which row `at` of y depends by row j of the window, or a
// negative number if there is none. before is the window's padding above the image, and size
// the number of rows of x. It serves columns, too.
static inline long source(const convolution *c, long at, long j, long before, long size) {
	const long stride = c->window.stride;
	long from = at * stride + j - before;
	if (c->flipped) {
		from = at + before - j;
		if (stride > 1) {
			if (from % stride != 0)
				return -1;
			from /= stride;
		}
	}
	return from < size ? from : -1; // above the image, from is negative
}

// list_tap lists those results from number `first` to first + n − 1 that depend on a pixel of x
// by the tap. Results are numbered along rows, row after row, image after image.
static void list_tap(const convolution *c, long first, long n, long tap, tap_list *list) {
	const window *w = &c->window;
	const layout x = x_layout(c), y = y_layout(c);
	const long y_pixels = c->y_height * c->y_width;
	long image = first / y_pixels, r = first % y_pixels / c->y_width, column = first % c->y_width;
	list->n = 0;
	for (long i = 0; i < n; column = 0) {
		const long end = smaller(n, i + c->y_width - column);
		const long from_row = source(c, r, tap / w->width, w->top, c->height);
		const long from = image * x.image + from_row * c->width * x.pixel;
		const long to = image * y.image + r * c->y_width * y.pixel;
		for (; from_row >= 0 && i < end; i++, column++) {
			const long from_column = source(c, column, tap % w->width, w->left, c->width);
			if (from_column < 0)
				continue;
			list->row[list->n] = i;
			list->from[list->n] = from + from_column * x.pixel;
			list->to[list->n++] = to + column * y.pixel;
		}
		i = end;
		if (++r == c->y_height)
			r = 0, image++;
	}
}

// pack_block copies one block of channels of n listed pixels, which begin at `offsets`,
// normalises them unless norm is NULL, and adds zeros up to a whole number of PRODUCT_ROWS.
SIMD_INLINE void pack_block(const float *from, const long *offsets, long n, const block_norm *norm, float *to) {
	for (long i = 0; i < n; i++) {
		vec pixel = load(from + offsets[i]);
		store(to + i * BLOCK, norm == NULL ? pixel : normalise(norm, pixel));
	}
	for (long i = n; i % PRODUCT_ROWS != 0; i++) store(to + i * BLOCK, (vec){0});
}

// packed_together is how many pixels are packed before the next block of channels is. Neighbouring
// pixels of a block lie side by side in images; of rows of channels, all blocks of a pixel do.
static inline long packed_together(const convolution *c) { return c->rows ? PRODUCT_ROWS : MOST_CHUNK; }

// pack_inputs writes V, [blocks][rows][BLOCK]: the listed pixels of x, of `blocks` blocks of
// channels from block `first` on, normalised if norm says so.
SIMD static void pack_inputs(const convolution *c, const input_norm *norm, const tap_list *list, long first, long blocks,
                             tile_matrix v) {
	const long together = packed_together(c);
	for (long i = 0; i < list->n; i += together)
		for (long b = 0; b < blocks; b++) {
			const float *from = c->x + (first + b) * x_layout(c).block;
			float *to = v.data + b * v.block_stride + i * BLOCK;
			const long n = smaller(together, list->n - i);
			if (norm->factor == NULL) {
				pack_block(from, list->from + i, n, NULL, to);
				continue;
			}
			const block_norm of_block = block_norm_at(norm->factor, norm->shift, (first + b) * BLOCK, &c->x_norm);
			pack_block(from, list->from + i, n, &of_block, to);
		}
}

#endif

// How Winograd's algorithm writes y = Aᵀ M A of some tiles and measures its moments, and
// how it reads dy: it computes E = A dy Aᵀ.

#ifndef ONNXLAB_WINOGRAD_OUTPUT_H
#define ONNXLAB_WINOGRAD_OUTPUT_H

#include "conv_end.h"
#include "kernels.h"
#include "moments.h"
#include "simd.h"
#include "winograd_tiles.h"
#include "winograd_transforms.h"

// A tile of results at the right or lower edge may reach beyond the image.
typedef struct {
	long rows, columns; // those inside the image
	long row_stride;    // floats from one row of the image to the next
} tile_extent;

static inline tile_extent extent_of(const convolution *c, position p) {
	return (tile_extent){smaller(c->height - p.y, OUT_TILE), smaller(c->width - p.x, OUT_TILE), c->width * BLOCK};
}

// transform_gradient writes the 36 elements of A dy Aᵀ for one tile. Beyond the
// image's edge dy is 0.
SIMD_NOINLINE void transform_gradient(const float *dy, const tile_extent *extent, float *e, long element_stride,
                                      const float *prefetch) {
	const long rows = extent->rows, columns = extent->columns, row_stride = extent->row_stride;
	vec half[IN_TILE][OUT_TILE]; // A dy
	UNROLL for (int j = 0; j < OUT_TILE; j++) {
		vec column[OUT_TILE], out[IN_TILE];
		UNROLL for (int i = 0; i < OUT_TILE; i++)
			column[i] = i < rows && j < columns ? load(dy + i * row_stride + j * BLOCK) : (vec){0};
		output_gradient_transform(column, out);
		UNROLL for (int i = 0; i < IN_TILE; i++) half[i][j] = out[i];
	}
	UNROLL for (int i = 0; i < IN_TILE; i++) {
		if (i < OUT_TILE)
			prefetch_row(prefetch + i * row_stride);
		vec out[IN_TILE];
		output_gradient_transform(half[i], out);
		UNROLL for (int j = 0; j < IN_TILE; j++, e += element_stride) store(e, out[j]);
	}
}

// prefetch_distance is how many tiles ahead dy is prefetched. With few blocks of
// channels, transforming one tile takes less time than fetching one from memory.
static inline long prefetch_distance(long blocks) { return 1 + 3 / blocks; }

// transform_gradients writes E = A dy Aᵀ of n tiles, starting with tile number `first`.
SIMD static void transform_gradients(const tile_grid *g, long first, long n, tile_matrix e) {
	const convolution *c = g->conv;
	const long blocks = c->outputs / BLOCK;
	position p = tile_position(g, first), ahead = tile_position(g, first + prefetch_distance(blocks));
	for (; n > 0; n--, e.data += BLOCK, p = next_tile(g, p), ahead = next_tile(g, ahead)) {
		const tile_extent extent = extent_of(c, p);
		for (long b = 0; b < blocks; b++)
			transform_gradient(c->dy + pixel_offset(c, blocks, b, p), &extent, e.data + b * e.block_stride,
			                   e.element_stride, c->dy + pixel_offset(c, blocks, b, ahead));
	}
}

// The moments of the tiles that have been written so far.
typedef struct {
	moments sums;
	int empty; // none yet: the next pixel becomes the pivot
} measurement;

// transform_output writes Aᵀ m A to one tile of y, after adding the bias and whatever else `end`
// says, and adds its pixels to the measurement unless that is NULL.
SIMD_INLINE void transform_output(const float *m, long element_stride, const conv_end *end, float *y, const tile_extent *extent,
                                  measurement *measured) {
	const long rows = extent->rows, columns = extent->columns, row_stride = extent->row_stride;
	const vec bias = end->bias;
	vec half[OUT_TILE][IN_TILE]; // Aᵀ m
	UNROLL for (int j = 0; j < IN_TILE; j++, m += element_stride) {
		vec column[IN_TILE], out[OUT_TILE];
		UNROLL for (int i = 0; i < IN_TILE; i++) column[i] = load(m + i * IN_TILE * element_stride);
		output_transform(column, out);
		UNROLL for (int i = 0; i < OUT_TILE; i++) half[i][j] = out[i];
	}
	UNROLL for (int i = 0; i < OUT_TILE; i++) {
		vec out[OUT_TILE];
		output_transform(half[i], out);
		if (measured != NULL && i == 0 && measured->empty)
			measured->sums = moments_around(out[0] + bias);
		UNROLL for (int j = 0; j < OUT_TILE; j++)
			if (i < rows && j < columns) {
				write_pixel(end, out[j], y, i * row_stride + j * BLOCK);
				if (measured != NULL)
					add_pixel(&measured->sums, out[j] + bias);
			}
	}
}

SIMD_NOINLINE void write_tile(const float *m, long element_stride, const conv_end *end, float *y, const tile_extent *extent) {
	const conv_end bias_alone = {.bias = end->bias, .streams = end->streams};
	transform_output(m, element_stride, &bias_alone, y, extent, NULL);
}

SIMD_NOINLINE void write_and_end_tile(const float *m, long element_stride, const conv_end *end, float *y,
                                      const tile_extent *extent) {
	transform_output(m, element_stride, end, y, extent, NULL);
}

// Where the measurement of one block of channels is kept from one tile to the next:
// [3, channels] with pivot, sum and squares.
typedef struct {
	float *data;
	long channels;
	int empty;
} stored_measurement;

SIMD_INLINE moments load_moments(const stored_measurement *s) {
	return (moments){load(s->data), load(s->data + s->channels), load(s->data + 2 * s->channels)};
}

SIMD_NOINLINE void write_and_measure_tile(const float *m, long element_stride, const conv_end *end, float *y,
                                          const tile_extent *extent, const stored_measurement *s) {
	measurement measured = {load_moments(s), s->empty};
	const conv_end bias_alone = {.bias = end->bias, .streams = end->streams};
	transform_output(m, element_stride, &bias_alone, y, extent, &measured);
	store(s->data, measured.sums.pivot);
	store(s->data + s->channels, measured.sums.sum);
	store(s->data + 2 * s->channels, measured.sums.squares);
}

// Some tiles of y: n of them from tile number `first` on, in some of its blocks of outputs.
typedef struct {
	long first, n;
	long first_block, blocks;
} part_of_y;

// write_outputs writes y = Aᵀ M A plus the bias for a part of y. If measured is not NULL, it gets
// the part's moments, [3, outputs]. Until the last tile is done, it holds the stored measurements.
SIMD static void write_outputs(const tile_grid *g, part_of_y part, tile_matrix m, float *measured) {
	const convolution *c = g->conv;
	const long last_block = part.first_block + part.blocks;
	long pixels = 0;
	position p = tile_position(g, part.first);
	for (long t = 0; t < part.n; t++, m.data += BLOCK, p = next_tile(g, p)) {
		const tile_extent extent = extent_of(c, p);
		pixels += extent.rows * extent.columns;
		for (long b = part.first_block; b < last_block; b++) {
			const float *from = m.data + (b - part.first_block) * m.block_stride;
			const long at = pixel_offset(c, c->outputs / BLOCK, b, p);
			const conv_end end = conv_end_at(c, b, at);
			if (end.sum != NULL || end.relu) {
				write_and_end_tile(from, m.element_stride, &end, c->y + at, &extent);
				continue;
			}
			if (measured == NULL) {
				write_tile(from, m.element_stride, &end, c->y + at, &extent);
				continue;
			}
			const stored_measurement s = {measured + b * BLOCK, c->outputs, .empty = t == 0};
			write_and_measure_tile(from, m.element_stride, &end, c->y + at, &extent, &s);
		}
	}
	stream_fence();
	for (long b = part.first_block; b < last_block && measured != NULL; b++) {
		const stored_measurement s = {.data = measured + b * BLOCK, .channels = c->outputs};
		const moments sums = load_moments(&s);
		store_moments(&sums, pixels, s.data, s.channels);
	}
}

#endif

// How Winograd's algorithm reads x: it computes V = Bᵀ x B of some tiles
// (winograd_transforms.h has the matrices).

#ifndef ONNXLAB_WINOGRAD_INPUT_H
#define ONNXLAB_WINOGRAD_INPUT_H

#include <string.h>

#include "kernels.h"
#include "normalise.h"
#include "simd.h"
#include "winograd_tiles.h"
#include "winograd_transforms.h"

// Tiles that are neighbours in a row share pixels, so a strip of them is read at a
// time: [IN_TILE][STRIP_TILES·OUT_TILE + FILTER − 1][BLOCK], 13 KB with AVX-512, which stays
// in the first-level cache. STRIP_ROW is the number of floats in one of its rows.
enum { STRIP_TILES = 8, STRIP_ROW = (STRIP_TILES * OUT_TILE + FILTER - 1) * BLOCK };

SIMD_INLINE void copy_pixels(const float *from, long n, float *to) {
	for (long i = 0; i < n * BLOCK; i += BLOCK) store(to + i, load(from + i));
}

SIMD_INLINE void normalise_pixels(const float *from, long n, const block_norm *norm, float *to) {
	for (long i = 0; i < n * BLOCK; i += BLOCK) store(to + i, normalise(norm, load(from + i)));
}

// read_strip reads the pixels of one block of channels that n neighbouring tiles depend
// on, the first tile being at p. It normalises them if x_norm says so. Outside the image
// they are 0, since the convolution pads x after its normalisation.
SIMD static void read_strip(const tile_grid *g, long block, position p, long n, float *to) {
	const convolution *c = g->conv;
	const long columns = n * OUT_TILE + FILTER - 1; // from p.x − 1 on
	// Columns from left to right − 1 are inside the image.
	const long left = p.x == 0, right = smaller(c->width + 1 - p.x, columns);
	block_norm norm = {0};
	if (g->norm.factor != NULL)
		norm = block_norm_at(g->norm.factor, g->norm.shift, block * BLOCK, &c->x_norm);
	for (long y = p.y - 1; y < p.y - 1 + IN_TILE; y++, to += STRIP_ROW) {
		if (y < 0 || y >= c->height) {
			memset(to, 0, sizeof(float) * (size_t)(columns * BLOCK));
			continue;
		}
		const float *from = c->x + pixel_offset(c, c->inputs / BLOCK, block, (position){p.image, y, p.x - 1});
		if (left)
			store(to, (vec){0});
		if (g->norm.factor != NULL)
			normalise_pixels(from + left * BLOCK, right - left, &norm, to + left * BLOCK);
		else
			copy_pixels(from + left * BLOCK, right - left, to + left * BLOCK);
		for (long j = right; j < columns; j++) store(to + j * BLOCK, (vec){0});
	}
}

// transform_input writes the 36 elements of Bᵀ x B for one tile of a strip to v, from x on, and
// prefetches the tile at `prefetch`. All 36 vectors of Bᵀ x would not fit in the
// registers, so it works on three rows at a time: 18 vectors, and six more for the
// column or row that is being transformed.
//
// The functions for one tile must not be inlined. Otherwise GCC keeps the addresses of
// all 36 elements across the loops around them, and has no registers left.
SIMD_NOINLINE void transform_input(const float *x, float *v, long element_stride,
                                   const float *prefetch, long prefetch_stride) {
	UNROLL for (int lower = 0; lower < 2; lower++) {
		vec half[HALF_TILE][IN_TILE]; // three rows of Bᵀ x
		UNROLL for (int j = 0; j < IN_TILE; j++) {
			vec column[IN_TILE], out[HALF_TILE];
			UNROLL for (int i = 0; i < IN_TILE; i++) column[i] = load(x + i * STRIP_ROW + j * BLOCK);
			input_transform(lower, column, out);
			UNROLL for (int i = 0; i < HALF_TILE; i++) half[i][j] = out[i];
		}
		UNROLL for (int i = 0; i < HALF_TILE; i++) {
			if (lower * HALF_TILE + i < OUT_TILE)
				prefetch_row(prefetch + (lower * HALF_TILE + i) * prefetch_stride);
			UNROLL for (int right = 0; right < 2; right++) {
				vec out[HALF_TILE];
				input_transform(right, half[i], out);
				UNROLL for (int j = 0; j < HALF_TILE; j++, v += element_stride) store(v, out[j]);
			}
		}
	}
}

// transform_inputs writes V = Bᵀ x B of n tiles, starting with tile number `first`.
SIMD static void transform_inputs(const tile_grid *g, long first, long n, tile_matrix v) {
	const convolution *c = g->conv;
	const long blocks = c->inputs / BLOCK;
	float strip[IN_TILE * STRIP_ROW];
	position p = tile_position(g, first), next;
	for (long tiles; n > 0; n -= tiles, v.data += tiles * BLOCK, p = next) {
		tiles = smaller(smaller(g->columns - p.x / OUT_TILE, STRIP_TILES), n);
		next = p;
		for (long t = 0; t < tiles; t++) next = next_tile(g, next);
		for (long b = 0; b < blocks; b++) {
			read_strip(g, b, p, tiles, strip);
			position ahead = next;
			for (long t = 0; t < tiles; t++, ahead = next_tile(g, ahead)) {
				const position inner = {ahead.image, ahead.y + 1, ahead.x + 1};
				transform_input(strip + t * OUT_TILE * BLOCK, v.data + b * v.block_stride + t * BLOCK, v.element_stride,
				                c->x + pixel_offset(c, blocks, b, inner), c->width * BLOCK);
			}
		}
	}
}

#endif

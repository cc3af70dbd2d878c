// How Winograd's algorithm cuts images into tiles. They are numbered along the rows of
// an image, row after row, image after image.

#ifndef ONNXLAB_WINOGRAD_TILES_H
#define ONNXLAB_WINOGRAD_TILES_H

#include "kernels.h"
#include "normalise.h"
#include "simd.h"
#include "sizes.h"
#include "winograd_transforms.h"

// padded_stride is how many floats apart the 36 elements are stored if each has n floats.
// If they were a multiple of 4 KiB (1024 floats) apart, all would compete for the same few
// lines of the cache. So they are two vectors more than such a multiple apart.
static inline long padded_stride(long n) { return round_up(n, 1024) + 2 * BLOCK; }

// A convolution whose images are cut into tiles.
typedef struct {
	const convolution *conv;
	long rows, columns; // of tiles, in one image
	long tiles;         // of all images
	input_norm norm;    // how x is normalised as it is read
} tile_grid;

static inline tile_grid tile_grid_of(const convolution *c) {
	const long rows = round_up(c->height, OUT_TILE) / OUT_TILE, columns = round_up(c->width, OUT_TILE) / OUT_TILE;
	return (tile_grid){.conv = c, .rows = rows, .columns = columns, .tiles = c->images * rows * columns};
}

// Transformed tiles: [ELEMENTS][block of channels][tile][BLOCK].
typedef struct {
	float *data;
	long element_stride; // floats from one of the 36 elements to the next
	long block_stride;   // floats from one block of channels to the next
} tile_matrix;

// Where a pixel is: in which image, row and column.
typedef struct {
	long image, y, x;
} position;

// pixel_offset is where the pixel at p of one of the `blocks` blocks of channels lies in
// blocked images, in floats from their start.
static inline long pixel_offset(const convolution *c, long blocks, long block, position p) {
	return (((p.image * blocks + block) * c->height + p.y) * c->width + p.x) * BLOCK;
}

// tile_position is the first pixel of a tile.
static inline position tile_position(const tile_grid *g, long tile) {
	const long in_image = tile % (g->rows * g->columns);
	return (position){
		.image = tile / (g->rows * g->columns),
		.y = in_image / g->columns * OUT_TILE,
		.x = in_image % g->columns * OUT_TILE,
	};
}

static inline position next_tile(const tile_grid *g, position p) {
	p.x += OUT_TILE;
	if (p.x == g->columns * OUT_TILE) {
		p.x = 0;
		p.y += OUT_TILE;
	}
	if (p.y == g->rows * OUT_TILE) {
		p.y = 0;
		p.image++;
	}
	return p;
}

// prefetch_row asks for one row of a tile that will be read soon. Only few lines can
// be on their way from memory at the same time, so calls take turns with arithmetic.
SIMD_INLINE void prefetch_row(const float *from) {
	UNROLL for (int j = 0; j < OUT_TILE; j++) __builtin_prefetch(from + j * BLOCK);
}

#endif

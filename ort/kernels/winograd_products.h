// The multiplications of Winograd's algorithm, where nearly all of the time goes.
//
// A transformed tile has 36 elements. Taken over all tiles and channels, each
// element is a product of two matrices:
//
//	forward:   M[tile][output]   = Σ over inputs: V[tile][input]·U[input][output]
//	gradient:  S[input][output] += Σ over tiles:  V[tile][input]·E[tile][output]
//
// with V = Bᵀ x B, U = G w Gᵀ and E = A dy Aᵀ. In memory, V, M and E are [block of
// channels][tile][BLOCK], U is [block of outputs][input][BLOCK], and S is
// [input][output].
//
// The innermost loops keep a rectangle of sums in registers: some rows by one or two
// vectors of outputs. One step of the sum loads these vectors once and multiplies
// them with one broadcast float for each row.

#ifndef ONNXLAB_WINOGRAD_PRODUCTS_H
#define ONNXLAB_WINOGRAD_PRODUCTS_H

#include "simd.h"

// Rows of the rectangle: 24 sums and two vectors of U fit in AVX-512's 32 registers,
// 12 sums and these two in AVX2's 16. As many independent sums as these also hide
// the latency of the multiply-adds.
//
// NEON multiplies a vector by one element of another without broadcasting it first. So a
// vector of four channels is loaded for each row, and serves four steps of the sum: 16
// sums, 8 of these vectors and two of U fit in its 32 registers.
#if BLOCK == 16
enum { PRODUCT_ROWS = 12 };
#elif BLOCK == 8
enum { PRODUCT_ROWS = 6 };
#else
enum { PRODUCT_ROWS = 8 };
#endif

// The last rows of a matrix, if they are fewer than PRODUCT_ROWS, take one or two thirds of a
// rectangle where these suffice.
enum { PRODUCT_THIRD = (PRODUCT_ROWS + 2) / 3 };

// If the rows of a matrix are a multiple of this, none are computed only to be thrown away.
enum { WHOLE_ROWS = PRODUCT_ROWS % PRODUCT_THIRD == 0 ? PRODUCT_THIRD : PRODUCT_ROWS };

// How many vectors of U are prefetched ahead, since U often comes from the third-level cache.
enum { AHEAD = 32 };

// multiply_add adds the broadcast float of each row, `stride` floats apart, times
// one or two vectors to the sums [rows][vectors].
SIMD_INLINE void multiply_add(vec *sums, int rows, int vectors, const float *v, long stride, const vec u[2]) {
	UNROLL for (int i = 0; i < rows; i++) {
		float s = v[i * stride];
		sums[i * vectors] += s * u[0];
		if (vectors > 1)
			sums[i * vectors + 1] += s * u[1];
	}
}

// multiply_add_block does so for each channel of a block, which lie side by side in a row. The
// rows are `stride` floats apart. The vectors of the channels follow each other at u, and the
// second ones at second.
SIMD_INLINE void multiply_add_block(vec *sums, int rows, int vectors, const float *v, const float *u, const float *second) {
#if BLOCK > 4
	for (int c = 0; c < BLOCK; c++) {
		vec u0 = load(u + c * BLOCK), u1 = vectors > 1 ? load(second + c * BLOCK) : u0;
		if (rows > PRODUCT_THIRD) { // with fewer rows, memory is the limit, and prefetching does not help
			__builtin_prefetch(u + (c + AHEAD) * BLOCK);
			if (vectors > 1)
				__builtin_prefetch(second + (c + AHEAD) * BLOCK);
		}
		multiply_add(sums, rows, vectors, v + c, BLOCK, (const vec[2]){u0, u1});
	}
#else
	vec row[PRODUCT_ROWS];
	UNROLL for (int i = 0; i < rows; i++) row[i] = load(v + i * BLOCK);
	UNROLL for (int c = 0; c < BLOCK; c++) {
		vec u0 = load(u + c * BLOCK), u1 = vectors > 1 ? load(second + c * BLOCK) : u0;
		UNROLL for (int i = 0; i < rows; i++) {
			sums[i * vectors] += row[i][c] * u0;
			if (vectors > 1)
				sums[i * vectors + 1] += row[i][c] * u1;
		}
	}
#endif
}

// store_sums stores the sums [rows][vectors] with these strides.
SIMD_INLINE void store_sums(const vec *sums, int rows, int vectors, float *to, long row_stride, long vector_stride) {
	UNROLL for (int i = 0; i < rows; i++) {
		store(to + i * row_stride, sums[i * vectors]);
		if (vectors > 1)
			store(to + vector_stride + i * row_stride, sums[i * vectors + 1]);
	}
}

// The sizes of one element's matrices.
typedef struct {
	long tiles, inputs, outputs;
	long block_stride; // floats from one block of channels of V, M or E to the next
} product_size;

// multiply_rows computes `rows` tiles, at most PRODUCT_ROWS, of one or two blocks of outputs.
SIMD_INLINE void multiply_rows(int rows, int vectors, const product_size *s, const float *v, const float *u, float *m) {
	const long block_stride = s->block_stride, inputs = s->inputs;
	vec sums[2 * PRODUCT_ROWS];
	UNROLL for (int i = 0; i < rows * vectors; i++) sums[i] = (vec){0};
	for (long b = 0; b < inputs; b += BLOCK, v += block_stride)
		multiply_add_block(sums, rows, vectors, v, u + b * BLOCK, u + (inputs + b) * BLOCK);
	store_sums(sums, rows, vectors, m, BLOCK, block_stride);
}

// multiply_last computes the last tiles, n of them, which are fewer than PRODUCT_ROWS.
SIMD_NOINLINE void multiply_last(long n, int vectors, const product_size *s, const float *v, const float *u, float *m) {
	const long thirds = (n + PRODUCT_THIRD - 1) / PRODUCT_THIRD;
	switch (2 * thirds + vectors) {
	case 2 * 1 + 1: multiply_rows(PRODUCT_THIRD, 1, s, v, u, m); break;
	case 2 * 1 + 2: multiply_rows(PRODUCT_THIRD, 2, s, v, u, m); break;
	case 2 * 2 + 1: multiply_rows(2 * PRODUCT_THIRD, 1, s, v, u, m); break;
	case 2 * 2 + 2: multiply_rows(2 * PRODUCT_THIRD, 2, s, v, u, m); break;
	case 2 * 3 + 1: multiply_rows(PRODUCT_ROWS, 1, s, v, u, m); break;
	default: multiply_rows(PRODUCT_ROWS, 2, s, v, u, m);
	}
}

// multiply writes M = V·U. V and M must have room for the tiles rounded up to WHOLE_ROWS.
SIMD_NOINLINE void multiply(const product_size *s, const float *v, const float *u, float *m) {
	for (long b = 0; b < s->outputs; b += 2 * BLOCK, m += 2 * s->block_stride, u += 2 * BLOCK * s->inputs)
		for (long t = 0; t < s->tiles; t += PRODUCT_ROWS) {
			const int vectors = b + BLOCK < s->outputs ? 2 : 1;
			if (s->tiles - t < PRODUCT_ROWS)
				multiply_last(s->tiles - t, vectors, s, v + t * BLOCK, u, m + t * BLOCK);
			else if (vectors == 2)
				multiply_rows(PRODUCT_ROWS, 2, s, v + t * BLOCK, u, m + t * BLOCK);
			else
				multiply_rows(PRODUCT_ROWS, 1, s, v + t * BLOCK, u, m + t * BLOCK);
		}
}

#if BLOCK > 4

// accumulate_rows adds to S for a block of inputs and a block of outputs, or for half
// a block of inputs and two blocks of outputs e: BLOCK sums in both cases.
SIMD_INLINE void accumulate_rows(int vectors, const product_size *size, const float *v, const float *e, float *s) {
	const int inputs = BLOCK / vectors;
	vec sums[BLOCK];
	UNROLL for (int i = 0; i < inputs; i++) {
		sums[i * vectors] = load(s + i * size->outputs);
		if (vectors > 1)
			sums[i * vectors + 1] = load(s + i * size->outputs + BLOCK);
	}
	for (long t = 0; t < size->tiles; t++) {
		vec e0 = load(e + t * BLOCK), e1 = vectors > 1 ? load(e + size->block_stride + t * BLOCK) : e0;
		multiply_add(sums, inputs, vectors, v + t * BLOCK, 1, (const vec[2]){e0, e1});
	}
	store_sums(sums, inputs, vectors, s, size->outputs, BLOCK);
}

// multiply_accumulate adds Vᵀ·E to S.
SIMD_NOINLINE void multiply_accumulate(const product_size *size, const float *v, const float *e, float *s) {
	for (long b = 0; b < size->outputs; b += 2 * BLOCK, e += 2 * size->block_stride)
		for (long i = 0; i < size->inputs; i += BLOCK) {
			const float *from = v + i / BLOCK * size->block_stride;
			float *to = s + i * size->outputs + b;
			if (b + BLOCK < size->outputs) {
				accumulate_rows(2, size, from, e, to);
				accumulate_rows(2, size, from + BLOCK / 2, e, to + BLOCK / 2 * size->outputs);
			} else {
				accumulate_rows(1, size, from, e, to);
			}
		}
}

#else

// Tiles that are accumulated together: their vectors lie side by side, and one instruction
// loads two of them.
enum { SUM_TILES = 4 };

// accumulate_tiles adds `tiles` tiles, at most SUM_TILES, to sums [blocks][BLOCK][vectors]:
// one or two blocks of inputs by one or two of outputs. Each input is an element of a vector
// of V.
SIMD_INLINE void accumulate_tiles(int tiles, int blocks, int vectors, vec *sums, const float *const v[2], const float *const e[2]) {
	vec from[2][SUM_TILES], to[2][SUM_TILES];
	UNROLL for (int b = 0; b < blocks; b++)
		UNROLL for (int t = 0; t < tiles; t++) from[b][t] = load(v[b] + t * BLOCK);
	UNROLL for (int j = 0; j < vectors; j++)
		UNROLL for (int t = 0; t < tiles; t++) to[j][t] = load(e[j] + t * BLOCK);
	UNROLL for (int t = 0; t < tiles; t++)
		UNROLL for (int i = 0; i < blocks * BLOCK; i++)
			UNROLL for (int j = 0; j < vectors; j++) sums[i * vectors + j] += from[i / BLOCK][t][i % BLOCK] * to[j][t];
}

// accumulate_blocks adds to S for one or two blocks of inputs and one or two of outputs.
SIMD_INLINE void accumulate_blocks(int blocks, int vectors, const product_size *size, const float *v, const float *e, float *s) {
	const float *vs[] = {v, v + size->block_stride}, *es[] = {e, e + size->block_stride};
	vec sums[4 * BLOCK];
	UNROLL for (int i = 0; i < blocks * BLOCK; i++)
		UNROLL for (int j = 0; j < vectors; j++) sums[i * vectors + j] = load(s + i * size->outputs + j * BLOCK);
	for (long n = size->tiles / SUM_TILES; n > 0; n--) {
		accumulate_tiles(SUM_TILES, blocks, vectors, sums, vs, es);
		UNROLL for (int i = 0; i < 2; i++) vs[i] += SUM_TILES * BLOCK, es[i] += SUM_TILES * BLOCK;
	}
	for (long n = size->tiles % SUM_TILES; n > 0; n--) {
		accumulate_tiles(1, blocks, vectors, sums, vs, es);
		UNROLL for (int i = 0; i < 2; i++) vs[i] += BLOCK, es[i] += BLOCK;
	}
	store_sums(sums, blocks * BLOCK, vectors, s, size->outputs, BLOCK);
}

// multiply_accumulate adds Vᵀ·E to S.
SIMD_NOINLINE void multiply_accumulate(const product_size *size, const float *v, const float *e, float *s) {
	for (long b = 0; b < size->outputs; b += 2 * BLOCK, e += 2 * size->block_stride)
		for (long i = 0; i < size->inputs; i += 2 * BLOCK) {
			const float *from = v + i / BLOCK * size->block_stride;
			float *to = s + i * size->outputs + b;
			const int two_inputs = i + BLOCK < size->inputs, two_outputs = b + BLOCK < size->outputs;
			if (two_inputs && two_outputs)
				accumulate_blocks(2, 2, size, from, e, to);
			else if (two_inputs)
				accumulate_blocks(2, 1, size, from, e, to);
			else if (two_outputs)
				accumulate_blocks(1, 2, size, from, e, to);
			else
				accumulate_blocks(1, 1, size, from, e, to);
		}
}

#endif

#endif

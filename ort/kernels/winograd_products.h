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
#if BLOCK == 16
enum { PRODUCT_ROWS = 12 };
#else
enum { PRODUCT_ROWS = 6 };
#endif

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

// store_sums stores the sums [rows][vectors] with these strides.
SIMD_INLINE void store_sums(const vec *sums, int rows, int vectors, float *to, long row_stride, long vector_stride) {
	UNROLL for (int i = 0; i < rows; i++) {
		store(to + i * row_stride, sums[i * vectors]);
		if (vectors > 1)
			store(to + vector_stride + i * row_stride, sums[i * vectors + 1]);
	}
}

// multiply_rows computes PRODUCT_ROWS tiles of one or two blocks of outputs. Blocks of
// v, and of m, are block_stride floats apart.
SIMD_INLINE void multiply_rows(int vectors, const float *v, long block_stride, long inputs, const float *u, float *m) {
	vec sums[2 * PRODUCT_ROWS];
	UNROLL for (int i = 0; i < PRODUCT_ROWS * vectors; i++) sums[i] = (vec){0};
	for (long b = 0; b < inputs; b += BLOCK, v += block_stride)
		for (int c = 0; c < BLOCK; c++) {
			vec u0 = load(u + (b + c) * BLOCK), u1 = vectors > 1 ? load(u + (inputs + b + c) * BLOCK) : u0;
			multiply_add(sums, PRODUCT_ROWS, vectors, v + c, BLOCK, (const vec[2]){u0, u1});
		}
	store_sums(sums, PRODUCT_ROWS, vectors, m, BLOCK, block_stride);
}

// The sizes of one element's matrices.
typedef struct {
	long tiles, inputs, outputs;
	long block_stride; // floats from one block of channels of V, M or E to the next
} product_size;

// multiply writes M = V·U. It works on groups of PRODUCT_ROWS tiles, so V and M must have
// room for a whole number of groups.
SIMD_NOINLINE void multiply(const product_size *s, const float *v, const float *u, float *m) {
	for (long b = 0; b < s->outputs; b += 2 * BLOCK, m += 2 * s->block_stride)
		for (long t = 0; t < s->tiles; t += PRODUCT_ROWS)
			if (b + BLOCK < s->outputs)
				multiply_rows(2, v + t * BLOCK, s->block_stride, s->inputs, u + b * s->inputs, m + t * BLOCK);
			else
				multiply_rows(1, v + t * BLOCK, s->block_stride, s->inputs, u + b * s->inputs, m + t * BLOCK);
}

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

#endif

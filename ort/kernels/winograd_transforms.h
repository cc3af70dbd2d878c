// Winograd's minimal filtering F(4x4, 3x3) computes a tile of 4x4 results of a 3x3
// convolution with 36 multiplications instead of 144 (Lavin and Gray 2016,
// https://arxiv.org/abs/1509.09308). With x the 6x6 pixels that a tile of results y
// depends on, w the 3x3 weights, and ⊙ the product element by element:
//
//	y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A
//
// The gradient with respect to the weights is a sum over all tiles of the images:
//
//	dw = Gᵀ [Σ (Bᵀ x B) ⊙ (A dy Aᵀ)] G
//
// The matrices evaluate and interpolate polynomials at the points 0, ±3/4, ±3/2 and
// ∞. These points keep rounding errors within twice those of the direct convolution.
//
//	     ⎡81/64    0   −45/16    0     1   0⎤        ⎡  64/81       0      0  ⎤
//	     ⎢  0   −27/16  −9/4    3/4    1   0⎥        ⎢−128/243  −32/81  −8/27 ⎥
//	Bᵀ = ⎢  0    27/16  −9/4   −3/4    1   0⎥    G = ⎢−128/243   32/81  −8/27 ⎥
//	     ⎢  0   −27/32  −9/16   3/2    1   0⎥        ⎢  32/243   16/81   8/27 ⎥
//	     ⎢  0    27/32  −9/16  −3/2    1   0⎥        ⎢  32/243  −16/81   8/27 ⎥
//	     ⎣  0    81/64    0   −45/16   0   1⎦        ⎣    0         0      1  ⎦
//
//	     ⎡1    1       1      1      1    0⎤
//	Aᵀ = ⎢0   3/4    −3/4    3/2   −3/2   0⎥
//	     ⎢0   9/16    9/16   9/4    9/4   0⎥
//	     ⎣0  27/64  −27/64  27/8  −27/8   1⎦
//
// This file has these matrices times one column. Its elements are vectors, one float
// for each channel of a block. Common terms of two rows are computed once.

#ifndef ONNXLAB_WINOGRAD_TRANSFORMS_H
#define ONNXLAB_WINOGRAD_TRANSFORMS_H

#include "kernels.h"
#include "simd.h"

enum {
	OUT_TILE = 4,                    // side of a tile of results
	IN_TILE = OUT_TILE + FILTER - 1, // side of the pixels that it depends on
	HALF_TILE = IN_TILE / 2,
	ELEMENTS = IN_TILE * IN_TILE,    // of a transformed tile
};

// input_transform computes three rows of Bᵀ d: the lower ones if `lower` is set, else
// the upper ones.
SIMD_INLINE void input_transform(int lower, const vec d[IN_TILE], vec out[HALF_TILE]) {
	if (lower) {
		vec even = d[4] - d[2] * (9.f / 16), odd = d[3] - d[1] * (9.f / 16);
		out[0] = even + odd * (3.f / 2);
		out[1] = even - odd * (3.f / 2);
		out[2] = d[5] - d[3] * (45.f / 16) + d[1] * (81.f / 64);
	} else {
		vec even = d[4] - d[2] * (9.f / 4), odd = d[3] - d[1] * (9.f / 4);
		out[0] = d[4] - d[2] * (45.f / 16) + d[0] * (81.f / 64);
		out[1] = even + odd * (3.f / 4);
		out[2] = even - odd * (3.f / 4);
	}
}

// output_transform is Aᵀ d.
SIMD_INLINE void output_transform(const vec d[IN_TILE], vec out[OUT_TILE]) {
	vec sum1 = d[1] + d[2], difference1 = d[1] - d[2]; // at ±3/4
	vec sum2 = d[3] + d[4], difference2 = d[3] - d[4]; // at ±3/2
	out[0] = d[0] + sum1 + sum2;
	out[1] = difference1 * (3.f / 4) + difference2 * (3.f / 2);
	out[2] = sum1 * (9.f / 16) + sum2 * (9.f / 4);
	out[3] = difference1 * (27.f / 64) + difference2 * (27.f / 8) + d[5];
}

// output_gradient_transform is A d.
SIMD_INLINE void output_gradient_transform(const vec d[OUT_TILE], vec out[IN_TILE]) {
	vec even1 = d[0] + d[2] * (9.f / 16), odd1 = d[1] * (3.f / 4) + d[3] * (27.f / 64);
	vec even2 = d[0] + d[2] * (9.f / 4), odd2 = d[1] * (3.f / 2) + d[3] * (27.f / 8);
	out[0] = d[0];
	out[1] = even1 + odd1;
	out[2] = even1 - odd1;
	out[3] = even2 + odd2;
	out[4] = even2 - odd2;
	out[5] = d[3];
}

// weight_transform is G d.
SIMD_INLINE void weight_transform(const vec d[FILTER], vec out[IN_TILE]) {
	vec even1 = d[0] * (-128.f / 243) - d[2] * (8.f / 27), odd1 = d[1] * (32.f / 81);
	vec even2 = d[0] * (32.f / 243) + d[2] * (8.f / 27), odd2 = d[1] * (16.f / 81);
	out[0] = d[0] * (64.f / 81);
	out[1] = even1 - odd1;
	out[2] = even1 + odd1;
	out[3] = even2 + odd2;
	out[4] = even2 - odd2;
	out[5] = d[2];
}

// weight_gradient_transform is Gᵀ d.
SIMD_INLINE void weight_gradient_transform(const vec d[IN_TILE], vec out[FILTER]) {
	vec sum1 = d[1] + d[2], difference1 = d[2] - d[1];
	vec sum2 = d[3] + d[4], difference2 = d[3] - d[4];
	out[0] = d[0] * (64.f / 81) - sum1 * (128.f / 243) + sum2 * (32.f / 243);
	out[1] = difference1 * (32.f / 81) + difference2 * (16.f / 81);
	out[2] = (sum2 - sum1) * (8.f / 27) + d[5];
}

// transform_weights writes the 36 elements of G w Gᵀ, `stride` floats apart.
SIMD_INLINE void transform_weights(const vec w[FILTER][FILTER], float *u, long stride) {
	vec half[FILTER][IN_TILE]; // w Gᵀ
	UNROLL for (int i = 0; i < FILTER; i++) weight_transform(w[i], half[i]);
	UNROLL for (int j = 0; j < IN_TILE; j++) {
		vec column[FILTER], out[IN_TILE];
		UNROLL for (int i = 0; i < FILTER; i++) column[i] = half[i][j];
		weight_transform(column, out);
		UNROLL for (int i = 0; i < IN_TILE; i++) store(u + (i * IN_TILE + j) * stride, out[i]);
	}
}

// transform_weight_gradient writes dw = Gᵀ s G, [3, 3, BLOCK]. The 36 elements of s are
// `stride` floats apart.
SIMD_INLINE void transform_weight_gradient(const float *s, long stride, float *dw) {
	vec half[IN_TILE][FILTER]; // s G
	UNROLL for (int i = 0; i < IN_TILE; i++) {
		vec row[IN_TILE];
		UNROLL for (int j = 0; j < IN_TILE; j++) row[j] = load(s + (i * IN_TILE + j) * stride);
		weight_gradient_transform(row, half[i]);
	}
	UNROLL for (int j = 0; j < FILTER; j++) {
		vec column[IN_TILE], out[FILTER];
		UNROLL for (int i = 0; i < IN_TILE; i++) column[i] = half[i][j];
		weight_gradient_transform(column, out);
		UNROLL for (int i = 0; i < FILTER; i++) store(dw + (i * FILTER + j) * BLOCK, out[i]);
	}
}

#endif

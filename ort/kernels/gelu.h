// The gradient of GELU, gelu(x) = x·Φ(x), with the normal distribution Φ (Hendrycks and Gimpel 2016,
// https://arxiv.org/abs/1606.08415):
//
//	gelu'(x) = Φ(x) + x·φ(x),  φ(x) = exp(−x²/2)/√(2π)
//
// For x = −a below 0, Φ(x) = exp(−x²/2)·Q(1/(1 + 0.3·a)), with a polynomial Q: so that
// gelu'(−a) = exp(−a²/2)·(Q − a/√(2π)). And gelu'(a) = 1 − gelu'(−a).

#ifndef ONNXLAB_GELU_H
#define ONNXLAB_GELU_H

#include <string.h>

#include "kernels.h"
#include "simd.h"
#include "sizes.h"

enum { GELU_CHUNK = 1 << 13 }; // floats that one task handles

// exponential is exp(v) for v in −85..0, with a relative error below 2e-7. It keeps NaN.
SIMD_INLINE vec exponential(vec v) {
	const float rounder = 3 << 22; // the last bits of a sum with it are a whole number
	const vec shifted = v * 1.44269504f + rounder, whole = shifted - rounder;
	const vec r = v - whole * 0.693359375f + whole * 2.12194440e-4f; // v − whole·ln 2: −0.35 to 0.35
	vec sum = r * (1.f / 5040) + 1.f / 720;
	sum = sum * r + 1.f / 120;
	sum = sum * r + 1.f / 24;
	sum = sum * r + 1.f / 6;
	sum = sum * r + 0.5f;
	sum = sum * r + 1.f;
	sum = sum * r + 1.f;
	return sum * (vec)(((mask)shifted << 23) + 0x3f800000); // times 2 to the power of whole
}

// below_zero is Q(t). Its relative error is below 2e-7 for a of 0 to 13; a least-squares fit
// whose weights were changed until the largest error was the smallest gave the coefficients.
SIMD_INLINE vec below_zero(vec t) {
	static const float q[] = {6.38356404e-06f, 0.119500989f, 0.12182595f, 0.0950508391f, 0.141676423f,
	                          -0.0752666702f, 0.227579084f, -0.168644095f, 0.0382711252f};
	vec sum = broadcast(q[8]);
	UNROLL for (int i = 7; i >= 0; i--) sum = sum * t + q[i];
	return sum;
}

// gelu_slope is gelu'(x). Beyond −13 and 13 it differs from 0 and 1 by less than 1e-35.
SIMD_INLINE vec gelu_slope(vec x) {
	const vec a = clamp(choose(x < broadcast(0), -x, x), 0, 13);
	const vec e = exponential(a * a * -0.5f), q = below_zero(1 / (1 + 0.3f * a));
	const vec slope = e * (q - a * 0.398942280f); // at −a
	return choose(x > broadcast(0), 1 - slope, slope);
}

SIMD static void gelu_chunk(void *argument, size_t chunk) {
	const gelu *g = argument;
	const long first = (long)chunk * GELU_CHUNK, end = smaller(first + GELU_CHUNK, g->n);
	long i = first;
	for (; i + BLOCK <= end; i += BLOCK) store(g->dx + i, load(g->dy + i) * gelu_slope(load(g->x + i)));
	if (i == end)
		return;
	float x[BLOCK] = {0}, slope[BLOCK];
	memcpy(x, g->x + i, sizeof(float) * (size_t)(end - i));
	store(slope, gelu_slope(load(x)));
	for (long k = 0; i + k < end; k++) g->dx[i + k] = g->dy[i + k] * slope[k];
}

static void gelu_grad(const gelu *g, const threads *t) {
	gelu copy = *g;
	t->parallel_for(t, (g->n + GELU_CHUNK - 1) / GELU_CHUNK, gelu_chunk, &copy);
}

#endif

// The kernels for one BLOCK of channels and the instructions of TARGET, named
// KERNELS.

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels.h"

typedef float vec __attribute__((vector_size(4 * BLOCK), aligned(4), may_alias));
typedef int mask __attribute__((vector_size(4 * BLOCK), may_alias));

// What the instructions are enabled for, one function after the other, so that
// the rest of the program runs without them.
#define FUNCTION __attribute__((target(TARGET)))
#define INLINE static inline __attribute__((always_inline, target(TARGET)))
#define SEPARATE __attribute__((target(TARGET), noinline)) // or GCC keeps all its addresses
#define JOIN(a, b) a##_##b
#define EXPAND(a, b) JOIN(a, b)
#define NAME(name) EXPAND(KERNELS, name)
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

INLINE vec load(const float *from) { return *(const vec *)from; }
INLINE void store(float *to, vec v) { *(vec *)to = v; }

// stream stores past the caches, to where vectors are aligned, what they would
// seldom hold until it is read: its lines are then not read before. A task ends with
// streamed, after which others see it.
INLINE void stream(float *to, vec v) {
#if BLOCK == 16
	_mm512_stream_ps(to, (__m512)v);
#else
	_mm256_stream_ps(to, (__m256)v);
#endif
}

static inline void streamed(void) { _mm_sfence(); }

static inline long round_up(long n, long to) { return (n + to - 1) / to * to; }

#include "norm.h"
#include "few.h"
#include "winograd.h"

// norm_floats is how much scratch the factors of a convolution's norm take.
static long norm_floats(const convolution *c) { return c->norm.scale == NULL ? 0 : 2 * c->inputs; }

// with_norm returns the convolution with these factors.
static convolution with_norm(const convolution *c, float *scratch) {
	convolution with = *c;
	if (c->norm.scale != NULL) {
		set_affine(&c->norm, c->inputs, scratch, scratch + c->inputs);
		with.factor = scratch;
		with.shift = scratch + c->inputs;
	}
	return with;
}

static size_t NAME(conv_scratch)(const convolution *c, long workers) {
	return c->inputs < BLOCK ? few_conv_scratch(c, workers) : sizeof(float) * norm_floats(c) + winograd_conv_scratch(c, workers);
}

static long NAME(conv_parts)(const convolution *c) { return c->inputs < BLOCK ? c->images : conv_run_of(c, NULL).parts; }

static void NAME(conv)(const convolution *c, const pool *p, float *scratch) {
	convolution with = with_norm(c, scratch);
	(c->inputs < BLOCK ? few_conv : winograd_conv)(&with, p, scratch + norm_floats(c));
}

static size_t NAME(conv_grad_scratch)(const convolution *c, long workers) {
	return c->inputs < BLOCK ? few_grad_scratch(c, workers) : sizeof(float) * norm_floats(c) + winograd_grad_scratch(c, workers);
}

static void NAME(conv_grad)(const convolution *c, const pool *p, float *scratch) {
	convolution with = with_norm(c, scratch);
	(c->inputs < BLOCK ? few_grad : winograd_grad)(&with, p, scratch + norm_floats(c));
}

const kernels KERNELS = {
	BLOCK,
	NAME(conv_scratch), NAME(conv), NAME(conv_parts), NAME(conv_grad_scratch), NAME(conv_grad),
	NAME(norm_scratch), NAME(norm), NAME(norm_grad),
};

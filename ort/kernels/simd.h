// A vector of BLOCK floats and what is done with it, for one instruction set.
//
// The headers that use it hold the kernels. avx512.c, avx2.c and neon.c each define BLOCK
// and then include them, so that each kernel is compiled once for every instruction set.
// The first two also define TARGET, since not all of their processors have the
// instructions. All 64-bit ARM processors have NEON.

#ifndef ONNXLAB_SIMD_H
#define ONNXLAB_SIMD_H

#ifdef __x86_64__
#include <immintrin.h>
#else
#include <arm_neon.h>
#endif

// These serve an editor or a compiler that opens a header by itself.
#ifndef BLOCK
#ifdef __x86_64__
#define BLOCK 16         // floats in a vector, and channels in a block
#define TARGET "avx512f" // instruction sets, as compilers name them
#else
#define BLOCK 4
#endif
#endif

// SIMD marks functions that use TARGET's instructions. The rest of the program is
// compiled without them and runs on any processor.
#ifdef TARGET
#define SIMD __attribute__((target(TARGET)))
#define SIMD_INLINE static inline __attribute__((always_inline, target(TARGET)))
#define SIMD_NOINLINE static __attribute__((noinline, target(TARGET)))
#else
#define SIMD
#define SIMD_INLINE static inline __attribute__((always_inline))
#define SIMD_NOINLINE static __attribute__((noinline))
#endif

// UNROLL unrolls the loop after it completely, so that small arrays of vectors that
// it indexes become registers.
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

// Arithmetic on vectors is written with C's operators. Vectors of floats may lie at
// any float's address.
typedef float vec __attribute__((vector_size(4 * BLOCK), aligned(4), may_alias));
typedef int mask __attribute__((vector_size(4 * BLOCK), may_alias)); // all bits of an element are set, or none

SIMD_INLINE vec load(const float *from) { return *(const vec *)from; }

SIMD_INLINE void store(float *to, vec v) { *(vec *)to = v; }

SIMD_INLINE vec broadcast(float f) { return (vec){0} + f; }

// choose returns yes where m is set, else no.
SIMD_INLINE vec choose(mask m, vec yes, vec no) { return (vec)((m & (mask)yes) | (~m & (mask)no)); }

// clamp is min(ceiling, max(floor, v)). It keeps NaN.
SIMD_INLINE vec clamp(vec v, float floor, float ceiling) {
#ifdef __aarch64__
	return (vec)vminq_f32(vmaxq_f32((float32x4_t)v, vdupq_n_f32(floor)), vdupq_n_f32(ceiling));
#else
	v = choose(v <= broadcast(floor), broadcast(floor), v);
	return choose(v >= broadcast(ceiling), broadcast(ceiling), v);
#endif
}

// larger_of is the larger of two elements, a if they are equal, and NaN if one of them is.
SIMD_INLINE vec larger_of(vec a, vec b) {
#if defined(__aarch64__)
	return (vec)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
#elif BLOCK == 16 // the instructions for max(b, a) give a where one of the two is NaN
	return (vec)_mm512_mask_max_ps((__m512)b, _mm512_cmp_ps_mask((__m512)b, (__m512)b, _CMP_ORD_Q), (__m512)b, (__m512)a);
#elif BLOCK == 8
	return choose(b != b, b, (vec)_mm256_max_ps((__m256)b, (__m256)a));
#else
	return choose((b > a) | (b != b), b, a);
#endif
}

// stream stores to an aligned address without reading the line into the cache
// first. It is for results that are too large to stay in the cache until they are
// read. A task that streams calls stream_fence at its end: only then other threads
// are sure to see what it stored. ARM processors notice by themselves that whole lines
// are stored, so there it is an ordinary store.
SIMD_INLINE void stream(float *to, vec v) {
#if BLOCK == 16
	_mm512_stream_ps(to, (__m512)v);
#elif BLOCK == 8
	_mm256_stream_ps(to, (__m256)v);
#else
	store(to, v);
#endif
}

// Results of more floats than this are streamed: they would not stay in the cache
// until the next operator reads them.
enum { CACHED_FLOATS = 1 << 22 };

static inline void stream_fence(void) {
#ifdef __x86_64__
	_mm_sfence();
#endif
}

#endif

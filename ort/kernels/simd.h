// A vector of BLOCK floats and what is done with it, for the instruction set that
// TARGET names.
//
// The headers that use it hold the kernels. avx512.c and avx2.c each define BLOCK
// and TARGET and then include them, so that each kernel is compiled twice.

#ifndef ONNXLAB_SIMD_H
#define ONNXLAB_SIMD_H

#include <immintrin.h>

// These serve an editor or a compiler that opens a header by itself.
#ifndef BLOCK
#define BLOCK 16         // floats in a vector, and channels in a block
#define TARGET "avx512f" // instruction sets, as compilers name them
#endif

// SIMD marks functions that use TARGET's instructions. The rest of the program is
// compiled without them and runs on any processor.
#define SIMD __attribute__((target(TARGET)))
#define SIMD_INLINE static inline __attribute__((always_inline, target(TARGET)))
#define SIMD_NOINLINE static __attribute__((noinline, target(TARGET)))

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

// stream stores to an aligned address without reading the line into the cache
// first. It is for results that are too large to stay in the cache until they are
// read. A task that streams calls stream_fence at its end: only then other threads
// are sure to see what it stored.
SIMD_INLINE void stream(float *to, vec v) {
#if BLOCK == 16
	_mm512_stream_ps(to, (__m512)v);
#else
	_mm256_stream_ps(to, (__m256)v);
#endif
}

// Results of more floats than this are streamed: they would not stay in the cache
// until the next operator reads them.
enum { CACHED_FLOATS = 1 << 22 };

static inline void stream_fence(void) { _mm_sfence(); }

#endif

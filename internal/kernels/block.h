// The kernels for one BLOCK of channels and the instructions of TARGET, named
// KERNELS.

#include <math.h>
#include <string.h>

#include "kernels.h"

typedef float vec __attribute__((vector_size(4 * BLOCK), aligned(4), may_alias));
typedef int lanes __attribute__((vector_size(4 * BLOCK), may_alias));

// What the instructions are enabled for, one function after the other, so that
// the rest of the program runs without them.
#define FUNCTION __attribute__((target(TARGET)))
#define INLINE static inline __attribute__((always_inline, target(TARGET)))
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

#include "winograd.h"
#include "norm.h"

const kernels KERNELS = {
	NAME(conv_scratch), NAME(conv),      NAME(conv_grad_scratch), NAME(conv_grad),
	NAME(norm_scratch), NAME(norm), NAME(norm_grad),
};

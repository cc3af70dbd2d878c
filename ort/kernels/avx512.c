//go:build amd64 && !windows

// The kernels for AVX-512: vectors of 16 floats, 32 registers.

#define KERNELS onnxlab_avx512
#define BLOCK 16
#define TARGET "avx512f"

#include "table.h"

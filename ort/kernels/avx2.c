//go:build amd64 && !windows

// The kernels for AVX2 with FMA: vectors of 8 floats, 16 registers.

#define KERNELS onnxlab_avx2
#define BLOCK 8
#define TARGET "avx2,fma"

#include "table.h"

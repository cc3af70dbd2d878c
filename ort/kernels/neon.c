//go:build arm64 && !windows

// The kernels for NEON: vectors of 4 floats, 32 registers.

#define KERNELS onnxlab_neon
#define BLOCK 4

#include "table.h"

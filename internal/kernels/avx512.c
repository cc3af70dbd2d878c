//go:build amd64

#define KERNELS onnxlab_avx512
#define BLOCK 16
#define TARGET "avx512f"

#include "block.h"

//go:build amd64

#define KERNELS onnxlab_avx2
#define BLOCK 8
#define TARGET "avx2,fma"

#include "block.h"

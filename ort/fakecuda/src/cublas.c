// cuBLAS and cuBLASLt.
#include <stdlib.h>

int cublasCreate_v2(void **h) { *h = malloc(1); return 0; }
int cublasLtCreate(void **h) { *h = malloc(1); return 0; }
int cublasGetMathMode(void *h, int *mode) { *mode = 0; return 0; }
const char *cublasGetStatusName(int s) { return "CUBLAS_STATUS_FAKE"; }
const char *cublasGetStatusString(int s) { return "the fake GPU has no errors"; }

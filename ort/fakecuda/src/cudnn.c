// cuDNN 9: the old functions, and as much of the backend as its frontend asks
// for. There is one engine, which needs no workspace.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t cudnnGetVersion(void) { return 91400; }
const char *cudnnGetErrorString(int s) { return "the fake GPU has no errors"; }

#define HANDLE(f) int f(void **h) { *h = malloc(1); return 0; }
HANDLE(cudnnCreate)
HANDLE(cudnnCreateTensorDescriptor)
HANDLE(cudnnCreateFilterDescriptor)
HANDLE(cudnnCreateConvolutionDescriptor)
HANDLE(cudnnCreatePoolingDescriptor)
HANDLE(cudnnCreateReduceTensorDescriptor)
HANDLE(cudnnCreateActivationDescriptor)
HANDLE(cudnnCreateDropoutDescriptor)
int cudnnBackendCreateDescriptor(int type, void **h) { *h = malloc(1); return 0; }

int cudnnBackendGetAttribute(void *d, int attribute, int type, int64_t room, int64_t *n, void *values) {
	enum { int64 = 3, descriptor = 15, results = 202 };
	int one = values && room == 1 && type != descriptor;
	if (one)
		memset(values, 0, type == int64 ? 8 : 4);
	if (n)
		*n = one || attribute == results;
	return 0;
}

typedef struct { int algorithm, status; float time; size_t memory; int determinism, math, reserved[3]; } found;

static int find(int *n, found *f) {
	memset(f, 0, sizeof *f);
	f->algorithm = f->determinism = *n = 1;
	return 0;
}
#define TENSORS void *h, void *a, void *b, void *c, void *d
#define FIND(f) int f(TENSORS, void *e, void *g, void *i, int room, int *n, found *r, void *space, size_t size) { return find(n, r); }
FIND(cudnnFindConvolutionBackwardDataAlgorithmEx)
FIND(cudnnFindConvolutionBackwardFilterAlgorithmEx)
#define GET(f) int f(TENSORS, int room, int *n, found *r) { return find(n, r); }
GET(cudnnGetConvolutionBackwardDataAlgorithm_v7)
GET(cudnnGetConvolutionBackwardFilterAlgorithm_v7)
#define SIZE(f) int f(TENSORS, int algorithm, size_t *size) { *size = 0; return 0; }
SIZE(cudnnGetConvolutionBackwardDataWorkspaceSize)
SIZE(cudnnGetConvolutionBackwardFilterWorkspaceSize)
int cudnnGetReductionWorkspaceSize(void *h, void *d, void *x, void *y, size_t *size) { *size = 0; return 0; }
int cudnnGetReductionIndicesSize(void *h, void *d, void *x, void *y, size_t *size) { *size = 0; return 0; }

// The CUDA runtime: enums and layouts are those of CUDA 13.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int cudaGetDeviceCount(int *n) { *n = 1; return 0; }
int cudaGetDevice(int *n) { *n = 0; return 0; }
int cudaRuntimeGetVersion(int *v) { *v = 13000; return 0; }
int cudaDriverGetVersion(int *v) { *v = 13000; return 0; }
static __thread int last;
int cudaGetLastError(void) { int e = last; last = 0; return e; }
int cudaPeekAtLastError(void) { return last; }
const char *cudaGetErrorName(int e) { return "cudaErrorFake"; }
const char *cudaGetErrorString(int e) { return "the fake GPU has no errors"; }

// The properties of an H100, as far as the provider asks for them.
int cudaDeviceGetAttribute(int *v, int attribute, int device) {
	switch (attribute) {
	case 1: *v = 1024; break;     // threads of a block
	case 2: case 3: *v = 1024; break;
	case 4: *v = 64; break;
	case 5: *v = 2147483647; break; // blocks of a grid
	case 6: case 7: *v = 65535; break;
	case 8: *v = 49152; break;    // shared memory of a block
	case 10: *v = 32; break;      // threads of a warp
	case 12: *v = 65536; break;   // registers of a block
	case 16: *v = 132; break;     // multiprocessors
	case 39: *v = 2048; break;    // threads of one
	case 75: *v = 9; break;       // compute capability
	case 81: *v = 233472; break;
	case 97: *v = 232448; break;
	default: *v = 0;
	}
	return 0;
}

enum { name = 0, memory = 288, shared = 296, registers = 304, warp = 308, block = 320, grid = 336, major = 360, processors = 384, end = 728 };

int cudaGetDeviceProperties(char *p, int device) {
	memset(p, 0, end);
	strcpy(p + name, "Fake GPU");
	*(size_t *)(p + memory) = 80ul << 30;
	*(size_t *)(p + shared) = 49152;
	*(int *)(p + registers) = 65536;
	*(int *)(p + warp) = 32;
	memcpy(p + block, (int[]){1024, 1024, 1024, 64}, 16); // with the most threads
	memcpy(p + grid, (int[]){2147483647, 65535, 65535}, 12);
	*(int *)(p + major) = 9;
	*(int *)(p + processors) = 132;
	return 0;
}

// Memory starts as zeros, so that what no kernel writes is the same in every run.
int cudaMalloc(void **p, size_t n) { told("allocate %zu", n); return posix_memalign(p, 512, n + 512) ? 2 : (memset(*p, 0, n), 0); }
int cudaMallocHost(void **p, size_t n) { return cudaMalloc(p, n); }
// With FAKECUDA_PINS_NOTHING in the environment, no memory can be pinned.
static void *pinned;
int cudaHostAlloc(void **p, size_t n, unsigned flags) {
	told("pin %zu", n);
	if (getenv("FAKECUDA_PINS_NOTHING"))
		return last = 2;
	cudaMalloc(p, n);
	pinned = *p;
	return 0;
}
int cudaMallocFromPoolAsync(void **p, size_t n, void *pool, void *stream) { return cudaMalloc(p, n); }
int cudaFree(void *p) { free(p); return 0; }
int cudaFreeHost(void *p) {
	if (p && p == pinned) {
		told("unpin");
		pinned = 0;
	}
	free(p);
	return 0;
}
int cudaFreeAsync(void *p, void *stream) { free(p); return 0; }
int cudaMemGetInfo(size_t *available, size_t *total) { *available = 79ul << 30; *total = 80ul << 30; return 0; }
int cudaMemset(void *p, int v, size_t n) { memset(p, v, n); return 0; }
int cudaMemsetAsync(void *p, int v, size_t n, void *stream) { memset(p, v, n); return 0; }

int cudaMemcpy(void *to, const void *from, size_t n, int kind) {
	static const char *const kinds[] = {"host", "to GPU", "to host", "on GPU", "any"};
	told("copy %s %zu", kinds[kind], n);
	memmove(to, from, n);
	// No kernel has computed this memory. It may hold anything, such as the bytes
	// of images, which can be infinities or NaN when they are read as float32.
	// Those become 0.
	if (kind == 2)
		for (uint32_t *word = to; n >= 4; word++, n -= 4)
			if ((*word & 0x7f800000) == 0x7f800000)
				*word = 0;
	return 0;
}
int cudaMemcpyAsync(void *to, const void *from, size_t n, int kind, void *stream) { return cudaMemcpy(to, from, n, kind); }

static int handle(void **h) { *h = malloc(1); return *h ? 0 : 2; }
int cudaStreamCreate(void **h) { return handle(h); }
int cudaStreamCreateWithFlags(void **h, unsigned flags) { return handle(h); }
int cudaEventCreate(void **h) { return handle(h); }
int cudaEventCreateWithFlags(void **h, unsigned flags) { return handle(h); }
int cudaMemPoolCreate(void **h, const void *properties) { return handle(h); }
void **__cudaRegisterFatBinary(void *binary) { void *h = 0; handle(&h); return h; }
int __cudaRegisterFunction(void) { return 0; }
int __cudaRegisterVar(void) { return 0; }
int __cudaRegisterFatBinaryEnd(void) { return 0; }
int cudaEventElapsedTime(float *ms, void *from, void *to) { *ms = 1; return 0; }
int cudaStreamIsCapturing(void *stream, int *status) { *status = 0; return 0; }
int cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *n, const void *f, int block, size_t shared, unsigned flags) { *n = 2; return 0; }
int cudaFuncGetAttributes(int *a, const void *f) { memset(a, 0, 64); a[6] = 1024; return 0; }
int cudaGetDriverEntryPointByVersion(const char *symbol, void **f, unsigned version, unsigned long flags, int *found) { *f = 0; if (found) *found = 1; return 0; }

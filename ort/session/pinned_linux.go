//go:build cgo

package session

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

static void *pin(size_t n) {
	int (*alloc)(void **, size_t, unsigned) = (int (*)(void **, size_t, unsigned))dlsym(RTLD_DEFAULT, "cudaHostAlloc");
	int (*forget)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "cudaGetLastError");
	void *p = NULL;
	if (!alloc || !forget)
		return NULL;
	if (alloc(&p, n, 0) == 0)
		return p;
	forget(); // otherwise ONNX Runtime would take it for an error of its next kernel
	return NULL;
}

static void unpin(void *p) {
	int (*release)(void *) = (int (*)(void *))dlsym(RTLD_DEFAULT, "cudaFreeHost");
	if (release)
		release(p);
}
*/
import "C"

import "unsafe"

// pinned returns n bytes of page-locked host memory. A GPU reads it several times as fast
// as other memory, which CUDA first copies to page-locked memory. pinned returns nil if CUDA
// has none to give or its runtime is not loaded; ONNX Runtime's CUDA build loads it.
func pinned(n int) (memory []uint8, free func()) {
	p := C.pin(C.size_t(n))
	if p == nil {
		return nil, nil
	}
	return unsafe.Slice((*uint8)(p), n), func() { C.unpin(p) }
}

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
	forget(); // or ONNX Runtime takes the error for that of its next kernel
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

// pinned returns n bytes of the host's memory that a GPU reads by itself, some times
// as fast as other memory, which is copied to such first; without CUDA, or where it
// has none to give, nil. The library for CUDA has loaded its runtime.
func pinned(n int) (memory []uint8, free func()) {
	p := C.pin(C.size_t(n))
	if p == nil {
		return nil, nil
	}
	return unsafe.Slice((*uint8)(p), n), func() { C.unpin(p) }
}

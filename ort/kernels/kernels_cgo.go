//go:build cgo && (amd64 || arm64) && !windows

package kernels

/*
#cgo CFLAGS: -O2 -std=gnu11
#cgo LDFLAGS: -lm -ldl
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include "register.h"

typedef const OrtApiBase *(*get_api_base)(void);

static char *add_operators(const char *library, void *options, int max_block, long processors) {
	void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
	get_api_base get = handle == NULL ? NULL : (get_api_base)dlsym(handle, "OrtGetApiBase");
	return get == NULL ? strdup("the library is not open") : onnxlab_add_operators(get(), options, max_block, processors);
}
*/
import "C"

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/sys/cpu"

	"onnxlab/internal/allocation"
)

// Block returns how many channels make a block in the layout of images that the kernels
// use on this processor: 16 with AVX-512, 8 with AVX2 and FMA, 4 with NEON. It returns 0 if
// there are no kernels for it.
func Block() int {
	switch {
	case runtime.GOARCH == "arm64":
		return 4 // all of these processors have NEON
	case cpu.X86.HasAVX512F:
		return 16
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return 8
	}
	return 0
}

// adding guards the operators, which all sessions share and the first call makes.
var adding sync.Mutex

// Add gives sessions that are made with the options onnxlab's operators. It does
// nothing if Block is 0. library is the path of ONNX Runtime's library, which must be
// open; otherwise, or if its API is older than version 19, Add returns an error.
//
// The binding has no function for custom operators, so Add reads the pointer to ONNX
// Runtime's options from the first field of the binding's.
func Add(library string, options *ort.SessionOptions) error {
	if Block() == 0 {
		return nil
	}
	adding.Lock()
	defer adding.Unlock()
	path := C.CString(library)
	defer C.free(unsafe.Pointer(path))
	pointer := reflect.ValueOf(options).Elem().Field(0).UnsafePointer()
	if message := C.add_operators(path, pointer, C.int(Block()), C.long(allocation.CPUs())); message != nil {
		defer C.free(unsafe.Pointer(message))
		return fmt.Errorf("add kernels to ONNX Runtime: %s", C.GoString(message))
	}
	return nil
}

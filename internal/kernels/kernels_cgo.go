//go:build cgo && amd64 && !windows

package kernels

/*
#cgo CFLAGS: -O2 -std=gnu11
#cgo LDFLAGS: -lm -ldl
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include "kernels.h"

// find returns a function of the library, which is open.
static void *(*find(const char *library, const char *function))(void) {
	void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
	return handle == NULL ? NULL : (void *(*)(void))dlsym(handle, function);
}

static char *add_kernels(const char *library, void *options, int block) {
	void *(*get)(void) = find(library, "OrtGetApiBase");
	return get == NULL ? strdup("the library is not open") : onnxlab_add_kernels(get, options, block);
}
*/
import "C"

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/sys/cpu"
)

// Block is how many channels make a block in the layout of images that the
// kernels and ONNX Runtime's own have on this processor; 0 if it has none.
func Block() int {
	switch {
	case cpu.X86.HasAVX512F:
		return 16
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return 8
	}
	return 0
}

// adding is held while operators are made, which all sessions share.
var adding sync.Mutex

// Add gives the sessions that are made with the options the operators, if this
// processor has kernels; library is the path of ONNX Runtime's, which is open.
//
// The binding has no function for that: it keeps ONNX Runtime's own options as
// the only field of its.
func Add(library string, options *ort.SessionOptions) error {
	if Block() == 0 {
		return nil
	}
	adding.Lock()
	defer adding.Unlock()
	path := C.CString(library)
	defer C.free(unsafe.Pointer(path))
	native := reflect.ValueOf(options).Elem().Field(0).UnsafePointer()
	if message := C.add_kernels(path, native, C.int(Block())); message != nil {
		defer C.free(unsafe.Pointer(message))
		return fmt.Errorf("add kernels to ONNX Runtime: %s", C.GoString(message))
	}
	return nil
}

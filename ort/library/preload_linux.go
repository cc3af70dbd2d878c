//go:build cgo

package library

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
*/
import "C"

import "unsafe"

// preloadCUDA loads the CUDA libraries that were found, so that the provider
// gets them wherever they are: the loader takes a library that is loaded
// already for one of the same name. Without this only those on
// LD_LIBRARY_PATH, as it was when the process began, and of ldconfig would be.
// One that cannot be loaded is left for the provider to complain about.
func preloadCUDA(library string) error {
	info, err := inspectCUDA(library)
	if err != nil {
		return err
	}
	for _, path := range info.Found {
		name := C.CString(path)
		C.dlopen(name, C.RTLD_LAZY|C.RTLD_GLOBAL)
		C.free(unsafe.Pointer(name))
	}
	return nil
}

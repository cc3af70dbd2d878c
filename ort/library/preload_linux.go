//go:build cgo

package library

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
*/
import "C"

import "unsafe"

// preloadCUDA loads the CUDA libraries that were found, so that the provider can use
// them wherever they are: the loader does not search for a library if one of that name
// is loaded already. Without preloading, it would only find libraries in the folders
// of ldconfig and of LD_LIBRARY_PATH as it was when the process started. If a library
// cannot be loaded, the provider will report it.
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

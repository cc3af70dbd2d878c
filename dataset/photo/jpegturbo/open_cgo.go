//go:build cgo && (linux || darwin)

package jpegturbo

/*
#cgo CFLAGS: -O2 -std=gnu11
#cgo linux LDFLAGS: -ldl
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"errors"
	"image"
	"runtime"
	"unsafe"
)

// loadable reports that this build can load a library.
const loadable = true

type handle = *C.onnxlab_jpeg

// load loads the library at a path, or with a name that the system's loader knows.
func load(path string, origin Origin) (*Library, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	const longestPath = 4096
	where := (*C.char)(C.calloc(1, longestPath))
	message := (*C.char)(C.calloc(1, C.onnxlab_jpeg_message))
	defer C.free(unsafe.Pointer(where))
	defer C.free(unsafe.Pointer(message))
	opened := C.onnxlab_jpeg_open(name, where, longestPath, message)
	if opened == nil {
		return nil, errors.New(C.GoString(message))
	}
	lib := &Library{Path: path, Origin: origin, handle: opened}
	if file := C.GoString(where); file != "" {
		lib.Path = file
	}
	if origin != OriginCache {
		lib.Version = versionOf(lib.Path)
	}
	return lib, nil
}

// Decode decodes a part of the JPEG file in data, into buffer if it is large enough. Its
// errors say what is wrong with the file. Pixels of grey and CMYK files are converted to
// red, green and blue, and 12-bit samples to 8 bits.
func (l *Library) Decode(data []byte, r Request, buffer []uint8) (Part, error) {
	if err := r.check(); err != nil {
		return Part{}, err
	}
	if len(data) == 0 {
		return Part{}, errors.New("unexpected EOF")
	}
	if room := r.Room(); cap(buffer) < room {
		buffer = make([]uint8, room)
	}
	buffer = buffer[:cap(buffer)]
	request := C.onnxlab_jpeg_request{
		width: C.int(r.Width), height: C.int(r.Height),
		left: C.int(r.Part.Min.X), top: C.int(r.Part.Min.Y), columns: C.int(r.Part.Dx()), rows: C.int(r.Part.Dy()),
		scale: C.int(r.Scale), memory: C.int64_t(r.Memory),
	}
	var part C.onnxlab_jpeg_part
	failed := C.onnxlab_jpeg_decode(l.handle, (*C.uint8_t)(unsafe.SliceData(data)), C.size_t(len(data)), &request,
		(*C.uint8_t)(unsafe.SliceData(buffer)), C.size_t(len(buffer)), &part)
	runtime.KeepAlive(data)
	if failed != 0 {
		return Part{}, errors.New(C.GoString(&part.message[0]))
	}
	corner := image.Pt(int(part.left), int(part.top))
	rect := image.Rectangle{corner, corner.Add(image.Pt(int(part.columns), int(part.rows)))}
	return Part{buffer[:3*rect.Dx()*rect.Dy()], rect}, nil
}

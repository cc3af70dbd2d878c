//go:build cgo

package resize

/*
#cgo CFLAGS: -O3 -std=gnu11
#include "bilinear.h"
*/
import "C"

import "unsafe"

// bilinear does the same as plain, in C. The C code checks no bounds: check and
// (*axis).set have made sure that it stays within its arguments.
func bilinear(dst []uint8, p Picture, rows, columns *axis, line []int16) {
	left, right := columns.reach()
	C.onnxlab_bilinear((*C.uint8_t)(unsafe.SliceData(dst)), (*C.uint8_t)(unsafe.SliceData(p.Pixels)), C.int(p.Width),
		C.int(len(rows.first)), C.int(rows.taps), (*C.int32_t)(unsafe.SliceData(rows.first)),
		(*C.int32_t)(unsafe.SliceData(rows.count)), (*C.int16_t)(unsafe.SliceData(rows.whole)),
		C.int(len(columns.first)), C.int(columns.taps), (*C.int32_t)(unsafe.SliceData(columns.first)),
		(*C.int16_t)(unsafe.SliceData(columns.whole)), C.int(left), C.int(right), (*C.int16_t)(unsafe.SliceData(line)))
}

// Package jpegturbo decodes parts of JPEG images with libjpeg-turbo, three to four times
// as fast as Go's own decoder.
//
//	lib, err := jpegturbo.Open(ctx, jpegturbo.Options{Fetch: true, Progress: os.Stderr})
//	…
//	part, err := lib.Decode(data, jpegturbo.Request{Width: 500, Height: 375, Part: image.Rect(40, 30, 340, 330), Scale: 8}, buffer)
//
// The library is loaded at run time, like ONNX Runtime, and needs neither headers nor
// packages of the system. [Open] uses the first of these that exists:
//
//  1. the file that the environment variable ONNXLAB_JPEG_LIBRARY names;
//  2. the pinned build, in the user's cache folder;
//  3. the pinned build, fetched by the Maven client and checked against the SHA-256 in
//     this package, if [Options.Fetch] allows it;
//  4. the system's libjpeg.so.62.
//
// The pinned build is in org.bytedeco:leptonica, a library of image functions that exports
// libjpeg-turbo's C API, with its SIMD code, for Linux on x86-64 and ARM and for macOS on
// ARM. There is none for other platforms, nor without cgo.
//
// shim.c calls the library, shim.h is its interface to Go, and libjpeg.h declares the part
// of the library's interface that it uses. fuzz/ runs the shim on damaged files under
// AddressSanitizer.
package jpegturbo

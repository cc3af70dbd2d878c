// The part of libjpeg-turbo's C API that this package uses, loaded at run time.
//
// Every call into the library that may fail happens below one setjmp of the function
// that was called from Go. The library's error handler jumps back there, so that no
// jump ever crosses a frame of Go. Nothing here keeps state between calls.
#ifndef ONNXLAB_JPEG_SHIM_H
#define ONNXLAB_JPEG_SHIM_H

#include <stddef.h>
#include <stdint.h>

typedef struct onnxlab_jpeg onnxlab_jpeg;

enum { onnxlab_jpeg_message = 256 };

// onnxlab_jpeg_open loads the library at path, or where the system's loader finds that
// name, and checks that it has the layout of structures that this was compiled for.
// It returns NULL and fills message if it cannot be used. where receives the path of the
// file that was loaded. The library stays loaded until the process ends.
onnxlab_jpeg *onnxlab_jpeg_open(const char *path, char *where, size_t where_size, char *message);

// A request says which part of a picture is wanted. All coordinates are pixels of the
// picture as it is stored, before it is turned upright.
typedef struct {
	int width, height;                // of the picture, as its header was read before
	int left, top, columns, rows;     // the wanted part
	int scale;                        // the picture is reduced to scale/8: 1, 2, 4 or 8
	int64_t memory;                   // the most bytes that the library may take
} onnxlab_jpeg_request;

// A part is what onnxlab_jpeg_decode decoded: rows of pixels of 3 bytes, red, green and
// blue, of the reduced picture. It contains the wanted part, and may begin further to
// the left and reach further to the right because the library decodes columns in whole
// blocks.
typedef struct {
	int left, top, columns, rows; // in pixels of the reduced picture
	char message[onnxlab_jpeg_message];
} onnxlab_jpeg_part;

// onnxlab_jpeg_decode decodes a part of the picture in data into out, which has room for
// capacity bytes. It returns 0, or -1 with a message in part, also if the room is too
// small.
int onnxlab_jpeg_decode(const onnxlab_jpeg *lib, const uint8_t *data, size_t size, const onnxlab_jpeg_request *request,
	uint8_t *out, size_t capacity, onnxlab_jpeg_part *part);

#endif

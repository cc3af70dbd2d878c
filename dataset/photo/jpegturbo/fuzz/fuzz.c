//go:build ignore

// A fuzz target for the shim, with libFuzzer and AddressSanitizer: bench/fuzz/jpeg.sh
// builds and runs it. The first 8 bytes of an input choose the part and the scale, the
// rest is the file. As the library itself is not instrumented, the file ends and the room
// for pixels ends where a page begins that may not be touched.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../shim.h"

enum { page = 4096, most_file = 1 << 20, most_pixels = 1 << 22, room = 3 * (most_pixels + 64 * 4096) };

static onnxlab_jpeg *lib;
static uint8_t *file_end, *out_end;

// fenced is the end of so many bytes of memory, behind which nothing may be touched.
static uint8_t *fenced(size_t bytes) {
	size_t whole = (bytes + page - 1) / page * page;
	uint8_t *start = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED || mprotect(start + whole, page, PROT_NONE) != 0)
		abort();
	return start + whole;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
	(void)argc;
	(void)argv;
	char where[4096] = "", message[onnxlab_jpeg_message] = "";
	const char *path = getenv("ONNXLAB_JPEG_LIBRARY");
	lib = onnxlab_jpeg_open(path == NULL ? "libjpeg.so.62" : path, where, sizeof where, message);
	if (lib == NULL) {
		fprintf(stderr, "%s\n", message);
		exit(2);
	}
	fprintf(stderr, "fuzzing the shim with %s\n", where);
	file_end = fenced(most_file);
	out_end = fenced(room);
	return 0;
}

// frame finds the size of the picture, as the caller of the shim has read it.
static int frame(const uint8_t *data, size_t size, int *width, int *height) {
	for (size_t i = 0; i + 9 < size; i++)
		if (data[i] == 0xff && data[i + 1] >= 0xc0 && data[i + 1] <= 0xcf && (data[i + 1] & 3) != 3 && data[i + 1] != 0xc4 && data[i + 1] != 0xc8) {
			*height = data[i + 5] << 8 | data[i + 6];
			*width = data[i + 7] << 8 | data[i + 8];
			return *width > 0 && *height > 0 && (int64_t)*width * *height <= most_pixels;
		}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	enum { choices = 8 };
	if (size <= choices || size > most_file)
		return 0;
	const uint8_t *c = data;
	data += choices;
	size -= choices;
	onnxlab_jpeg_request r = {.scale = 1 << (c[0] & 3), .memory = 64 << 20};
	if (!frame(data, size, &r.width, &r.height))
		return 0;
	r.left = c[1] * r.width / 256;
	r.top = c[2] * r.height / 256;
	r.columns = 1 + c[3] * (r.width - r.left - 1) / 255;
	r.rows = 1 + c[4] * (r.height - r.top - 1) / 255;
	uint8_t *file = file_end - size;
	memcpy(file, data, size);
	// As much room as (Request).Room in decode.go gives, and sometimes less.
	int64_t columns = (int64_t)r.columns * r.scale / 8 + 2 * (2 + 32), all = (int64_t)r.width * r.scale / 8 + 1;
	size_t capacity = (size_t)(3 * ((int64_t)r.rows * r.scale / 8 + 6) * (columns < all ? columns : all));
	if (c[5] == 1)
		capacity /= 2;
	if (capacity > room)
		return 0;
	onnxlab_jpeg_part part;
	if (onnxlab_jpeg_decode(lib, file, size, &r, out_end - capacity, capacity, &part) != 0)
		return part.message[0] == 0 ? abort(), 0 : 0; // every failure says why
	if (part.left < 0 || part.top < 0 || part.columns < 1 || part.rows < 1 || (size_t)part.columns * (size_t)part.rows * 3 > capacity)
		abort();
	return 0;
}

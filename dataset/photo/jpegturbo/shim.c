//go:build cgo && (linux || darwin)

#define _GNU_SOURCE // dladdr
#include "shim.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libjpeg.h"

#ifdef ONNXLAB_JPEG_LINKED // for fuzzing, where the library is linked
#define lookup(handle, name) ((void *)name)
#else
#define lookup(handle, name) dlsym(handle, #name)
#endif

struct onnxlab_jpeg {
	struct jpeg_error_mgr *(*std_error)(struct jpeg_error_mgr *);
	void (*create)(j_decompress_ptr, int, size_t);
	int (*read_header)(j_decompress_ptr, int);
	int (*start)(j_decompress_ptr);
	void (*crop)(j_decompress_ptr, unsigned *, unsigned *);
	unsigned (*skip)(j_decompress_ptr, unsigned);
	unsigned (*read)(j_decompress_ptr, uint8_t **, unsigned);
	unsigned (*read12)(j_decompress_ptr, int16_t **, unsigned); // NULL before 3.0
	int (*resync)(j_decompress_ptr, int);
	void (*destroy)(j_decompress_ptr);
};

// A decoding is the state of one call, which decodes one picture.
typedef struct {
	struct jpeg_decompress_struct cinfo;
	struct jpeg_error_mgr errors;
	struct jpeg_source_mgr source;
	struct jpeg_progress_mgr progress;
	jmp_buf back;
	char *message;
	const onnxlab_jpeg *lib;
	void *row; // scratch for one row, or NULL
} decoding;

static decoding *of(j_common_ptr cinfo) { return (decoding *)cinfo->client_data; }

static void fail(decoding *d, const char *why) {
	snprintf(d->message, onnxlab_jpeg_message, "%s", why);
	longjmp(d->back, 1);
}

// on_error ends the call with the library's message, which has at most JMSG_LENGTH_MAX
// (200) bytes.
static void on_error(j_common_ptr cinfo) {
	char text[JMSG_LENGTH_MAX];
	text[0] = 0;
	cinfo->err->format_message(cinfo, text);
	text[sizeof text - 1] = 0;
	fail(of(cinfo), text);
}

static void on_message(j_common_ptr cinfo, int level) {
	if (level < 0)
		cinfo->err->num_warnings++;
}

static void on_output(j_common_ptr cinfo) { (void)cinfo; }

static void source_nothing(j_decompress_ptr cinfo) { (void)cinfo; }

// source_fill is called when the library needs more bytes. The whole file is in memory
// from the start, so the library has read past its end.
static int source_fill(j_decompress_ptr cinfo) {
	fail(of((j_common_ptr)cinfo), "unexpected EOF");
	return 0;
}

static void source_skip(j_decompress_ptr cinfo, long bytes) {
	if (bytes <= 0)
		return;
	if ((unsigned long)bytes > cinfo->src->bytes_in_buffer)
		source_fill(cinfo);
	cinfo->src->next_input_byte += bytes;
	cinfo->src->bytes_in_buffer -= (size_t)bytes;
}

// A progressive picture can have any number of scans over all of its pixels.
enum { most_scans = 64 };

static void on_progress(j_common_ptr cinfo) {
	if (((j_decompress_ptr)cinfo)->input_scan_number > most_scans)
		fail(of(cinfo), "it has more than 64 scans");
}

static void begin(decoding *d, const onnxlab_jpeg *lib, const uint8_t *data, size_t size, char *message) {
	memset(d, 0, sizeof *d);
	d->lib = lib;
	d->message = message;
	d->cinfo.err = lib->std_error(&d->errors);
	d->errors.error_exit = on_error;
	d->errors.emit_message = on_message;
	d->errors.output_message = on_output;
	d->cinfo.client_data = d;
	d->source.next_input_byte = data;
	d->source.bytes_in_buffer = size;
	d->source.init_source = source_nothing;
	d->source.fill_input_buffer = source_fill;
	d->source.skip_input_data = source_skip;
	d->source.resync_to_restart = lib->resync;
	d->source.term_source = source_nothing;
	d->progress.progress_monitor = on_progress;
}

// check_header compares the header with what the caller has read from it, and refuses
// pictures that the rest of this file does not handle.
static void check_header(decoding *d, const onnxlab_jpeg_request *r) {
	j_decompress_ptr cinfo = &d->cinfo;
	if ((int64_t)cinfo->image_width != r->width || (int64_t)cinfo->image_height != r->height)
		fail(d, "it has two frames");
	int c = cinfo->num_components;
	if (c != 1 && c != 3 && c != 4)
		fail(d, c == 2 ? "it has 2 components" : "it has neither 1, 3 nor 4 components");
	if (cinfo->data_precision != 8 && !(cinfo->data_precision == 12 && d->lib->read12 != NULL)) {
		char why[64];
		snprintf(why, sizeof why, "it has %d bits a sample, which this library does not read", cinfo->data_precision);
		fail(d, why);
	}
	if (cinfo->data_precision != 8 && r->scale != 8)
		fail(d, "it cannot be reduced");
	if (r->left < 0 || r->top < 0 || r->columns < 1 || r->rows < 1 || r->left > r->width - r->columns || r->top > r->height - r->rows)
		fail(d, "the wanted part is outside the picture");
}

// put_cmyk converts a row of cyan, magenta, yellow and black to red, green and blue.
// Adobe stores the four inverted, and Pillow takes them as inverted too.
static void put_cmyk(uint8_t *to, const uint8_t *from, size_t columns) {
	for (size_t i = 0; i < columns; i++, to += 3, from += 4)
		for (int c = 0; c < 3; c++)
			to[c] = (uint8_t)((from[c] * from[3] + 127) / 255);
}

// read_row reads the next row into out, which has room for columns pixels.
static void read_row(decoding *d, uint8_t *out, size_t columns) {
	j_decompress_ptr cinfo = &d->cinfo;
	int wide = cinfo->out_color_components;
	size_t samples = columns * (size_t)wide;
	uint8_t *row = d->row != NULL ? d->row : out;
	if (cinfo->data_precision == 12) {
		int16_t * deep = d->row;
		if (d->lib->read12(cinfo, &deep, 1) != 1)
			fail(d, "a row is missing");
		for (size_t i = 0; i < samples; i++) // in place: byte i never lands on a sample that is still to be read
			row[i] = (uint8_t)(deep[i] >> 4);
	} else if (d->lib->read(cinfo, &row, 1) != 1) {
		fail(d, "a row is missing");
	}
	if (wide == 4)
		put_cmyk(out, row, columns);
	else if (row != out)
		memcpy(out, row, samples);
}

static int at_most(int a, int b) { return a < b ? a : b; }

// locate computes the part in pixels of the reduced picture, with a border of two pixels
// because the library interpolates chroma from neighbouring pixels.
static void locate(const decoding *d, const onnxlab_jpeg_request *r, onnxlab_jpeg_part *part) {
	enum { border = 2 };
	const struct jpeg_decompress_struct *cinfo = &d->cinfo;
	int left = r->left * (int64_t)r->scale / 8 - border, top = r->top * (int64_t)r->scale / 8 - border;
	int64_t right = ((r->left + (int64_t)r->columns) * r->scale + 7) / 8 + border;
	int64_t bottom = ((r->top + (int64_t)r->rows) * r->scale + 7) / 8 + border;
	part->left = left < 0 ? 0 : left;
	part->top = top < 0 ? 0 : top;
	part->columns = at_most((int)right, (int)cinfo->output_width) - part->left;
	part->rows = at_most((int)bottom, (int)cinfo->output_height) - part->top;
}

static void decode(decoding *d, const onnxlab_jpeg_request *r, uint8_t *out, size_t capacity, onnxlab_jpeg_part *part) {
	j_decompress_ptr cinfo = &d->cinfo;
	const onnxlab_jpeg *lib = d->lib;
	lib->create(cinfo, JPEG_LIB_VERSION, sizeof *cinfo);
	cinfo->src = &d->source;
	cinfo->progress = &d->progress;
	cinfo->mem->max_memory_to_use = (long)r->memory;
	lib->read_header(cinfo, 1);
	check_header(d, r);
	cinfo->scale_num = (unsigned)r->scale;
	cinfo->scale_denom = 8;
	cinfo->out_color_space = cinfo->num_components == 4 ? JCS_CMYK : JCS_RGB;
	lib->start(cinfo);
	locate(d, r, part);
	if (cinfo->data_precision == 8 && part->columns < (int)cinfo->output_width) {
		unsigned left = (unsigned)part->left, columns = (unsigned)part->columns;
		lib->crop(cinfo, &left, &columns);
		part->left = (int)left;
		part->columns = (int)columns;
	} else {
		part->left = 0;
		part->columns = (int)cinfo->output_width;
	}
	size_t columns = (size_t)part->columns;
	if (columns * 3 > capacity / (size_t)part->rows)
		fail(d, "the part is larger than the room for it");
	if (cinfo->data_precision == 12 || cinfo->out_color_components == 4) {
		d->row = malloc(columns * (size_t)cinfo->out_color_components * 2);
		if (d->row == NULL)
			fail(d, "out of memory");
	}
	if (cinfo->data_precision == 8) {
		if (part->top > 0 && lib->skip(cinfo, (unsigned)part->top) != (unsigned)part->top)
			fail(d, "a row is missing");
	}
	for (int row = cinfo->data_precision == 8 ? part->top : 0; row < part->top + part->rows; row++)
		read_row(d, row < part->top ? out : out + (size_t)(row - part->top) * columns * 3, columns);
}

// guarded calls decode and returns 0, or 1 if the library's error handler jumped here.
static int guarded(decoding *d, const onnxlab_jpeg_request *r, uint8_t *out, size_t capacity, onnxlab_jpeg_part *part) {
	if (setjmp(d->back) != 0)
		return 1;
	decode(d, r, out, capacity, part);
	return 0;
}

int onnxlab_jpeg_decode(const onnxlab_jpeg *lib, const uint8_t *data, size_t size, const onnxlab_jpeg_request *request,
	uint8_t *out, size_t capacity, onnxlab_jpeg_part *part) {
	decoding d;
	part->message[0] = 0;
	begin(&d, lib, data, size, part->message);
	int failed = guarded(&d, request, out, capacity, part);
	free(d.row);
	lib->destroy(&d.cinfo);
	return failed ? -1 : 0;
}

// create makes the library's structure. It returns 0 if the library refuses to, because
// this file was compiled for another layout of the structure.
static int create(decoding *d) {
	if (setjmp(d->back) != 0)
		return 0;
	d->lib->create(&d->cinfo, JPEG_LIB_VERSION, sizeof d->cinfo);
	return 1;
}

// fits returns whether the library accepts structures of the size that this file was
// compiled for.
static int fits(const onnxlab_jpeg *lib, char *message) {
	decoding d;
	begin(&d, lib, (const uint8_t *)"", 0, message);
	if (!create(&d))
		return 0;
	lib->destroy(&d.cinfo);
	return 1;
}

onnxlab_jpeg *onnxlab_jpeg_open(const char *path, char *where, size_t where_size, char *message) {
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		const char *why = dlerror();
		snprintf(message, onnxlab_jpeg_message, "%s", why == NULL ? "it cannot be loaded" : why);
		return NULL;
	}
	onnxlab_jpeg *lib = calloc(1, sizeof *lib);
	if (lib == NULL) {
		snprintf(message, onnxlab_jpeg_message, "out of memory");
		return NULL;
	}
	*(void **)&lib->std_error = lookup(handle, jpeg_std_error);
	*(void **)&lib->create = lookup(handle, jpeg_CreateDecompress);
	*(void **)&lib->read_header = lookup(handle, jpeg_read_header);
	*(void **)&lib->start = lookup(handle, jpeg_start_decompress);
	*(void **)&lib->crop = lookup(handle, jpeg_crop_scanline);
	*(void **)&lib->skip = lookup(handle, jpeg_skip_scanlines);
	*(void **)&lib->read = lookup(handle, jpeg_read_scanlines);
	*(void **)&lib->read12 = lookup(handle, jpeg12_read_scanlines);
	*(void **)&lib->resync = lookup(handle, jpeg_resync_to_restart);
	*(void **)&lib->destroy = lookup(handle, jpeg_destroy_decompress);
	if (!lib->std_error || !lib->create || !lib->read_header || !lib->start || !lib->crop || !lib->skip || !lib->read || !lib->resync || !lib->destroy) {
		snprintf(message, onnxlab_jpeg_message, "it is not libjpeg-turbo: it lacks functions such as jpeg_crop_scanline");
	} else if (fits(lib, message)) {
		Dl_info info;
		if (dladdr(*(void **)&lib->create, &info) != 0 && info.dli_fname != NULL)
			snprintf(where, where_size, "%s", info.dli_fname);
		return lib;
	}
	free(lib);
	dlclose(handle);
	return NULL;
}

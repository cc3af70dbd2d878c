//go:build ignore

// Compares libjpeg.h with the jpeglib.h of this system, field by field. TestLayout
// compiles it in two ways, with and without -DTHEIRS, and wants the same numbers.
#include <stddef.h>
#include <stdio.h>

#ifdef THEIRS
#include <jpeglib.h>
#else
#include "libjpeg.h"
#endif

#define place(type, field) printf(#type "." #field " %zu\n", offsetof(struct type, field))
#define size(type) printf(#type " %zu\n", sizeof(struct type))

int main(void) {
	size(jpeg_error_mgr);
	place(jpeg_error_mgr, format_message);
	place(jpeg_error_mgr, num_warnings);
	size(jpeg_progress_mgr);
	size(jpeg_source_mgr);
	place(jpeg_source_mgr, resync_to_restart);
	size(jpeg_memory_mgr);
	place(jpeg_memory_mgr, max_memory_to_use);
	size(jpeg_decompress_struct);
	place(jpeg_decompress_struct, client_data);
	place(jpeg_decompress_struct, src);
	place(jpeg_decompress_struct, num_components);
	place(jpeg_decompress_struct, out_color_space);
	place(jpeg_decompress_struct, scale_num);
	place(jpeg_decompress_struct, scale_denom);
	place(jpeg_decompress_struct, output_width);
	place(jpeg_decompress_struct, output_height);
	place(jpeg_decompress_struct, out_color_components);
	place(jpeg_decompress_struct, input_scan_number);
	place(jpeg_decompress_struct, data_precision);
	place(jpeg_decompress_struct, Adobe_transform);
	place(jpeg_decompress_struct, unread_marker);
	return 0;
}

// The part of libjpeg's interface that shim.c needs, in the layout that libjpeg 6b gave its
// structures and libjpeg-turbo keeps for libjpeg.so.62. The names are libjpeg's own.
// Fields that the shim does not use are there for their place alone. The library refuses
// a structure of another size, and layout_test.c compares every place with the jpeglib.h of
// a system that has one.
#ifndef ONNXLAB_LIBJPEG_H
#define ONNXLAB_LIBJPEG_H

#include <stddef.h>
#include <stdint.h>

enum { JPEG_LIB_VERSION = 62, JMSG_LENGTH_MAX = 200 };

typedef enum { JCS_UNKNOWN, JCS_GRAYSCALE, JCS_RGB, JCS_YCbCr, JCS_CMYK, JCS_YCCK } J_COLOR_SPACE;

typedef struct jpeg_common_struct *j_common_ptr;
typedef struct jpeg_decompress_struct *j_decompress_ptr;

struct jpeg_error_mgr {
	void (*error_exit)(j_common_ptr);
	void (*emit_message)(j_common_ptr, int level);
	void (*output_message)(j_common_ptr);
	void (*format_message)(j_common_ptr, char *buffer);
	void (*reset_error_mgr)(j_common_ptr);
	int msg_code;
	union {
		int i[8];
		char s[80];
	} msg_parm;
	int trace_level;
	long num_warnings;
	const char *const *jpeg_message_table;
	int last_jpeg_message;
	const char *const *addon_message_table;
	int first_addon_message, last_addon_message;
};

struct jpeg_progress_mgr {
	void (*progress_monitor)(j_common_ptr);
	long pass_counter, pass_limit;
	int completed_passes, total_passes;
};

struct jpeg_source_mgr {
	const uint8_t *next_input_byte;
	size_t bytes_in_buffer;
	void (*init_source)(j_decompress_ptr);
	int (*fill_input_buffer)(j_decompress_ptr);
	void (*skip_input_data)(j_decompress_ptr, long bytes);
	int (*resync_to_restart)(j_decompress_ptr, int desired);
	void (*term_source)(j_decompress_ptr);
};

struct jpeg_memory_mgr {
	void (*functions[11])(void);
	long max_memory_to_use, max_alloc_chunk;
};

struct jpeg_common_struct {
	struct jpeg_error_mgr *err;
	struct jpeg_memory_mgr *mem;
	struct jpeg_progress_mgr *progress;
	void *client_data;
	int is_decompressor, global_state;
};

struct jpeg_decompress_struct {
	struct jpeg_error_mgr *err;
	struct jpeg_memory_mgr *mem;
	struct jpeg_progress_mgr *progress;
	void *client_data;
	int is_decompressor, global_state;

	struct jpeg_source_mgr *src;
	unsigned image_width, image_height;
	int num_components;
	J_COLOR_SPACE jpeg_color_space;

	// What is asked for, set before decoding starts.
	J_COLOR_SPACE out_color_space;
	unsigned scale_num, scale_denom;
	double output_gamma;
	int buffered_image, raw_data_out;
	int dct_method, do_fancy_upsampling, do_block_smoothing;
	int quantize_colors, dither_mode, two_pass_quantize, desired_number_of_colors;
	int enable_1pass_quant, enable_external_quant, enable_2pass_quant;

	// What comes out.
	unsigned output_width, output_height;
	int out_color_components, output_components, rec_outbuf_height;
	int actual_number_of_colors;
	void *colormap;
	unsigned output_scanline;
	int input_scan_number;
	unsigned input_iMCU_row;
	int output_scan_number;
	unsigned output_iMCU_row;
	void *coef_bits;

	// The library's own.
	void *quant_tbl_ptrs[4], *dc_huff_tbl_ptrs[4], *ac_huff_tbl_ptrs[4];
	int data_precision;
	void *comp_info;
	int progressive_mode, arith_code;
	uint8_t arith_dc_L[16], arith_dc_U[16], arith_ac_K[16];
	unsigned restart_interval;
	int saw_JFIF_marker;
	uint8_t JFIF_major_version, JFIF_minor_version, density_unit;
	uint16_t X_density, Y_density;
	int saw_Adobe_marker;
	uint8_t Adobe_transform;
	int CCIR601_sampling;
	void *marker_list;
	int max_h_samp_factor, max_v_samp_factor, min_DCT_scaled_size;
	unsigned total_iMCU_rows;
	void *sample_range_limit;
	int comps_in_scan;
	void *cur_comp_info[4];
	unsigned MCUs_per_row, MCU_rows_in_scan;
	int blocks_in_MCU, MCU_membership[10];
	int Ss, Se, Ah, Al;
	int unread_marker;
	void *modules[11];
};

#endif

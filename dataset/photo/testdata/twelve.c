// Writes turbo/twelve.jpg, a JPEG image of 12 bits a sample, and turbo/twelve.jpg.want.png
// as a PPM on stdout, the upper 8 bits of what was encoded. It needs libjpeg-turbo 3:
//
//     cc -Iinclude twelve.c libleptonica.so.6 -o twelve && ./twelve turbo/twelve.jpg >twelve.ppm
#include <stdio.h>
#include <stdint.h>
#include <jpeglib.h>

enum { width = 40, height = 30 };

int main(int argc, char **argv) {
	struct jpeg_compress_struct cinfo;
	struct jpeg_error_mgr errors;
	FILE *file = argc > 1 ? fopen(argv[1], "wb") : NULL;
	if (file == NULL)
		return 1;
	cinfo.err = jpeg_std_error(&errors);
	jpeg_create_compress(&cinfo);
	jpeg_stdio_dest(&cinfo, file);
	cinfo.image_width = width;
	cinfo.image_height = height;
	cinfo.input_components = 3;
	cinfo.in_color_space = JCS_RGB;
	cinfo.data_precision = 12;
	jpeg_set_defaults(&cinfo);
	jpeg_set_quality(&cinfo, 98, TRUE);
	jpeg_start_compress(&cinfo, TRUE);
	printf("P6 %d %d 255\n", width, height);
	for (int y = 0; y < height; y++) {
		J12SAMPLE row[3 * width];
		for (int x = 0; x < width; x++) {
			row[3 * x] = (J12SAMPLE)(400 + 80 * x);
			row[3 * x + 1] = (J12SAMPLE)(300 + 110 * y);
			row[3 * x + 2] = (J12SAMPLE)(3500 - 40 * x - 40 * y);
			for (int c = 0; c < 3; c++)
				putchar(row[3 * x + c] >> 4);
		}
		J12SAMPROW rows = row;
		jpeg12_write_scanlines(&cinfo, &rows, 1);
	}
	jpeg_finish_compress(&cinfo);
	return fclose(file);
}

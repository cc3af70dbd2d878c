#ifndef ONNXLAB_BILINEAR_H
#define ONNXLAB_BILINEAR_H

#include <stdint.h>

// onnxlab_bilinear resizes a picture with 3 bytes per pixel. For each row of the result it
// first goes down the columns of the source and writes a row with 6 bits of fraction into
// line; then it goes along line. Pixel i of an axis has the weights weights[i*taps..],
// whose sum is 2^14, for the pixels of the source from first[i] on; taps is even. For row i
// of the result it reads only count[i] rows of the source. Only the columns left..right-1
// of the source have weights. line has room for 3*(width + taps) + 16 values. Function
// plain in bilinear_go.go does the same without SIMD, and gives the same bytes.
void onnxlab_bilinear(uint8_t *dst, const uint8_t *src, int width,
	int rows, int row_taps, const int32_t *row_first, const int32_t *row_count, const int16_t *row_weights,
	int columns, int column_taps, const int32_t *column_first, const int16_t *column_weights,
	int left, int right, int16_t *line);

#endif

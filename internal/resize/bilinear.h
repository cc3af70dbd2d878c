#ifndef ONNXLAB_BILINEAR_H
#define ONNXLAB_BILINEAR_H

#include <stdint.h>

// onnxlab_bilinear resizes rows of pixels of 3 bytes: down the columns first, into line,
// with 6 bits of fraction, then along it. Pixel i of rows and columns has the weights
// weights[i*taps..], of 2^14 in all, for the source from first[i] on; taps is even. Of
// rows no more than count[i] are read. Only the columns left..right of the source have
// weights; line has room for 3*(width + taps) + 16 values. Function plain in bilinear_go.go
// is the same without SIMD, and gives the same bytes.
void onnxlab_bilinear(uint8_t *dst, const uint8_t *src, int width,
	int rows, int row_taps, const int32_t *row_first, const int32_t *row_count, const int16_t *row_weights,
	int columns, int column_taps, const int32_t *column_first, const int16_t *column_weights,
	int left, int right, int16_t *line);

#endif

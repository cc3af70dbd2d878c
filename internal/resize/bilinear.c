#include "bilinear.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { weight_bits = 14, first_bits = weight_bits - 6, second_bits = weight_bits + 6 };

static void down_plain(int16_t *line, const uint8_t *src, size_t stride, int from, int to, int count, const int16_t *weights) {
	for (int x = from; x < to; x++) {
		int32_t sum = 1 << (first_bits - 1);
		for (int k = 0; k < count; k++)
			sum += weights[k] * (int32_t)src[(size_t)k * stride + (size_t)x];
		line[x] = (int16_t)(sum >> first_bits);
	}
}

#ifdef __SSE2__
// pair returns two 16-bit weights, repeated to fill the register, for
// _mm_madd_epi16.
static __m128i pair(int16_t a, int16_t b) { return _mm_set1_epi32((int32_t)((uint32_t)(uint16_t)a | (uint32_t)(uint16_t)b << 16)); }

// down takes two rows at a time: it interleaves their bytes, so that one
// instruction multiplies them by their weights and adds the products.
static void down(int16_t *line, const uint8_t *src, size_t stride, int from, int to, int count, const int16_t *weights) {
	const __m128i zero = _mm_setzero_si128(), half = _mm_set1_epi32(1 << (first_bits - 1));
	int x = from;
	for (; x + 16 <= to; x += 16) {
		__m128i a = half, b = half, c = half, d = half;
		for (int k = 0; k < count; k += 2) {
			const uint8_t *row = src + (size_t)k * stride + (size_t)x;
			__m128i one = _mm_loadu_si128((const __m128i *)row);
			// An odd count leaves the last row without a partner: its partner's
			// weight is 0.
			__m128i two = k + 1 < count ? _mm_loadu_si128((const __m128i *)(row + stride)) : zero;
			__m128i w = pair(weights[k], weights[k + 1]);
			__m128i low = _mm_unpacklo_epi8(one, two), high = _mm_unpackhi_epi8(one, two);
			a = _mm_add_epi32(a, _mm_madd_epi16(_mm_unpacklo_epi8(low, zero), w));
			b = _mm_add_epi32(b, _mm_madd_epi16(_mm_unpackhi_epi8(low, zero), w));
			c = _mm_add_epi32(c, _mm_madd_epi16(_mm_unpacklo_epi8(high, zero), w));
			d = _mm_add_epi32(d, _mm_madd_epi16(_mm_unpackhi_epi8(high, zero), w));
		}
		__m128i low = _mm_packs_epi32(_mm_srai_epi32(a, first_bits), _mm_srai_epi32(b, first_bits));
		__m128i high = _mm_packs_epi32(_mm_srai_epi32(c, first_bits), _mm_srai_epi32(d, first_bits));
		_mm_storeu_si128((__m128i *)(line + x), low);
		_mm_storeu_si128((__m128i *)(line + x + 8), high);
	}
	down_plain(line, src, stride, x, to, count, weights);
}

// along takes two pixels at a time. A load reads the three channels of a pixel
// and a fourth value, which the result does not use.
static void along(uint8_t *dst, const int16_t *line, int columns, int taps, const int32_t *first, const int16_t *weights) {
	const __m128i half = _mm_set1_epi32(1 << (second_bits - 1));
	for (int i = 0; i < columns; i++, weights += taps) {
		const int16_t *from = line + 3 * (size_t)first[i];
		__m128i sum = half;
		for (int k = 0; k < taps; k += 2) {
			__m128i one = _mm_loadl_epi64((const __m128i *)(from + 3 * k));
			__m128i two = _mm_loadl_epi64((const __m128i *)(from + 3 * k + 3));
			sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_unpacklo_epi16(one, two), pair(weights[k], weights[k + 1])));
		}
		sum = _mm_srai_epi32(sum, second_bits);
		sum = _mm_packs_epi32(sum, sum);
		int32_t pixel = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
		memcpy(dst + 3 * (size_t)i, &pixel, 3);
	}
}
#else
#define down down_plain

static uint8_t clip(int32_t v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

static void along(uint8_t *dst, const int16_t *line, int columns, int taps, const int32_t *first, const int16_t *weights) {
	for (int i = 0; i < columns; i++, weights += taps) {
		const int16_t *from = line + 3 * (size_t)first[i];
		int32_t sum[4] = {1 << (second_bits - 1), 1 << (second_bits - 1), 1 << (second_bits - 1), 0};
		for (int k = 0; k < taps; k++)
			for (int c = 0; c < 4; c++) // four instead of three, so that compilers use vector instructions
				sum[c] += weights[k] * (int32_t)from[3 * k + c];
		for (int c = 0; c < 3; c++)
			dst[3 * i + c] = clip(sum[c] >> second_bits);
	}
}
#endif

void onnxlab_bilinear(uint8_t *dst, const uint8_t *src, int width,
	int rows, int row_taps, const int32_t *row_first, const int32_t *row_count, const int16_t *row_weights,
	int columns, int column_taps, const int32_t *column_first, const int16_t *column_weights,
	int left, int right, int16_t *line) {
	size_t stride = 3 * (size_t)width;
	for (int i = 0; i < rows; i++) {
		down(line, src + stride * (size_t)row_first[i], stride, 3 * left, 3 * right, row_count[i], row_weights + (size_t)i * (size_t)row_taps);
		along(dst + 3 * (size_t)columns * (size_t)i, line, columns, column_taps, column_first, column_weights);
	}
}

// How kernels measure the moments of the pixels that they write or read: one block
// of channels at a time, in registers.

#ifndef ONNXLAB_MOMENTS_H
#define ONNXLAB_MOMENTS_H

#include "simd.h"

// The moments of some pixels while they are being added up. Distances to a pivot, one
// of the pixels, are summed instead of the pixels: where a mean is many deviations
// from 0, squares of the pixels would lose the digits of the variance.
typedef struct {
	vec pivot;
	vec sum;     // Σ (pixel − pivot)
	vec squares; // Σ (pixel − pivot)²
} moments;

SIMD_INLINE moments moments_around(vec pivot) { return (moments){.pivot = pivot}; }

SIMD_INLINE void add_pixel(moments *m, vec pixel) {
	vec d = pixel - m->pivot;
	m->sum += d;
	m->squares += d * d;
}

// add_row adds the moments of one row of pixels around the same pivot. Kernels
// accumulate row by row: short sums of float32 lose fewer digits.
SIMD_INLINE void add_row(moments *m, const moments *row) {
	m->sum += row->sum;
	m->squares += row->squares;
}

// store_moments writes the count, the mean and the squared distances to that mean of
// one block of channels, where moments are [3, channels]:
//
//	mean = pivot + sum/count,  squared distances = squares − sum²/count
SIMD_INLINE void store_moments(const moments *m, float count, float *to, long channels) {
	vec mean = m->sum / count;
	store(to, broadcast(count));
	store(to + channels, m->pivot + mean);
	store(to + 2 * channels, m->squares - m->sum * mean);
}

#endif

// The statistics of each channel over a batch, from sums that kernels make over
// its chunks. They are few numbers, so this is plain C in double precision, compiled
// once. The chunks are added in their order: results do not depend on the threads.

#ifndef ONNXLAB_STATISTICS_H
#define ONNXLAB_STATISTICS_H

#include "kernels.h"

// onnxlab_affine computes the factors and shifts, [channels], with which normalisation
// is y = factor·x + shift: factor = scale·inverse_deviation, shift = bias − mean·factor.
void onnxlab_affine(const channel_norm *, long channels, float *factor, float *shift);

// onnxlab_batch_statistics sets b's mean, variance and inverse_deviation from the
// moments [chunks, 3, channels] of b's x.
void onnxlab_batch_statistics(const batchnorm *b, const float *moments, long chunks);

// The gradient with respect to a normalisation's input is affine in the input:
//
//	dx = factor·g + slope·x + offset
//
// where g is the gradient with respect to its result. All arrays are [channels].
typedef struct {
	float *factor, *slope, *offset;
} input_gradient;

// onnxlab_gradient_terms sets b's dscale and dbias, and slope and offset of the
// gradient with respect to x. It reads factor, which onnxlab_affine has computed. sums and dots are
// [images, channels]: Σ g and Σ g·(x − mean) over the pixels of each image.
//
// With m elements in a channel and factor = scale·inverse_deviation,
//
//	dbias  = Σ g
//	dscale = Σ g·(x − mean)·inverse_deviation
//	dx     = factor·(g − Σ g/m − (x − mean)·inverse_deviation²·Σ g·(x − mean)/m)
void onnxlab_gradient_terms(const batchnorm *b, const float *sums, const float *dots, const input_gradient *);

#endif

// The end of a convolution: what is done with its sums as they are written.
//
//	y = sum + bias,  plus another image if there is one,  then max(0, y) if relu is set,
//	and min(ceiling, y) if the ceiling is not 0 then

#ifndef ONNXLAB_CONV_END_H
#define ONNXLAB_CONV_END_H

#include <math.h>

#include "kernels.h"
#include "simd.h"

// Convolutions stream results of more floats than this. Smaller ones stay in the cache, where
// the next operator finds them: at 64x64 pixels and batch 1, the pool after the first convolution
// of a resnet18 took seven times as long to read its images from memory. Two 3x3 convolutions in
// a row are 5 % faster up to this size if they store, and 10 % slower at twice this size.
enum { KEPT_FLOATS = 1 << 20 };

// The end of one block of outputs. Moments are measured only where it is a bias alone.
typedef struct {
	vec bias;
	const float *sum; // pixels to add, from the first pixel that is written on; or NULL
	int relu;
	float ceiling;
	int streams; // y has more than KEPT_FLOATS
} conv_end;

// conv_end_at is the end of block b of outputs, whose pixels are written to c->y + at.
SIMD_INLINE conv_end conv_end_at(const convolution *c, long b, long at) {
	return (conv_end){
		.bias = c->bias ? load(c->bias + b * BLOCK) : (vec){0},
		.sum = c->sum ? c->sum + at : NULL,
		.relu = c->y_relu,
		.ceiling = c->y_ceiling > 0 ? c->y_ceiling : INFINITY,
		.streams = c->images * c->outputs * c->y_height * c->y_width > KEPT_FLOATS,
	};
}

// finish turns a sum into y, for the pixel that lies `at` floats after the first one.
SIMD_INLINE vec finish(const conv_end *e, vec sum, long at) {
	vec y = sum + e->bias;
	if (e->sum != NULL)
		y += load(e->sum + at);
	if (!e->relu)
		return y;
	return clamp(y, 0, e->ceiling);
}

// write_pixel finishes a sum and writes it to y, for the pixel that lies `at` floats after the
// first one.
SIMD_INLINE void write_pixel(const conv_end *e, vec sum, float *y, long at) {
	if (e->streams)
		stream(y + at, finish(e, sum, at));
	else
		store(y + at, finish(e, sum, at));
}

#endif

// The kernels, each once for every block of channels: 16 floats with AVX-512, 8
// with AVX2. Values are float32; images are blocked, [n, c/block, h, w, block].

#ifndef ONNXLAB_KERNELS_H
#define ONNXLAB_KERNELS_H

#include <stddef.h>

// A pool runs task(of, i) for all i below count, in parallel.
typedef struct pool {
	void (*run)(const struct pool *, long count, void (*task)(void *of, size_t i), void *of);
	long workers; // how many tasks can run at a time
	const void *const *api;
	void *context;
} pool;

// How channels are normalised: y = scale·(x − mean)·inverse + bias, and then, if
// relu, max(0, y).
typedef struct {
	const float *scale, *bias, *mean, *inverse;
	int relu;
} channel_norm;

// Moments are those of each channel of a part of some images, [parts, 3, channels]:
// the number of pixels, their mean, and the sum of the squares of what differs from
// it.

// A convolution of 3x3 with pads of 1. Images of fewer inputs than a block are
// plain, [n, c, h, w].
typedef struct {
	long images, inputs, outputs, height, width;
	int turned;          // the weight is [inputs, outputs, 3, 3] and turned by 180 degrees
	const float *x;      // [images, inputs, height, width], or, if NULL:
	const unsigned char *bytes; // [images, height, width, inputs], of which x is so many times
	float scale;
	channel_norm norm;   // what x is taken through first, if it has a scale; not of plain images
	const float *factor, *shift; // of norm; the kernels set them
	const float *weight; // [outputs, inputs, 3, 3]
	const float *bias;   // [outputs], or NULL
	float *y;            // [images, outputs, height, width]
	float *moments;      // of y, in conv_parts parts, or NULL
	const float *dy;     // like y
	float *dweight;      // like weight
} convolution;

// A normalisation of each channel over the batch, and the average of each window
// of the result, of pool x pool pixels.
typedef struct {
	long images, channels, height, width, pool;
	float epsilon;
	const float *x;
	const float *moments;      // of x, in so many parts, or NULL
	long parts;
	channel_norm norm;         // without mean and inverse if they are to be computed
	float *y;                  // [images, channels, height/pool, width/pool], or NULL
	float *mean, *inverse, *variance; // inverse is 1/√(variance + epsilon): [channels]
	const float *dy;           // like y
	float share;               // what each pixel of a window gets of dy
	float *dx, *dscale, *dbias;
} normalisation;

typedef struct {
	long block;
	size_t (*conv_scratch)(const convolution *, long workers); // bytes
	void (*conv)(const convolution *, const pool *, float *scratch);
	long (*conv_parts)(const convolution *); // the parts of its moments
	size_t (*conv_grad_scratch)(const convolution *, long workers);
	void (*conv_grad)(const convolution *, const pool *, float *scratch);
	size_t (*norm_scratch)(const normalisation *);
	void (*norm)(const normalisation *, const pool *, float *scratch);
	void (*norm_grad)(const normalisation *, const pool *, float *scratch);
} kernels;

extern const kernels onnxlab_avx512, onnxlab_avx2;

// onnxlab_add_kernels gives sessions of the options the operators, in blocks of
// at most `most` channels, and returns what went wrong, to be freed, or NULL.
// One thread may call it at a time.
char *onnxlab_add_kernels(void *(*get_api_base)(void), void *session_options, int most);

#endif

// The interface between the operators (operators.c) and the kernels (avx512.c,
// avx2.c, neon.c).
//
// All values are float32. Images are either plain, [images, channels, height,
// width], or blocked: [images, channels/block, height, width, block], where the
// `block` channels of a pixel lie side by side and make one vector. ONNX Runtime
// calls this layout NCHWc. Blocked images must be aligned to ALIGNMENT bytes.

#ifndef ONNXLAB_KERNELS_H
#define ONNXLAB_KERNELS_H

#include <stddef.h>

enum {
	ALIGNMENT = 64,         // bytes: one AVX-512 vector, one line of the cache
	FILTER = 3,             // height and width of a convolution's weights
	TAPS = FILTER * FILTER, // weights between one input channel and one output channel
};

// The threads that share the work of a kernel.
typedef struct threads threads;
struct threads {
	// parallel_for calls task(argument, i) for each i from 0 to count-1, in any order
	// and in parallel, and returns when all of them are done.
	void (*parallel_for)(const threads *, long count, void (*task)(void *argument, size_t i), void *argument);
	long workers;  // the most tasks that run at the same time
	void *context; // belongs to parallel_for
};

// How each channel of some images is normalised:
//
//	y = scale·(x − mean)·inverse_deviation + bias,  then max(0, y) if relu is set,
//	and min(ceiling, y) if the ceiling is not 0 then
//
// Each array is [channels].
typedef struct {
	const float *scale, *bias, *mean, *inverse_deviation;
	int relu;
	float ceiling;
} channel_norm;

// Moments describe the pixels of each channel in one chunk of a batch, [3, channels]:
// the number of pixels, their mean, and the sum of their squared distances to that
// mean. Moments of several chunks are [chunks, 3, channels].

// A window that moves over images: it has height x width taps, and moves by stride pixels
// from one result to the next. A tap is one place in the window, for which a convolution has
// one weight between each input channel and each output channel. The first result's window
// begins top pixels above and left pixels before the image. Convolutions take what lies
// outside the image as 0, and pools leave it out.
typedef struct {
	long height, width, stride, top, left;
} window;

// A convolution:
//
//	y[n,o,r,c] = bias[o] + Σ over i, j, k: weight[o,i,j,k]·x[n,i,r·stride+j−top,c·stride+k−left]
//
// y and dy are blocked. x is plain if it has fewer channels than a block, else
// blocked. The weights are plain.
typedef struct {
	long images, inputs, outputs, height, width; // inputs and outputs are channels, height and width those of x
	long y_height, y_width;
	window window;
	int depthwise; // each channel is convolved by itself: the weight is [channels, 1, …]; both images are blocked
	int rows;      // a product of matrices: x, y and dy are [pixels, channels], and the window has one tap
	int by_taps;   // one matrix product for each tap, also where Winograd's algorithm would do

	const float *x;             // [images, inputs, height, width]; if NULL, x = bytes·byte_scale
	const unsigned char *bytes; // [images, height, width, inputs], with fewer inputs than a block
	float byte_scale;
	channel_norm x_norm; // normalises x as it is read, unless x_norm.scale is NULL; only for blocked x

	// For conv. If flipped is set, y is the gradient with respect to x of a convolution with
	// this window: x is the gradient with respect to that convolution's y, and its weight
	// [inputs, outputs, j, k].
	//
	//	y[n,o,r,c] = Σ over i, j, k: weight[i,o,j,k]·x[n,i,(r+top−j)/stride,(c+left−k)/stride]
	//
	// over those j and k for which these are whole numbers.
	const float *weight; // [outputs, inputs, window.height, window.width]
	int flipped;
	const float *packed; // what conv_pack has made of the weight, or NULL
	const float *bias;   // [outputs], or NULL
	const float *sum;    // added to y, with its shape, or NULL
	int y_relu;          // y is max(0, y) in the end,
	float y_ceiling;     // and then min(y_ceiling, y) unless that is 0
	float *y;            // result: [images, outputs, y_height, y_width]
	float *moments;      // result, or NULL: the moments of y in conv_chunks chunks; neither sum nor y_relu is set then

	// For conv_weight_grad.
	const float *dy; // the gradient with respect to y: [images, outputs, y_height, y_width]
	float *dweight;  // result: the gradient with respect to the weight, with its shape
} convolution;

// A pool of blocked images, whose results are the largest pixels of windows. The gradient
// with respect to a result goes to the first of its window's pixels, row by row, that is as
// large.
typedef struct {
	long images, channels, height, width; // of x
	long y_height, y_width;
	window window;
	const float *x;
	float *y;        // result of maxpool: [images, channels, y_height, y_width]
	const float *dy; // for maxpool_grad, with the shape of y
	float *dx;       // its result, with the shape of x
} maxpool;

// Images that are copied from one layout to another. Zeros fill the last block of channels up, and are
// left out on the way back.
typedef struct {
	long images, channels, pixels; // channels are those of the plain layout
	enum { PLAIN_TO_BLOCKED, BLOCKED_TO_PLAIN, BLOCKED_TO_LAST } kind; // last: [images, pixels, channels]
	const float *x;
	float *y; // result
} reorder;

// Batch normalisation: each channel is normalised by its mean and deviation over
// the batch. ReLU and average pooling may follow. Images are blocked.
typedef struct {
	long images, channels, height, width;
	long pool;         // side of the pooling windows, which tile the images; 1 for none
	channel_norm norm; // batchnorm reads scale, bias and relu; batchnorm_grad reads all of it

	const float *x; // [images, channels, height, width]

	// For batchnorm.
	float epsilon;
	const float *moments; // the moments of x, or NULL: then batchnorm computes them
	long chunks;          // in moments
	float *y;             // result, or NULL: [images, channels, height/pool, width/pool]
	// Results, [channels], with inverse_deviation = 1/√(variance + epsilon).
	float *mean, *variance, *inverse_deviation;

	// For batchnorm_grad.
	const float *dy;            // the gradient with respect to y, with the shape of y
	float dy_scale;             // each pixel of a window gets dy·dy_scale; 1/pool² for averages
	float *dx, *dscale, *dbias; // results: the shape of x, [channels], [channels]
} batchnorm;

// Layer normalisation: each row of channels, which are whole blocks, is normalised by its own
// mean and deviation.
//
//	y = scale·(x − mean)·inverse_deviation + bias
typedef struct {
	long rows, channels;
	const float *scale; // [channels]
	const float *x;     // [rows, channels]
	// [rows], with inverse_deviation = 1/√(variance + epsilon): results of layernorm, or NULL;
	// layernorm_grad reads them.
	float *mean, *inverse_deviation;

	// For layernorm.
	const float *bias; // [channels], or NULL
	float epsilon;
	float *y; // result: [rows, channels]

	// For layernorm_grad.
	const float *dy;            // the gradient with respect to y: [rows, channels]
	float *dx, *dscale, *dbias; // results: [rows, channels], [channels], [channels]
} layernorm;

// The gradient of GELU, dx = dy·gelu'(x), of n elements of any shape.
typedef struct {
	long n;
	const float *dy, *x;
	float *dx; // result
} gelu;

// The kernels for one instruction set. Their results do not depend on the threads.
// Each needs scratch memory, aligned to ALIGNMENT bytes; the functions whose names
// end in _scratch return how many bytes.
typedef struct {
	long block; // channels in a block
	size_t (*conv_scratch)(const convolution *, long workers);
	void (*conv)(const convolution *, const threads *, float *scratch);
	size_t (*conv_packed)(const convolution *); // bytes of packed weights
	// conv_pack packs the weight, for convolutions of all sizes of images and the same by_taps.
	void (*conv_pack)(const convolution *, const threads *, float *packed);
	long (*conv_chunks)(const convolution *); // how many chunks conv's moments have
	size_t (*conv_weight_grad_scratch)(const convolution *, long workers);
	void (*conv_weight_grad)(const convolution *, const threads *, float *scratch);
	size_t (*batchnorm_scratch)(const batchnorm *); // for batchnorm and batchnorm_grad
	void (*batchnorm)(const batchnorm *, const threads *, float *scratch);
	void (*batchnorm_grad)(const batchnorm *, const threads *, float *scratch);
	void (*maxpool)(const maxpool *, const threads *);
	void (*maxpool_grad)(const maxpool *, const threads *);
	void (*reorder)(const reorder *, const threads *);
	void (*layernorm)(const layernorm *, const threads *);
	size_t (*layernorm_grad_scratch)(const layernorm *);
	void (*layernorm_grad)(const layernorm *, const threads *, float *scratch);
	void (*gelu_grad)(const gelu *, const threads *);
} kernels;

#ifdef __x86_64__
extern const kernels onnxlab_avx512; // blocks of 16 channels
extern const kernels onnxlab_avx2;   // blocks of 8 channels
#else
extern const kernels onnxlab_neon; // blocks of 4 channels
#endif

// kernels_for returns the kernels for blocks of so many channels, or NULL if this build
// has none.
static inline const kernels *kernels_for(long block) {
#ifdef __x86_64__
	return block == onnxlab_avx512.block ? &onnxlab_avx512 : block == onnxlab_avx2.block ? &onnxlab_avx2 : NULL;
#else
	return block == onnxlab_neon.block ? &onnxlab_neon : NULL;
#endif
}

#endif

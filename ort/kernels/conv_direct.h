// Convolutions of plain images with fewer channels than a block, such as the first
// of a network, computed as they are defined: Winograd's transforms would take as
// long for few channels as for a whole block. Images may also be bytes.
//
// Each image is first copied into a frame of zeros, so that no pixel is a special
// case: one pixel on each side and more on the right, up to a whole number of
// DIRECT_PIXELS.

#ifndef ONNXLAB_CONV_DIRECT_H
#define ONNXLAB_CONV_DIRECT_H

#include <string.h>

#include "kernels.h"
#include "moments.h"
#include "simd.h"

enum {
	DIRECT_PIXELS = 8,  // neighbours in a row, computed together: eight sums in registers share each weight
	DIRECT_SPLITS = 16, // partial sums of a gradient by the weights, each over its share of the images
};

typedef struct {
	const convolution *conv;
	long row, channel, frame; // floats in a row, in a channel and in all channels of a framed image
	float *weights;           // [outputs/BLOCK, inputs, TAPS, BLOCK]
	float *framed;            // [workers or splits, frame]
	float *sums;              // [splits], each like weights
	long split_images;        // images in a split
	long next;                // the next image that no worker has taken
} direct_job;

static direct_job direct_job_of(const convolution *c) {
	direct_job job = {.conv = c, .row = (c->width + DIRECT_PIXELS - 1) / DIRECT_PIXELS * DIRECT_PIXELS + 2};
	job.channel = job.row * (c->height + 2);
	job.frame = job.channel * c->inputs;
	return job;
}

static inline long weight_floats(const convolution *c) { return TAPS * c->inputs * c->outputs; }

static size_t direct_conv_scratch(const convolution *c, long workers) {
	return sizeof(float) * (weight_floats(c) + workers * direct_job_of(c).frame);
}

static size_t direct_weight_grad_scratch(const convolution *c) {
	return sizeof(float) * DIRECT_SPLITS * (weight_floats(c) + direct_job_of(c).frame);
}

// copy_into_frame writes one image, as floats in its frame, to [inputs, height + 2, row].
static void copy_into_frame(const direct_job *job, long image, float *to) {
	const convolution *c = job->conv;
	memset(to, 0, sizeof(float) * (size_t)job->frame);
	for (long i = 0; i < c->inputs; i++)
		for (long y = 0; y < c->height; y++) {
			float *row = to + i * job->channel + (y + 1) * job->row + 1;
			if (c->x != NULL) {
				const float *from = c->x + ((image * c->inputs + i) * c->height + y) * c->width;
				memcpy(row, from, sizeof(float) * (size_t)c->width);
				continue;
			}
			const unsigned char *from = c->bytes + (image * c->height + y) * c->width * c->inputs + i;
			for (long x = 0; x < c->width; x++) row[x] = from[x * c->inputs] * c->byte_scale;
		}
}

// direct_pixels computes DIRECT_PIXELS neighbours of a row, for one block of outputs:
//
//	sums[p][o] = bias[o] + Σ over i, j, k: w[i,j,k,o]·x[i,j,p+k]
//
// x is at the top left of the first pixel's 3x3 neighbourhood, and w is [inputs, TAPS,
// BLOCK].
SIMD_INLINE void direct_pixels(const direct_job *job, const float *x, const float *w, vec bias,
                               vec sums[DIRECT_PIXELS]) {
	UNROLL for (int p = 0; p < DIRECT_PIXELS; p++) sums[p] = bias;
	for (long i = 0; i < job->conv->inputs; i++)
		UNROLL for (int k = 0; k < TAPS; k++) {
			vec weight = load(w + (i * TAPS + k) * BLOCK);
			const float *from = x + i * job->channel + k / FILTER * job->row + k % FILTER;
			UNROLL for (int p = 0; p < DIRECT_PIXELS; p++) sums[p] += from[p] * weight;
		}
}

// write_pixels writes the first n of these pixels and adds them to the moments.
SIMD_INLINE void write_pixels(const vec sums[DIRECT_PIXELS], long n, float *y, moments *m) {
	UNROLL for (int p = 0; p < DIRECT_PIXELS; p++)
		if (p < n) {
			stream(y + p * BLOCK, sums[p]);
			add_pixel(m, sums[p]);
		}
}

// convolve_block computes one block of outputs of one framed image, y [height,
// width, BLOCK], and returns its moments.
SIMD_INLINE moments convolve_block(const direct_job *job, const float *framed, long block, float *y) {
	const convolution *c = job->conv;
	const float *w = job->weights + block * c->inputs * TAPS * BLOCK;
	const vec bias = c->bias ? load(c->bias + block * BLOCK) : (vec){0};
	moments all = moments_around((vec){0});
	for (long row = 0; row < c->height; row++, y += c->width * BLOCK) {
		moments of_row = moments_around(all.pivot);
		for (long p = 0; p < c->width; p += DIRECT_PIXELS) {
			vec sums[DIRECT_PIXELS];
			direct_pixels(job, framed + row * job->row + p, w, bias, sums);
			if (row == 0 && p == 0)
				of_row.pivot = sums[0];
			write_pixels(sums, c->width - p, y + p * BLOCK, &of_row);
		}
		all.pivot = of_row.pivot;
		add_row(&all, &of_row);
	}
	return all;
}

// convolve_images is what one worker does: it takes the next image until none is
// left. Each image is a chunk of the moments.
SIMD static void convolve_images(void *argument, size_t worker) {
	direct_job *job = argument;
	const convolution *c = job->conv;
	const long blocks = c->outputs / BLOCK, pixels = c->height * c->width;
	float *framed = job->framed + (long)worker * job->frame;
	long image;
	while ((image = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED)) < c->images) {
		copy_into_frame(job, image, framed);
		for (long b = 0; b < blocks; b++) {
			moments m = convolve_block(job, framed, b, c->y + (image * blocks + b) * pixels * BLOCK);
			if (c->moments != NULL)
				store_moments(&m, pixels, c->moments + image * 3 * c->outputs + b * BLOCK, c->outputs);
		}
	}
	stream_fence();
}

static void direct_conv(const convolution *c, const threads *t, float *scratch) {
	direct_job job = direct_job_of(c);
	job.weights = scratch;
	job.framed = scratch + weight_floats(c);
	const long taps = c->inputs * TAPS;
	for (long o = 0; o < c->outputs; o++)
		for (long k = 0; k < taps; k++)
			job.weights[(o / BLOCK * taps + k) * BLOCK + o % BLOCK] = c->weight[o * taps + k];
	t->parallel_for(t, t->workers, convolve_images, &job);
}

// add_weight_gradient adds, for one channel of one framed image and one block of
// outputs, to sums [TAPS, BLOCK]:
//
//	dweight[o, i, j, k] = Σ over the pixels (r, c): x[i, r+j−1, c+k−1]·dy[o, r, c]
//
// The nine sums of the block stay in registers.
SIMD_INLINE void add_weight_gradient(const direct_job *job, const float *x, const float *dy, float *to) {
	vec sums[TAPS];
	UNROLL for (int k = 0; k < TAPS; k++) sums[k] = (vec){0};
	for (long r = 0; r < job->conv->height; r++)
		for (long c = 0; c < job->conv->width; c++) {
			vec d = load(dy + (r * job->conv->width + c) * BLOCK);
			const float *from = x + r * job->row + c;
			UNROLL for (int k = 0; k < TAPS; k++) sums[k] += from[k / FILTER * job->row + k % FILTER] * d;
		}
	UNROLL for (int k = 0; k < TAPS; k++) store(to + k * BLOCK, load(to + k * BLOCK) + sums[k]);
}

// sum_split adds up one split: the gradients of its images, in their order.
SIMD static void sum_split(void *argument, size_t split) {
	direct_job *job = argument;
	const convolution *c = job->conv;
	const long taps = c->inputs * TAPS, blocks = c->outputs / BLOCK, pixels = c->height * c->width;
	float *framed = job->framed + (long)split * job->frame, *sums = job->sums + (long)split * taps * c->outputs;
	memset(sums, 0, sizeof(float) * (size_t)(taps * c->outputs));
	const long first = (long)split * job->split_images;
	const long end = first + job->split_images < c->images ? first + job->split_images : c->images;
	for (long image = first; image < end; image++) {
		copy_into_frame(job, image, framed);
		for (long b = 0; b < blocks; b++)
			for (long i = 0; i < c->inputs; i++)
				add_weight_gradient(job, framed + i * job->channel, c->dy + (image * blocks + b) * pixels * BLOCK,
				                    sums + (b * taps + i * TAPS) * BLOCK);
	}
}

static void direct_weight_grad(const convolution *c, const threads *t, float *scratch) {
	direct_job job = direct_job_of(c);
	job.sums = scratch;
	job.framed = scratch + DIRECT_SPLITS * weight_floats(c);
	job.split_images = (c->images + DIRECT_SPLITS - 1) / DIRECT_SPLITS;
	t->parallel_for(t, DIRECT_SPLITS, sum_split, &job);
	const long taps = c->inputs * TAPS;
	for (long o = 0; o < c->outputs; o++)
		for (long k = 0; k < taps; k++) {
			const float *from = job.sums + (o / BLOCK * taps + k) * BLOCK + o % BLOCK;
			float sum = 0;
			for (long split = 0; split < DIRECT_SPLITS; split++) sum += from[split * taps * c->outputs];
			c->dweight[o * taps + k] = sum;
		}
}

#endif

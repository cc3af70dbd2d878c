// Convolutions of plain images with fewer channels than a block, such as the first
// of a network, computed as they are defined: Winograd's transforms would take as
// long for few channels as for a whole block. Images may also be bytes.
//
// Each image is first copied into a frame of zeros, so that no pixel is a special
// case: the window's padding on each side, and more on the right, so that there is a
// whole number of DIRECT_PIXELS.

#ifndef ONNXLAB_CONV_DIRECT_H
#define ONNXLAB_CONV_DIRECT_H

#include <string.h>

#include "conv_end.h"
#include "kernels.h"
#include "moments.h"
#include "simd.h"
#include "sizes.h"

enum {
	DIRECT_PIXELS = 8,  // neighbours in a row, computed together: eight sums in registers share each weight
	DIRECT_SUMS = TAPS,   // sums of a gradient that stay in registers, at most
	DIRECT_SPLITS = 16, // partial sums of dweight, each over its share of the images
};

typedef struct {
	const convolution *conv;
	long taps;                // of the window
	long row, channel, frame; // floats in a row, in a channel and in all channels of a framed image
	const float *weights;     // [outputs/BLOCK, inputs, TAPS, BLOCK]
	float *framed;            // [workers or splits, frame]
	float *sums;              // [splits], each like weights
	long split_images;        // images in a split
	long parts;               // of an image's outputs, so that all threads get some of few images
	long next;                // the next image, or part of one, that no worker has taken
} direct_job;

static direct_job direct_job_of(const convolution *c) {
	const window *w = &c->window;
	const long columns = (c->y_width + DIRECT_PIXELS - 1) / DIRECT_PIXELS * DIRECT_PIXELS;
	direct_job job = {.conv = c, .taps = w->height * w->width};
	job.row = larger((columns - 1) * w->stride + w->width, w->left + c->width);
	job.channel = job.row * larger((c->y_height - 1) * w->stride + w->height, w->top + c->height);
	job.frame = job.channel * c->inputs;
	return job;
}

static size_t direct_conv_scratch(const convolution *c, long workers) {
	return sizeof(float) * ((c->packed == NULL ? weight_floats(c) : 0) + workers * direct_job_of(c).frame);
}

static size_t direct_weight_grad_scratch(const convolution *c) {
	return sizeof(float) * DIRECT_SPLITS * (weight_floats(c) + direct_job_of(c).frame);
}

// copy_into_frame writes one image, as floats in its frame, to [inputs, rows, row].
static void copy_into_frame(const direct_job *job, long image, float *to) {
	const convolution *c = job->conv;
	memset(to, 0, sizeof(float) * (size_t)job->frame);
	for (long i = 0; i < c->inputs; i++)
		for (long y = 0; y < c->height; y++) {
			float *row = to + i * job->channel + (y + c->window.top) * job->row + c->window.left;
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
//	sums[p][o] = bias[o] + Σ over i, j, k: w[i,j,k,o]·x[i,j,p·stride+k]
//
// x is at the top left of the first pixel's window, and w is [inputs, taps, BLOCK].
SIMD_INLINE void direct_pixels(const direct_job *job, const float *x, const float *w, vec bias,
                               vec sums[DIRECT_PIXELS]) {
	const window *win = &job->conv->window;
	const long stride = win->stride;
	UNROLL for (int p = 0; p < DIRECT_PIXELS; p++) sums[p] = bias;
	for (long i = 0; i < job->conv->inputs; i++)
		for (long j = 0; j < win->height; j++) {
			const float *from = x + i * job->channel + j * job->row;
			for (long k = 0; k < win->width; k++, from++, w += BLOCK) {
				vec weight = load(w);
				UNROLL for (int p = 0; p < DIRECT_PIXELS; p++) sums[p] += from[p * stride] * weight;
			}
		}
}

// direct_pixels_3x3 is the same for windows of 3x3 that move by one pixel.
SIMD_INLINE void direct_pixels_3x3(const direct_job *job, const float *x, const float *w, vec bias,
                               vec sums[DIRECT_PIXELS]) {
	UNROLL for (int p = 0; p < DIRECT_PIXELS; p++) sums[p] = bias;
	for (long i = 0; i < job->conv->inputs; i++)
#if BLOCK > 4
		UNROLL for (int k = 0; k < TAPS; k++) {
			vec weight = load(w + (i * TAPS + k) * BLOCK);
			const float *from = x + i * job->channel + k / FILTER * job->row + k % FILTER;
			UNROLL for (int p = 0; p < DIRECT_PIXELS; p++) sums[p] += from[p] * weight;
		}
#else
		// The ten pixels of a row are elements of three vectors: 0 to 3, 4 to 7, and 6 to 9.
		UNROLL for (int j = 0; j < FILTER; j++) {
			const float *from = x + i * job->channel + j * job->row;
			const vec row[] = {load(from), load(from + 4), load(from + 6)};
			UNROLL for (int k = 0; k < FILTER; k++) {
				vec weight = load(w + (i * TAPS + j * FILTER + k) * BLOCK);
				UNROLL for (int p = 0; p < DIRECT_PIXELS; p++) {
					const int at = p + k;
					sums[p] += (at < 8 ? row[at / 4][at % 4] : row[2][at - 6]) * weight;
				}
			}
		}
#endif
}

// write_pixels writes the first n of these pixels, as the end says beyond the bias, and adds
// them to the moments.
SIMD_INLINE void write_pixels(const vec sums[DIRECT_PIXELS], long n, const conv_end *end, float *y, moments *m) {
	UNROLL for (int p = 0; p < DIRECT_PIXELS; p++)
		if (p < n) {
			write_pixel(end, sums[p], y, p * BLOCK);
			add_pixel(m, sums[p]);
		}
}

// is_3x3 tells whether a window is 3x3 and moves by one pixel.
static inline int is_3x3(const window *w) { return w->height == FILTER && w->width == FILTER && w->stride == 1; }

// convolve_block computes one block of outputs of one framed image, y [y_height,
// y_width, BLOCK], and returns its moments.
SIMD_INLINE moments convolve_block(const direct_job *job, int small, const float *framed, long block, float *y) {
	const convolution *c = job->conv;
	const long stride = small ? 1 : c->window.stride;
	const float *w = job->weights + block * c->inputs * job->taps * BLOCK;
	const vec bias = c->bias ? load(c->bias + block * BLOCK) : (vec){0};
	moments all = moments_around((vec){0});
	for (long row = 0; row < c->y_height; row++, y += c->y_width * BLOCK) {
		moments of_row = moments_around(all.pivot);
		for (long p = 0; p < c->y_width; p += DIRECT_PIXELS) {
			vec sums[DIRECT_PIXELS];
			const float *x = framed + (row * job->row + p) * stride;
			if (small)
				direct_pixels_3x3(job, x, w, bias, sums);
			else
				direct_pixels(job, x, w, bias, sums);
			if (row == 0 && p == 0)
				of_row.pivot = sums[0];
			conv_end end = conv_end_at(c, block, y + p * BLOCK - c->y);
			end.bias = (vec){0}; // it is in the sums
			write_pixels(sums, c->y_width - p, &end, y + p * BLOCK, &of_row);
		}
		all.pivot = of_row.pivot;
		add_row(&all, &of_row);
	}
	return all;
}

// convolve_images is what one worker does: it takes the next image, or part of its outputs,
// until none is left. Each image is a chunk of the moments.
SIMD static void convolve_images(void *argument, size_t worker) {
	direct_job *job = argument;
	const convolution *c = job->conv;
	const long blocks = c->outputs / BLOCK, pixels = c->y_height * c->y_width;
	const int small = is_3x3(&c->window);
	float *framed = job->framed + (long)worker * job->frame;
	long task;
	while ((task = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED)) < c->images * job->parts) {
		const long image = task / job->parts, part = task % job->parts;
		copy_into_frame(job, image, framed);
		for (long b = part; b < blocks; b += job->parts) {
			float *y = c->y + (image * blocks + b) * pixels * BLOCK;
			moments m = small ? convolve_block(job, 1, framed, b, y) : convolve_block(job, 0, framed, b, y);
			if (c->moments != NULL)
				store_moments(&m, pixels, c->moments + image * 3 * c->outputs + b * BLOCK, c->outputs);
		}
	}
	stream_fence();
}

// pack_direct_weights writes weights, [outputs/BLOCK, inputs, taps, BLOCK].
static void pack_direct_weights(const convolution *c, float *weights) {
	const long taps = c->inputs * c->window.height * c->window.width;
	for (long o = 0; o < c->outputs; o++)
		for (long k = 0; k < taps; k++) weights[(o / BLOCK * taps + k) * BLOCK + o % BLOCK] = c->weight[o * taps + k];
}

static void direct_conv(const convolution *c, const threads *t, float *scratch) {
	direct_job job = direct_job_of(c);
	job.weights = c->packed;
	if (job.weights == NULL) {
		pack_direct_weights(c, scratch);
		job.weights = scratch;
		scratch += weight_floats(c);
	}
	job.framed = scratch;
	job.parts = c->images < 2 * t->workers ? c->outputs / BLOCK : 1;
	t->parallel_for(t, t->workers, convolve_images, &job);
}

// add_taps adds, for one channel of one framed image and one block of outputs, to sums
// [rows, columns, BLOCK] of some taps of the window:
//
//	dweight[o, i, j, k] = Σ over the pixels (r, c): x[i, r·stride+j−top, c·stride+k−left]·dy[o, r, c]
//
// rows·columns, which are constants, are so few that the sums stay in registers.
SIMD_INLINE void add_taps(const direct_job *job, int rows, int columns, const float *x, const float *dy, float *to) {
	const long width = job->conv->y_width, stride = rows > 1 ? 1 : job->conv->window.stride;
	vec sums[DIRECT_SUMS];
	UNROLL for (int k = 0; k < rows * columns; k++) sums[k] = (vec){0};
	for (long r = 0; r < job->conv->y_height; r++) {
		long c = 0;
#if BLOCK == 4
		// For two pixels, the four columns of x are elements of one vector.
		for (; rows == FILTER && columns == FILTER && c + 2 <= width; c += 2) {
			const vec d[] = {load(dy + (r * width + c) * BLOCK), load(dy + (r * width + c + 1) * BLOCK)};
			UNROLL for (int j = 0; j < FILTER; j++) {
				const vec row = load(x + (r + j) * job->row + c);
				UNROLL for (int k = 0; k < 2 * FILTER; k++)
					sums[j * FILTER + k % FILTER] += row[k / FILTER + k % FILTER] * d[k / FILTER];
			}
		}
#endif
		for (; c < width; c++) {
			vec d = load(dy + (r * width + c) * BLOCK);
			const float *from = x + (r * job->row + c) * stride;
			UNROLL for (int k = 0; k < rows * columns; k++) sums[k] += from[k / columns * job->row + k % columns] * d;
		}
	}
	UNROLL for (int k = 0; k < rows * columns; k++) store(to + k * BLOCK, load(to + k * BLOCK) + sums[k]);
}

// add_weight_gradient adds all taps of the window: at once if it is of 3x3 and moves by one
// pixel, otherwise row by row, in parts of 7, 5, 3 and 1.
SIMD static void add_weight_gradient(const direct_job *job, const float *x, const float *dy, float *to) {
	const window *w = &job->conv->window;
	if (is_3x3(w)) {
		add_taps(job, FILTER, FILTER, x, dy, to);
		return;
	}
	for (long j = 0; j < w->height; j++)
		for (long k = 0, n; k < w->width; k += n) {
			const long left = w->width - k;
			const float *from = x + j * job->row + k;
			float *sums = to + (j * w->width + k) * BLOCK;
			n = left >= 7 ? 7 : left >= 5 ? 5 : left >= 3 ? 3 : 1;
			switch (n) {
			case 7: add_taps(job, 1, 7, from, dy, sums); break;
			case 5: add_taps(job, 1, 5, from, dy, sums); break;
			case 3: add_taps(job, 1, 3, from, dy, sums); break;
			default: add_taps(job, 1, 1, from, dy, sums);
			}
		}
}

// sum_split adds up one split: the gradients of its images, in their order.
SIMD static void sum_split(void *argument, size_t split) {
	direct_job *job = argument;
	const convolution *c = job->conv;
	const long taps = c->inputs * job->taps, blocks = c->outputs / BLOCK, pixels = c->y_height * c->y_width;
	float *framed = job->framed + (long)split * job->frame, *sums = job->sums + (long)split * taps * c->outputs;
	memset(sums, 0, sizeof(float) * (size_t)(taps * c->outputs));
	const long first = (long)split * job->split_images;
	const long end = smaller(first + job->split_images, c->images);
	for (long image = first; image < end; image++) {
		copy_into_frame(job, image, framed);
		for (long b = 0; b < blocks; b++)
			for (long i = 0; i < c->inputs; i++)
				add_weight_gradient(job, framed + i * job->channel, c->dy + (image * blocks + b) * pixels * BLOCK,
				                    sums + (b * taps + i * job->taps) * BLOCK);
	}
}

static void direct_weight_grad(const convolution *c, const threads *t, float *scratch) {
	direct_job job = direct_job_of(c);
	job.sums = scratch;
	job.framed = scratch + DIRECT_SPLITS * weight_floats(c);
	job.split_images = (c->images + DIRECT_SPLITS - 1) / DIRECT_SPLITS;
	t->parallel_for(t, DIRECT_SPLITS, sum_split, &job);
	const long taps = c->inputs * job.taps;
	for (long o = 0; o < c->outputs; o++)
		for (long k = 0; k < taps; k++) {
			const float *from = job.sums + (o / BLOCK * taps + k) * BLOCK + o % BLOCK;
			float sum = 0;
			for (long split = 0; split < DIRECT_SPLITS; split++) sum += from[split * taps * c->outputs];
			c->dweight[o * taps + k] = sum;
		}
}

#endif

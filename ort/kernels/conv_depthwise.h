// Depthwise convolutions, which convolve each channel by itself: the weight is
// [channels, 1, height, width], and there are as many outputs as inputs. Channels share no
// work, so a block of them is convolved as the convolution is defined.
//
// Every task handles one block of channels of one image. It first copies them into a frame of
// zeros, and normalises them if x is normalised, so that no pixel is a special case.

#ifndef ONNXLAB_CONV_DEPTHWISE_H
#define ONNXLAB_CONV_DEPTHWISE_H

#include <string.h>

#include "conv_end.h"
#include "kernels.h"
#include "moments.h"
#include "normalise.h"
#include "simd.h"
#include "sizes.h"

enum {
	DEPTHWISE_SPLITS = 4,  // partial sums of dweight, each over its share of the images
	DEPTHWISE_SUMS = TAPS, // sums of a gradient that stay in registers, at most
};

typedef struct {
	const convolution *conv;
	input_norm norm;          // how x is normalised as it is read
	long taps, blocks;        // of the window, of channels
	window window;            // it moves over the frame, which has the padding in it
	long top, left;           // where the image begins in the frame
	long rows, columns;       // of the frame
	const float *weights;     // [blocks][taps][BLOCK]
	float *frames;            // [workers or tasks][rows][columns][BLOCK]
	float *sums;              // of a gradient: [splits][blocks][taps][BLOCK]
	long splits, split_images;
	long next;                // the next task that no worker has taken
} depthwise_job;

// scatters tells how dx is computed, for which c->x is dy and c->y is dx. If the window moves
// by one pixel, dx is a convolution of dy with the window turned by 180 degrees. If it moves
// further, each pixel of dy adds to the pixels of dx that its window covers.
static inline int scatters(const convolution *c) { return c->flipped && c->window.stride > 1; }

// depthwise_job_of sizes the frame. The frame holds c->x, or c->y if dy is scattered; the window
// has one position for each pixel of the other image.
static depthwise_job depthwise_job_of(const convolution *c) {
	depthwise_job job = {.conv = c, .window = c->window, .top = c->window.top, .left = c->window.left};
	job.taps = c->window.height * c->window.width;
	job.blocks = c->inputs / BLOCK;
	const window *w = &job.window;
	const int scattered = scatters(c);
	const long down = scattered ? c->height : c->y_height, across = scattered ? c->width : c->y_width;
	const long height = scattered ? c->y_height : c->height, width = scattered ? c->y_width : c->width;
	if (c->flipped && !scattered)
		job.top = w->height - 1 - w->top, job.left = w->width - 1 - w->left;
	const long rows = (down - 1) * w->stride + w->height, columns = (across - 1) * w->stride + w->width;
	job.rows = larger(rows, job.top + height);
	job.columns = larger(columns, job.left + width);
	job.splits = smaller(DEPTHWISE_SPLITS, c->images);
	job.split_images = (c->images + job.splits - 1) / larger(job.splits, 1);
	return job;
}

static inline long frame_floats(const depthwise_job *job) { return job->rows * job->columns * BLOCK; }

static size_t depthwise_scratch(const convolution *c, long workers) {
	const depthwise_job job = depthwise_job_of(c);
	return sizeof(float) * (norm_floats(c) + job.taps * c->inputs + workers * frame_floats(&job));
}

static size_t depthwise_weight_grad_scratch(const convolution *c, long workers) {
	const depthwise_job job = depthwise_job_of(c);
	return sizeof(float) * (norm_floats(c) + job.splits * job.taps * c->inputs + workers * frame_floats(&job));
}

// frame_image copies one block of channels of an image into the frame.
SIMD static void frame_image(const depthwise_job *job, long image, long block, float *frame) {
	const convolution *c = job->conv;
	const float *x = c->x + (image * job->blocks + block) * c->height * c->width * BLOCK;
	block_norm norm = {0};
	if (job->norm.factor != NULL)
		norm = block_norm_at(job->norm.factor, job->norm.shift, block * BLOCK, &c->x_norm);
	memset(frame, 0, sizeof(float) * (size_t)frame_floats(job));
	for (long r = 0; r < c->height; r++) {
		float *to = frame + ((r + job->top) * job->columns + job->left) * BLOCK;
		for (long i = 0; i < c->width * BLOCK; i += BLOCK, x += BLOCK)
			store(to + i, job->norm.factor != NULL ? normalise(&norm, load(x)) : load(x));
	}
}

// tap_sum is one result: the sum over the taps, [height, width], of the frame from x on, times
// the weights w. Callers give constants if the window is 3x3, so that the loop is unrolled.
SIMD_INLINE vec tap_sum(const depthwise_job *job, long height, long width, const float *x, const float *w) {
	vec sum = {0};
	if (height == FILTER && width == FILTER) {
		UNROLL for (int k = 0; k < TAPS; k++)
			sum += load(x + (k / FILTER * job->columns + k % FILTER) * BLOCK) * load(w + k * BLOCK);
		return sum;
	}
	for (long j = 0; j < height; j++)
		for (long k = 0; k < width; k++)
			sum += load(x + (j * job->columns + k) * BLOCK) * load(w + (j * width + k) * BLOCK);
	return sum;
}

// convolve_frame writes y of one block of an image, [y_height, y_width, BLOCK], and its moments.
SIMD_INLINE moments convolve_frame(const depthwise_job *job, long height, long width, const float *frame, long task) {
	const convolution *c = job->conv;
	const long stride = job->window.stride, block = task % job->blocks;
	const float *w = job->weights + block * job->taps * BLOCK;
	const long at = task * c->y_height * c->y_width * BLOCK;
	const conv_end end = conv_end_at(c, block, at);
	float *y = c->y + at;
	moments all = moments_around(tap_sum(job, height, width, frame, w) + end.bias);
	for (long r = 0; r < c->y_height; r++) {
		moments row = moments_around(all.pivot);
		for (long i = 0; i < c->y_width; i++) {
			const long pixel = (r * c->y_width + i) * BLOCK;
			vec v = finish(&end, tap_sum(job, height, width, frame + (r * job->columns + i) * stride * BLOCK, w), pixel);
			store(y + pixel, v);
			add_pixel(&row, v);
		}
		add_row(&all, &row);
	}
	return all;
}

// scatter_frame writes dx of one block of an image: every pixel of dy (c->x) adds to its window.
SIMD static void scatter_frame(const depthwise_job *job, long task, float *frame) {
	const convolution *c = job->conv;
	const window *win = &job->window;
	const float *w = job->weights + task % job->blocks * job->taps * BLOCK;
	const float *dy = c->x + task * c->height * c->width * BLOCK;
	memset(frame, 0, sizeof(float) * (size_t)frame_floats(job));
	for (long r = 0; r < c->height; r++)
		for (long i = 0; i < c->width; i++, dy += BLOCK) {
			const vec d = load(dy);
			float *to = frame + (r * job->columns + i) * win->stride * BLOCK;
			for (long tap = 0; tap < job->taps; tap++) {
				float *pixel = to + (tap / win->width * job->columns + tap % win->width) * BLOCK;
				store(pixel, load(pixel) + d * load(w + tap * BLOCK));
			}
		}
	for (long r = 0; r < c->y_height; r++) {
		const float *from = frame + ((r + job->top) * job->columns + job->left) * BLOCK;
		memcpy(c->y + (task * c->y_height + r) * c->y_width * BLOCK, from, sizeof(float) * (size_t)(c->y_width * BLOCK));
	}
}

// convolve_depthwise is what one worker does: it takes the next task until none is left. Each
// image is a chunk of the moments.
SIMD static void convolve_depthwise(void *argument, size_t worker) {
	depthwise_job *job = argument;
	const convolution *c = job->conv;
	const window *w = &job->window;
	float *frame = job->frames + (long)worker * frame_floats(job);
	long task;
	while ((task = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED)) < c->images * job->blocks) {
		if (scatters(c)) {
			scatter_frame(job, task, frame);
			continue;
		}
		const long image = task / job->blocks, block = task % job->blocks;
		frame_image(job, image, block, frame);
		moments m = w->height == FILTER && w->width == FILTER ? convolve_frame(job, FILTER, FILTER, frame, task)
		                                                      : convolve_frame(job, w->height, w->width, frame, task);
		if (c->moments != NULL)
			store_moments(&m, c->y_height * c->y_width, c->moments + image * 3 * c->outputs + block * BLOCK, c->outputs);
	}
}

// pack_depthwise_weights writes weights [blocks][taps][BLOCK], turned if they are for a dx that
// is a convolution.
static void pack_depthwise_weights(const convolution *c, float *weights) {
	const long taps = c->window.height * c->window.width;
	const int turned = c->flipped && !scatters(c);
	for (long o = 0; o < c->inputs; o++)
		for (long tap = 0; tap < taps; tap++)
			weights[(o / BLOCK * taps + tap) * BLOCK + o % BLOCK] = c->weight[o * taps + (turned ? taps - 1 - tap : tap)];
}

static void depthwise_conv(const convolution *c, const threads *t, float *scratch) {
	depthwise_job job = depthwise_job_of(c);
	job.norm = input_norm_of(c, scratch);
	float *weights = scratch + norm_floats(c);
	if (c->packed == NULL)
		pack_depthwise_weights(c, weights);
	job.weights = c->packed != NULL ? c->packed : weights;
	job.frames = weights + job.taps * c->inputs;
	t->parallel_for(t, t->workers, convolve_depthwise, &job);
}

// add_depthwise_taps adds, for one framed block of an image, to sums [rows, columns, BLOCK] of some
// taps of the window:
//
//	dweight[c, j, k] = Σ over the pixels (r, i): x[c, r·stride+j−top, i·stride+k−left]·dy[c, r, i]
//
// rows·columns, which are constants, are at most DEPTHWISE_SUMS.
SIMD_INLINE void add_depthwise_taps(const depthwise_job *job, int rows, int columns, const float *x, const float *dy, float *to) {
	const convolution *c = job->conv;
	vec sums[DEPTHWISE_SUMS];
	UNROLL for (int k = 0; k < rows * columns; k++) sums[k] = (vec){0};
	for (long r = 0; r < c->y_height; r++)
		for (long i = 0; i < c->y_width; i++, dy += BLOCK) {
			const vec d = load(dy);
			const float *from = x + (r * job->columns + i) * c->window.stride * BLOCK;
			UNROLL for (int k = 0; k < rows * columns; k++)
				sums[k] += load(from + (k / columns * job->columns + k % columns) * BLOCK) * d;
		}
	UNROLL for (int k = 0; k < rows * columns; k++) store(to + k * BLOCK, load(to + k * BLOCK) + sums[k]);
}

// add_depthwise_gradient adds all taps of the window: at once if it is 3x3, otherwise row by row,
// five at a time and then one by one.
SIMD static void add_depthwise_gradient(const depthwise_job *job, const float *x, const float *dy, float *to) {
	const window *w = &job->window;
	if (w->height == FILTER && w->width == FILTER) {
		add_depthwise_taps(job, FILTER, FILTER, x, dy, to);
		return;
	}
	for (long j = 0; j < w->height; j++) {
		long k = 0;
		for (; k + 5 <= w->width; k += 5)
			add_depthwise_taps(job, 1, 5, x + (j * job->columns + k) * BLOCK, dy, to + (j * w->width + k) * BLOCK);
		for (; k < w->width; k++)
			add_depthwise_taps(job, 1, 1, x + (j * job->columns + k) * BLOCK, dy, to + (j * w->width + k) * BLOCK);
	}
}

// sum_depthwise_splits is what one worker does: it takes the next block of channels of one split of the
// images until none is left.
SIMD static void sum_depthwise_splits(void *argument, size_t worker) {
	depthwise_job *job = argument;
	const convolution *c = job->conv;
	float *frame = job->frames + (long)worker * frame_floats(job);
	long task;
	while ((task = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED)) < job->splits * job->blocks) {
		const long split = task / job->blocks, block = task % job->blocks;
		const long end = smaller(c->images, (split + 1) * job->split_images);
		float *sums = job->sums + task * job->taps * BLOCK;
		memset(sums, 0, sizeof(float) * (size_t)(job->taps * BLOCK));
		for (long image = split * job->split_images; image < end; image++) {
			frame_image(job, image, block, frame);
			add_depthwise_gradient(job, frame, c->dy + (image * job->blocks + block) * c->y_height * c->y_width * BLOCK, sums);
		}
	}
}

static void depthwise_weight_grad(const convolution *c, const threads *t, float *scratch) {
	depthwise_job job = depthwise_job_of(c);
	job.norm = input_norm_of(c, scratch);
	job.sums = scratch + norm_floats(c);
	job.frames = job.sums + job.splits * job.taps * c->inputs;
	t->parallel_for(t, t->workers, sum_depthwise_splits, &job);
	for (long o = 0; o < c->inputs; o++)
		for (long tap = 0; tap < job.taps; tap++) {
			float sum = 0;
			for (long split = 0; split < job.splits; split++)
				sum += job.sums[((split * job.blocks + o / BLOCK) * job.taps + tap) * BLOCK + o % BLOCK];
			c->dweight[o * job.taps + tap] = sum;
		}
}

#endif

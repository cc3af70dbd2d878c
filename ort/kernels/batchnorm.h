// Batch normalisation with the ReLU and the average pool that follow it, and its
// gradient (Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167):
//
//	y = pool(relu(scale·(x − mean)/√(variance + epsilon) + bias))
//
// Every task handles one block of channels of one image, [height, width, BLOCK].
// Tasks are numbered image·(channels/BLOCK) + block, which is also the order of the
// blocks in memory. Each pass reads x from memory once.

#ifndef ONNXLAB_BATCHNORM_H
#define ONNXLAB_BATCHNORM_H

#include "kernels.h"
#include "moments.h"
#include "normalise.h"
#include "simd.h"
#include "statistics.h"

typedef struct {
	const batchnorm *b;
	long pixels, pooled;   // of an image, of its result
	float *moments;        // [images, 3, channels]
	float *sums, *dots;    // Σ g and Σ g·(x − mean): [images, channels], in the same memory as moments
	float *factor, *shift; // normalisation is factor·x + shift: [channels]
	float *slope, *offset; // dx = factor·g + slope·x + offset: [channels]
} batchnorm_job;

static batchnorm_job batchnorm_job_of(const batchnorm *b, float *scratch) {
	batchnorm_job job = {.b = b, .pixels = b->height * b->width, .moments = scratch, .sums = scratch};
	job.pooled = job.pixels / (b->pool * b->pool);
	job.dots = job.sums + b->images * b->channels;
	job.factor = scratch + 3 * b->images * b->channels;
	job.shift = job.factor + b->channels;
	job.slope = job.shift + b->channels;
	job.offset = job.slope + b->channels;
	return job;
}

static size_t batchnorm_scratch(const batchnorm *b) {
	return sizeof(float) * (3 * b->images * b->channels + 4 * b->channels);
}

// first_channel is the first channel of the block of a task.
static inline long first_channel(const batchnorm *b, long task) { return task % (b->channels / BLOCK) * BLOCK; }

// image_moments writes the moments of one image, each image being a chunk.
SIMD static void image_moments(void *argument, size_t task) {
	batchnorm_job *job = argument;
	const batchnorm *b = job->b;
	const float *x = b->x + (long)task * job->pixels * BLOCK;
	moments image = moments_around(load(x));
	for (long r = 0; r < b->height; r++, x += b->width * BLOCK) {
		moments row = moments_around(image.pivot);
		for (long c = 0; c < b->width; c++) add_pixel(&row, load(x + c * BLOCK));
		add_row(&image, &row);
	}
	long i = (long)task / (b->channels / BLOCK);
	store_moments(&image, job->pixels, job->moments + i * 3 * b->channels + first_channel(b, (long)task), b->channels);
}

// pooled_norm writes the average of each window of pool x pool normalised pixels.
SIMD_INLINE void pooled_norm(const batchnorm_job *job, long task, long pool) {
	const batchnorm *b = job->b;
	const block_norm norm = block_norm_at(job->factor, job->shift, first_channel(b, task), &b->norm);
	const float *x = b->x + task * job->pixels * BLOCK;
	float *y = b->y + task * job->pooled * BLOCK, share = 1.f / (pool * pool);
	for (long top = 0; top + pool <= b->height; top += pool)
		for (long left = 0; left + pool <= b->width; left += pool, y += BLOCK) {
			vec sum = {0};
			for (long k = 0; k < pool * pool; k++)
				sum += normalise(&norm, load(x + ((top + k / pool) * b->width + left + k % pool) * BLOCK));
			store(y, sum * share);
		}
}

// The compiler makes a loop of its own for each constant window.
SIMD static void normalise_block(void *argument, size_t task) {
	batchnorm_job *job = argument;
	switch (job->b->pool) {
	case 1: pooled_norm(job, (long)task, 1); break;
	case 2: pooled_norm(job, (long)task, 2); break;
	default: pooled_norm(job, (long)task, job->b->pool);
	}
}

static void batchnorm_forward(const batchnorm *b, const threads *t, float *scratch) {
	batchnorm_job job = batchnorm_job_of(b, scratch);
	const long tasks = b->images * b->channels / BLOCK;
	if (b->moments == NULL) {
		t->parallel_for(t, tasks, image_moments, &job);
		onnxlab_batch_statistics(b, job.moments, b->images);
	} else {
		onnxlab_batch_statistics(b, b->moments, b->chunks);
	}
	if (b->y == NULL)
		return;
	channel_norm norm = b->norm;
	norm.mean = b->mean;
	norm.inverse_deviation = b->inverse_deviation;
	onnxlab_affine(&norm, b->channels, job.factor, job.shift);
	t->parallel_for(t, tasks, normalise_block, &job);
}

// The gradient takes two passes over x and dy, since dx needs sums over the batch.
// Let g be the gradient before ReLU: dy·dy_scale where ReLU passed the pixel, else 0.

SIMD_INLINE vec gradient_before_relu(const block_norm *n, vec x, vec dy) {
	return choose(passes_relu(n, before_relu(n, x)), dy, (vec){0});
}

// sum_gradients writes Σ g and Σ g·(x − mean) over one image.
SIMD_INLINE void sum_gradients(const batchnorm_job *job, long task, long pool) {
	const batchnorm *b = job->b;
	const long channel = first_channel(b, task), width = b->width;
	const block_norm norm = block_norm_at(job->factor, job->shift, channel, &b->norm);
	const vec mean = load(b->norm.mean + channel);
	const float *x = b->x + task * job->pixels * BLOCK, *dy = b->dy + task * job->pooled * BLOCK, dy_scale = b->dy_scale;
	vec sum = {0}, dot = {0};
	for (long r = 0; r < b->height; r++) {
		const float *dy_row = dy + r / pool * (width / pool) * BLOCK;
		for (long left = 0; left < width; left += pool, dy_row += BLOCK)
			for (long k = 0; k < pool; k++) {
				vec pixel = load(x + (r * width + left + k) * BLOCK);
				vec g = gradient_before_relu(&norm, pixel, dy_scale * load(dy_row));
				sum += g;
				dot += g * (pixel - mean);
			}
	}
	store(job->sums + task * BLOCK, sum);
	store(job->dots + task * BLOCK, dot);
}

// write_gradient writes dx = factor·g + slope·x + offset.
SIMD_INLINE void write_gradient(const batchnorm_job *job, long task, long pool) {
	const batchnorm *b = job->b;
	const long channel = first_channel(b, task), width = b->width;
	const block_norm norm = block_norm_at(job->factor, job->shift, channel, &b->norm);
	const vec slope = load(job->slope + channel), offset = load(job->offset + channel);
	const float *x = b->x + task * job->pixels * BLOCK, *dy = b->dy + task * job->pooled * BLOCK, dy_scale = b->dy_scale;
	float *dx = b->dx + task * job->pixels * BLOCK;
	const int streams = b->images * b->channels * job->pixels > CACHED_FLOATS;
	for (long r = 0; r < b->height; r++) {
		const float *dy_row = dy + r / pool * (width / pool) * BLOCK;
		for (long left = 0; left < width; left += pool, dy_row += BLOCK)
			for (long k = 0; k < pool; k++) {
				const long at = (r * width + left + k) * BLOCK;
				vec pixel = load(x + at), g = gradient_before_relu(&norm, pixel, dy_scale * load(dy_row));
				vec gradient = norm.factor * g + (slope * pixel + offset);
				if (streams)
					stream(dx + at, gradient);
				else
					store(dx + at, gradient);
			}
	}
	stream_fence();
}

SIMD static void sum_block(void *argument, size_t task) {
	batchnorm_job *job = argument;
	switch (job->b->pool) {
	case 1: sum_gradients(job, (long)task, 1); break;
	case 2: sum_gradients(job, (long)task, 2); break;
	default: sum_gradients(job, (long)task, job->b->pool);
	}
}

SIMD static void write_block(void *argument, size_t task) {
	batchnorm_job *job = argument;
	switch (job->b->pool) {
	case 1: write_gradient(job, (long)task, 1); break;
	case 2: write_gradient(job, (long)task, 2); break;
	default: write_gradient(job, (long)task, job->b->pool);
	}
}

static void batchnorm_grad(const batchnorm *b, const threads *t, float *scratch) {
	batchnorm_job job = batchnorm_job_of(b, scratch);
	const long tasks = b->images * b->channels / BLOCK;
	onnxlab_affine(&b->norm, b->channels, job.factor, job.shift);
	t->parallel_for(t, tasks, sum_block, &job);
	input_gradient dx = {job.factor, job.slope, job.offset};
	onnxlab_gradient_terms(b, job.sums, job.dots, &dx);
	t->parallel_for(t, tasks, write_block, &job);
}

#endif

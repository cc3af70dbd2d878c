// The gradient of a convolution with any window with respect to its weights, tap by tap:
//
//	dw[tap][input][output] = Σ over pixels of y: V[pixel][input]·E[pixel][output]
//
// V are the pixels of x that the tap gives to the pixels of y (taps_pixels.h), and E those
// of dy. A worker takes one tap and one group of inputs after the other. If there are few
// of these, the pixels are split, too, and the sums of all splits then added in their order.

#ifndef ONNXLAB_CONV_TAPS_GRAD_H
#define ONNXLAB_CONV_TAPS_GRAD_H

#include <string.h>

#include "kernels.h"
#include "normalise.h"
#include "simd.h"
#include "sizes.h"
#include "taps_pixels.h"

enum {
	GRAD_CHUNK = 96,   // pixels whose V and E are packed together
	GRAD_GROUP = 64,   // inputs in a group
	GRAD_TASKS = 16,   // the number of tasks to aim at
	LEAST_SPLIT = 192, // pixels in a split, at least
};

typedef struct {
	const convolution *conv;
	input_norm norm;           // how x is normalised as it is read
	long taps, pixels; // of the window, of y of all images
	long groups;       // of inputs
	long splits, split_pixels;
	long next;         // the next task that no worker has taken
	float *s;          // [splits][taps][inputs][outputs]
	float *v;          // [workers], each V, then E: [channels/BLOCK][GRAD_CHUNK][BLOCK]
} taps_grad_job;

static taps_grad_job taps_grad_job_of(const convolution *c) {
	taps_grad_job job = {.conv = c, .taps = c->window.height * c->window.width};
	job.pixels = c->images * c->y_height * c->y_width;
	job.groups = (c->inputs + GRAD_GROUP - 1) / GRAD_GROUP;
	job.splits = GRAD_TASKS / (job.taps * job.groups);
	job.splits = smaller(job.splits, job.pixels / LEAST_SPLIT);
	if (job.splits < 1)
		job.splits = 1;
	job.split_pixels = (job.pixels + job.splits - 1) / job.splits;
	return job;
}

static inline long taps_grad_floats(const convolution *c) {
	return GRAD_CHUNK * (smaller(c->inputs, GRAD_GROUP) + c->outputs);
}

static size_t taps_weight_grad_scratch(const convolution *c, long workers) {
	const taps_grad_job job = taps_grad_job_of(c);
	const long s = job.splits * job.taps * c->inputs * c->outputs;
	return sizeof(float) * (norm_floats(c) + s + workers * taps_grad_floats(c));
}

// pack_gradients writes E, [outputs/BLOCK][GRAD_CHUNK][BLOCK], of the listed pixels.
SIMD static void pack_gradients(const convolution *c, const tap_list *list, float *e) {
	const long together = packed_together(c);
	for (long i = 0; i < list->n; i += together)
		for (long b = 0; b < c->outputs / BLOCK; b++)
			pack_block(c->dy + b * y_layout(c).block, list->to + i, smaller(together, list->n - i), NULL,
			           e + (b * GRAD_CHUNK + i) * BLOCK);
}

// sum_tap computes one tap and one group of inputs of one split. v has room for V and E.
SIMD static void sum_tap(const taps_grad_job *job, long task, float *v) {
	const convolution *c = job->conv;
	const long group = task % job->groups, tap = task / job->groups % job->taps, split = task / (job->groups * job->taps);
	const long first_input = group * GRAD_GROUP, inputs = smaller(c->inputs - first_input, GRAD_GROUP);
	float *s = job->s + ((split * job->taps + tap) * c->inputs + first_input) * c->outputs;
	float *e = v + GRAD_CHUNK * smaller(c->inputs, GRAD_GROUP);
	memset(s, 0, sizeof(float) * (size_t)(inputs * c->outputs));
	const long end = smaller(job->pixels, (split + 1) * job->split_pixels);
	tap_list list;
	for (long p = split * job->split_pixels; p < end; p += GRAD_CHUNK) {
		list_tap(c, p, smaller(end - p, GRAD_CHUNK), tap, &list);
		const tile_matrix to = {.data = v, .block_stride = GRAD_CHUNK * BLOCK};
		pack_inputs(c, &job->norm, &list, first_input / BLOCK, inputs / BLOCK, to);
		pack_gradients(c, &list, e);
		const product_size size = {list.n, inputs, c->outputs, to.block_stride};
		multiply_accumulate(&size, v, e, s);
	}
}

// sum_taps is what one worker does: it takes the next task until none is left.
SIMD static void sum_taps(void *argument, size_t worker) {
	taps_grad_job *job = argument;
	const long tasks = job->splits * job->taps * job->groups;
	long task;
	while ((task = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED)) < tasks)
		sum_tap(job, task, job->v + (long)worker * taps_grad_floats(job->conv));
}

// write_taps_gradient adds up the splits of one block of outputs and writes it to dweight,
// [outputs, inputs, taps].
SIMD static void write_taps_gradient(void *argument, size_t block) {
	taps_grad_job *job = argument;
	const convolution *c = job->conv;
	const long first = (long)block * BLOCK, split_floats = job->taps * c->inputs * c->outputs;
	for (long i = 0; i < c->inputs; i++)
		for (long tap = 0; tap < job->taps; tap++) {
			const float *from = job->s + (tap * c->inputs + i) * c->outputs + first;
			vec sum = load(from);
			for (long split = 1; split < job->splits; split++) sum += load(from + split * split_floats);
			for (long k = 0; k < BLOCK; k++) c->dweight[((first + k) * c->inputs + i) * job->taps + tap] = sum[k];
		}
}

static void taps_weight_grad(const convolution *c, const threads *t, float *scratch) {
	taps_grad_job job = taps_grad_job_of(c);
	job.norm = input_norm_of(c, scratch);
	job.s = scratch + norm_floats(c);
	job.v = job.s + job.splits * job.taps * c->inputs * c->outputs;
	t->parallel_for(t, t->workers, sum_taps, &job);
	t->parallel_for(t, c->outputs / BLOCK, write_taps_gradient, &job);
}

#endif

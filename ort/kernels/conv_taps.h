// The convolution of blocked images with any window, and the gradient with respect to x. Both are
// computed tap by tap:
//
//	y[pixel][output] = bias[output] + Σ over taps, inputs: V[pixel][input]·U[input][output]
//
// V are the pixels of x on which the pixels of y depend by the tap (taps_pixels.h), U the
// weights of the tap, and M the sums. A worker takes one chunk of pixels of y and one group of
// outputs after the other; V and M of the chunk stay in its second-level cache.

#ifndef ONNXLAB_CONV_TAPS_H
#define ONNXLAB_CONV_TAPS_H

#include <string.h>

#include "conv_end.h"
#include "kernels.h"
#include "moments.h"
#include "normalise.h"
#include "simd.h"
#include "sizes.h"
#include "taps_pixels.h"

enum {
	CHUNK_FLOATS = 1 << 16, // floats of V that stay in the cache together with M, roughly
	LEAST_CHUNK = 48,       // the fewest pixels in a chunk; with few images, the most
	FEW_CHUNKS = 16,        // with fewer chunks, the outputs are cut into groups, too
	GROUP_OUTPUTS = 128,    // outputs in a group
	RUN_PIXELS = 32,        // pixels whose moments are summed first: short sums lose fewer digits
};

typedef struct {
	const convolution *conv;
	input_norm norm;           // how x is normalised as it is read
	long taps, pixels;         // of the window, of y of all images
	long chunk_pixels, chunks;
	long group, groups;        // outputs in a group
	long next;                 // the next chunk and group that no worker has taken
	const float *u;            // [taps][outputs/BLOCK][inputs][BLOCK]
	float *v;                  // [workers], each V, then M: [channels/BLOCK][rows][BLOCK]
	long v_rows, m_rows;       // V has whole groups of PRODUCT_ROWS; M has a spare row: see add_last_rows
} taps_job;

static taps_job taps_job_of(const convolution *c) {
	taps_job job = {.conv = c, .taps = c->window.height * c->window.width};
	job.pixels = c->images * c->y_height * c->y_width;
	const long fit = CHUNK_FLOATS / c->inputs / PRODUCT_ROWS * PRODUCT_ROWS;
	job.chunk_pixels = smaller(fit > LEAST_CHUNK ? fit : LEAST_CHUNK, MOST_CHUNK);
	// With few images, chunks are smaller, so that all threads get some. If moments are measured,
	// chunks always have the full size.
	if (c->moments == NULL && job.pixels < 4 * job.chunk_pixels)
		job.chunk_pixels = even_part(job.pixels, LEAST_CHUNK, WHOLE_ROWS);
	job.chunk_pixels = smaller(job.chunk_pixels, larger(job.pixels, 1));
	job.chunks = (job.pixels + job.chunk_pixels - 1) / job.chunk_pixels;
	job.group = job.chunks < FEW_CHUNKS ? smaller(GROUP_OUTPUTS, c->outputs) : c->outputs;
	job.groups = (c->outputs + job.group - 1) / job.group;
	job.v_rows = round_up(job.chunk_pixels, PRODUCT_ROWS);
	job.m_rows = job.chunk_pixels + 1;
	return job;
}

static inline long taps_worker_floats(const taps_job *job) {
	return job->v_rows * job->conv->inputs + job->m_rows * job->group;
}

static size_t taps_conv_scratch(const convolution *c, long workers) {
	const taps_job job = taps_job_of(c);
	const long u = c->packed == NULL ? weight_floats(c) : 0;
	return sizeof(float) * (norm_floats(c) + u + smaller(workers, job.chunks * job.groups) * taps_worker_floats(&job));
}

// The weights of a convolution, and where to write U.
typedef struct {
	const convolution *conv;
	float *u;
} taps_pack_job;

// taps_weights writes U for one block of outputs.
SIMD static void taps_weights(void *argument, size_t block) {
	taps_pack_job *job = argument;
	const convolution *c = job->conv;
	const long first = (long)block * BLOCK, taps = c->window.height * c->window.width;
	for (long tap = 0; tap < taps; tap++) {
		float *u = job->u + (tap * c->outputs + first) * c->inputs;
		for (long i = 0; i < c->inputs; i++)
			for (long k = 0; k < BLOCK; k++) {
				const long at = c->flipped ? i * c->outputs + first + k : (first + k) * c->inputs + i;
				u[i * BLOCK + k] = c->weight[at * taps + tap];
			}
	}
}

static void pack_taps_weights(const convolution *c, const threads *t, float *u) {
	taps_pack_job job = {c, u};
	t->parallel_for(t, c->outputs / BLOCK, taps_weights, &job);
}

// The operands of one product, M += V·U of a tap. A tap_list has the row of M for each row of V.
typedef struct {
	const float *v, *u;
	float *m;
	long v_stride, m_stride; // floats from one block of channels to the next
	long inputs;
} tap_product;

// add_rows adds n rows of V, at most PRODUCT_ROWS, times one or two blocks of outputs (vectors)
// to the rows of M that are listed. n and vectors are constants, so its loops are unrolled.
SIMD_INLINE void add_rows(int n, int vectors, const tap_product *p, const float *v, const long *rows) {
	vec sums[2 * PRODUCT_ROWS];
	UNROLL for (int i = 0; i < n; i++) {
		sums[i * vectors] = load(p->m + rows[i] * BLOCK);
		if (vectors > 1)
			sums[i * vectors + 1] = load(p->m + p->m_stride + rows[i] * BLOCK);
	}
	const float *u = p->u;
	const long second = p->inputs * BLOCK, block_stride = p->v_stride;
	for (long b = 0; b < p->inputs; b += BLOCK, v += block_stride, u += BLOCK * BLOCK)
		multiply_add_block(sums, n, vectors, v, u, u + second);
	UNROLL for (int i = 0; i < n; i++) {
		store(p->m + rows[i] * BLOCK, sums[i * vectors]);
		if (vectors > 1)
			store(p->m + p->m_stride + rows[i] * BLOCK, sums[i * vectors + 1]);
	}
}

SIMD_NOINLINE void add_all_rows(int vectors, const tap_product *p, const float *v, const long *rows) {
	if (vectors == 2)
		add_rows(PRODUCT_ROWS, 2, p, v, rows);
	else
		add_rows(PRODUCT_ROWS, 1, p, v, rows);
}

// add_last_rows adds the last n rows, which are fewer than PRODUCT_ROWS. It takes one, two or
// three thirds of PRODUCT_ROWS, and adds the rows beyond n, which are zeros, to M's spare row.
SIMD_NOINLINE void add_last_rows(long n, int vectors, const tap_product *p, const float *v, const long *list, long spare) {
	long rows[PRODUCT_ROWS];
	for (long i = 0; i < PRODUCT_ROWS; i++) rows[i] = i < n ? list[i] : spare;
	const long thirds = (n + PRODUCT_THIRD - 1) / PRODUCT_THIRD;
	switch (2 * thirds + vectors) {
	case 2 * 1 + 1: add_rows(PRODUCT_THIRD, 1, p, v, rows); break;
	case 2 * 1 + 2: add_rows(PRODUCT_THIRD, 2, p, v, rows); break;
	case 2 * 2 + 1: add_rows(2 * PRODUCT_THIRD, 1, p, v, rows); break;
	case 2 * 2 + 2: add_rows(2 * PRODUCT_THIRD, 2, p, v, rows); break;
	default: add_all_rows(vectors, p, v, rows);
	}
}

// add_tap adds V·U of one tap to M.
SIMD static void add_tap(tap_product p, const tap_list *list, long outputs, long spare) {
	for (long b = 0; b < outputs; b += 2 * BLOCK, p.m += 2 * p.m_stride, p.u += 2 * p.inputs * BLOCK) {
		const int vectors = b + BLOCK < outputs ? 2 : 1;
		long t = 0;
		for (; t + PRODUCT_ROWS <= list->n; t += PRODUCT_ROWS)
			add_all_rows(vectors, &p, p.v + t * BLOCK, list->row + t);
		if (t < list->n)
			add_last_rows(list->n - t, vectors, &p, p.v + t * BLOCK, list->row + t, spare);
	}
}

// write_run writes n neighbouring pixels of one block of y, which `end` finishes, and adds them
// to the moments. In y they are `step` floats apart; with 0 they lie side by side and are streamed.
SIMD_INLINE void write_run(const float *from, long n, const conv_end *end, long step, float *y, moments *sums) {
	moments run = moments_around(sums->pivot);
	for (long i = 0; i < n; i++) {
		const long at = i * (step > 0 ? step : BLOCK);
		vec pixel = finish(end, load(from + i * BLOCK), at);
		if (step == 0)
			stream(y + at, pixel);
		else
			store(y + at, pixel);
		add_pixel(&run, pixel);
	}
	add_row(sums, &run);
}

// write_chunk_block writes the pixels of a chunk of one block of outputs to y, and their
// moments. m has them side by side.
SIMD static void write_chunk_block(const taps_job *job, long chunk, long block, const float *m) {
	const convolution *c = job->conv;
	const long pixels = c->y_height * c->y_width, first = chunk * job->chunk_pixels;
	const long last = smaller(job->pixels, first + job->chunk_pixels);
	const layout to = y_layout(c);
	const long step = !c->rows && job->pixels * c->outputs > CACHED_FLOATS ? 0 : to.pixel;
	const vec bias = c->bias ? load(c->bias + block * BLOCK) : (vec){0};
	moments sums = moments_around(load(m) + bias);
	for (long p = first, n; p < last; p += n, m += n * BLOCK) {
		n = smaller(smaller(last - p, pixels - p % pixels), RUN_PIXELS);
		const long at = p / pixels * to.image + block * to.block + p % pixels * to.pixel;
		const conv_end end = conv_end_at(c, block, at);
		write_run(m, n, &end, step, c->y + at, &sums);
	}
	if (c->moments != NULL)
		store_moments(&sums, last - first, c->moments + chunk * 3 * c->outputs + block * BLOCK, c->outputs);
}

// convolve_group computes one chunk of pixels of one group of outputs. v has room for V
// and M.
SIMD static void convolve_group(const taps_job *job, long chunk, long group, float *v) {
	const convolution *c = job->conv;
	const long first = chunk * job->chunk_pixels, n = smaller(job->pixels - first, job->chunk_pixels);
	const long first_output = group * job->group, outputs = smaller(job->group, c->outputs - first_output);
	tap_product p = {.v = v, .m = v + job->v_rows * c->inputs, .inputs = c->inputs};
	p.v_stride = job->v_rows * BLOCK, p.m_stride = job->m_rows * BLOCK;
	memset(p.m, 0, sizeof(float) * (size_t)(job->m_rows * outputs));
	tap_list list;
	for (long tap = 0; tap < job->taps; tap++) {
		list_tap(c, first, n, tap, &list);
		pack_inputs(c, &job->norm, &list, 0, c->inputs / BLOCK, (tile_matrix){.data = v, .block_stride = p.v_stride});
		p.u = job->u + (tap * c->outputs + first_output) * c->inputs;
		add_tap(p, &list, outputs, job->chunk_pixels);
	}
	for (long b = 0; b < outputs; b += BLOCK)
		write_chunk_block(job, chunk, (first_output + b) / BLOCK, p.m + b * job->m_rows);
}

// convolve_groups is what one worker does: it takes the next chunk and group until none is
// left.
SIMD static void convolve_groups(void *argument, size_t worker) {
	taps_job *job = argument;
	float *v = job->v + (long)worker * taps_worker_floats(job);
	long task;
	while ((task = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED)) < job->chunks * job->groups)
		convolve_group(job, task / job->groups, task % job->groups, v);
	stream_fence();
}

static void taps_conv(const convolution *c, const threads *t, float *scratch) {
	taps_job job = taps_job_of(c);
	job.norm = input_norm_of(c, scratch);
	scratch += norm_floats(c);
	job.u = c->packed;
	if (job.u == NULL) {
		pack_taps_weights(c, t, scratch);
		job.u = scratch;
		scratch += weight_floats(c);
	}
	job.v = scratch;
	t->parallel_for(t, smaller(t->workers, job.chunks * job.groups), convolve_groups, &job);
}

#endif

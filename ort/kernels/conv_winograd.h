// The 3x3 convolution of blocked images by Winograd's algorithm, in two steps:
//
//	1. U = G w Gᵀ, once for all images
//	2. for each chunk of tiles: V = Bᵀ x B, then 36 products M = V·U, then y = Aᵀ M A
//
// winograd_transforms.h has the matrices, and winograd_products.h the layouts of U, V and M.
// A worker takes one chunk after the other. Its V and M are so small that they stay
// in its second-level cache between the parts of step 2.

#ifndef ONNXLAB_CONV_WINOGRAD_H
#define ONNXLAB_CONV_WINOGRAD_H

#include "kernels.h"
#include "normalise.h"
#include "simd.h"
#include "sizes.h"
#include "winograd_input.h"
#include "winograd_output.h"
#include "winograd_products.h"
#include "winograd_tiles.h"
#include "winograd_transforms.h"

// Tiles in a chunk, at most; multiples of PRODUCT_ROWS. With more than FEW_CHANNELS inputs and
// outputs together, U needs most of the cache, so chunks are smaller. The limits are those
// with which bench/step was fastest.
enum { SMALL_CHUNK = 24, LARGE_CHUNK = 48, FEW_CHANNELS = 64 };

// If there are fewer chunks than this for each worker, the outputs are cut into groups, too, of two
// blocks at least, so that all workers get some. Each then reads only a part of U.
enum { TASKS_OF_WORKER = 2 };

typedef struct {
	tile_grid grid;
	long chunk_tiles, chunks;
	long group, groups;                // outputs in a group
	long next;                         // the next chunk and group that no worker has taken
	long u_stride, v_stride, m_stride; // floats between the 36 elements
	const float *u;                    // [ELEMENTS][outputs/BLOCK][inputs][BLOCK]
	float *v;                          // [workers], each V, [ELEMENTS][inputs/BLOCK][chunk_tiles][BLOCK], then M, likewise of a group
} winograd_job;

static winograd_job winograd_job_of(const convolution *c, long workers) {
	winograd_job job = {.grid = tile_grid_of(c)};
	job.chunk_tiles = c->inputs + c->outputs > FEW_CHANNELS ? SMALL_CHUNK : LARGE_CHUNK;
	if (c->moments == NULL) // moments are always those of full chunks
		job.chunk_tiles = even_part(job.grid.tiles, job.chunk_tiles, WHOLE_ROWS);
	job.chunks = (job.grid.tiles + job.chunk_tiles - 1) / job.chunk_tiles;
	job.group = c->outputs, job.groups = 1;
	while (job.chunks * job.groups < TASKS_OF_WORKER * workers && job.group > 2 * BLOCK) {
		job.group = round_up(job.group / 2, 2 * BLOCK);
		job.groups = (c->outputs + job.group - 1) / job.group;
	}
	job.u_stride = padded_stride(c->inputs * c->outputs);
	job.v_stride = padded_stride(job.chunk_tiles * c->inputs);
	job.m_stride = padded_stride(job.chunk_tiles * job.group);
	return job;
}

static size_t winograd_conv_scratch(const convolution *c, long workers) {
	const winograd_job job = winograd_job_of(c, workers);
	const long u = c->packed == NULL ? job.u_stride : 0;
	const long matrices = u + smaller(workers, job.chunks * job.groups) * (job.v_stride + job.m_stride);
	return sizeof(float) * (norm_floats(c) + ELEMENTS * matrices);
}

// The weights of a convolution, and where to write U = G w Gᵀ.
typedef struct {
	const convolution *conv;
	float *u;
	long u_stride;
} winograd_pack_job;

// winograd_weights writes U for one block of outputs.
SIMD static void winograd_weights(void *argument, size_t block) {
	winograd_pack_job *job = argument;
	const convolution *c = job->conv;
	for (long i = 0; i < c->inputs; i++) {
		float taps[TAPS][BLOCK];
		for (long k = 0; k < BLOCK; k++) {
			const long o = (long)block * BLOCK + k;
			const float *w = c->weight + TAPS * (c->flipped ? i * c->outputs + o : o * c->inputs + i);
			for (int tap = 0; tap < TAPS; tap++) taps[tap][k] = w[c->flipped ? TAPS - 1 - tap : tap];
		}
		vec w[FILTER][FILTER];
		UNROLL for (int tap = 0; tap < TAPS; tap++) w[tap / FILTER][tap % FILTER] = load(taps[tap]);
		transform_weights(w, job->u + ((long)block * c->inputs + i) * BLOCK, job->u_stride);
	}
}

static void pack_winograd_weights(const convolution *c, const threads *t, float *u) {
	winograd_pack_job job = {c, u, winograd_job_of(c, t->workers).u_stride};
	t->parallel_for(t, c->outputs / BLOCK, winograd_weights, &job);
}

// convolve_tiles is what one worker does: it takes the next chunk and group until none is left.
SIMD static void convolve_tiles(void *argument, size_t worker) {
	winograd_job *job = argument;
	const convolution *c = job->grid.conv;
	const long block_stride = job->chunk_tiles * BLOCK;
	float *scratch = job->v + (long)worker * ELEMENTS * (job->v_stride + job->m_stride);
	const tile_matrix v = {scratch, job->v_stride, block_stride};
	const tile_matrix m = {scratch + ELEMENTS * job->v_stride, job->m_stride, block_stride};
	long task;
	while ((task = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED)) < job->chunks * job->groups) {
		const long chunk = task / job->groups, first_output = task % job->groups * job->group;
		const long first = chunk * job->chunk_tiles, n = smaller(job->grid.tiles - first, job->chunk_tiles);
		const product_size size = {n, c->inputs, smaller(job->group, c->outputs - first_output), block_stride};
		const float *u = job->u + first_output * c->inputs;
		transform_inputs(&job->grid, first, n, v);
		for (int e = 0; e < ELEMENTS; e++)
			multiply(&size, v.data + e * job->v_stride, u + e * job->u_stride, m.data + e * job->m_stride);
		float *moments_of_chunk = c->moments == NULL ? NULL : c->moments + chunk * 3 * c->outputs;
		write_outputs(&job->grid, (part_of_y){first, n, first_output / BLOCK, size.outputs / BLOCK}, m, moments_of_chunk);
	}
}

static void winograd_conv(const convolution *c, const threads *t, float *scratch) {
	winograd_job job = winograd_job_of(c, t->workers);
	job.grid.norm = input_norm_of(c, scratch);
	scratch += norm_floats(c);
	job.u = c->packed;
	if (job.u == NULL) {
		pack_winograd_weights(c, t, scratch);
		job.u = scratch;
		scratch += ELEMENTS * job.u_stride;
	}
	job.v = scratch;
	t->parallel_for(t, smaller(t->workers, job.chunks * job.groups), convolve_tiles, &job);
}

#endif

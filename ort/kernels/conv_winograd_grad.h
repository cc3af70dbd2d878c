// The gradient of a 3x3 convolution with respect to its weights, by Winograd's algorithm:
//
//	1. for each chunk of tiles: V = Bᵀ x B and E = A dy Aᵀ, then 36 products S += Vᵀ·E
//	2. dw = Gᵀ S G
//
// winograd_transforms.h has the matrices, and winograd_products.h the layouts of V, E and S.
// (The gradient with respect to x is a convolution of dy with the flipped weights.)
//
// There are two ways to use all threads, and which is taken depends on the shapes alone:
//
//	Few channels, many tiles: the tiles are split among tasks. Each has an S of its
//	own and goes through its tiles in small chunks, whose V and E stay in its cache.
//	The S of all splits are then added, in their order.
//
//	Otherwise so many S would take too much memory. There is one, chunks are large,
//	and all threads work on the same chunk: each first transforms some of its tiles,
//	then multiplies some of the 36 elements.
//
// Either way the order of the sums does not depend on the number of threads.

#ifndef ONNXLAB_CONV_WINOGRAD_GRAD_H
#define ONNXLAB_CONV_WINOGRAD_GRAD_H

#include <string.h>

#include "kernels.h"
#include "normalise.h"
#include "simd.h"
#include "sizes.h"
#include "winograd_input.h"
#include "winograd_output.h"
#include "winograd_products.h"
#include "winograd_tiles.h"
#include "winograd_transforms.h"

enum {
	GRAD_SPLITS = 16,         // how many S there are if the tiles are split
	SPLIT_CHUNK = 48,         // tiles in a chunk of a split
	SPLIT_WEIGHTS = 64 * 64,  // the tiles are split if inputs·outputs are at most so many
	SHARED_FLOATS = 1 << 20,  // about as many floats V and E have together in a shared chunk
	LEAST_SHARED_CHUNK = 256, // tiles in a shared chunk, at least
	TASK_TILES = 16,          // tiles of a shared chunk that one task transforms
};

typedef struct {
	tile_grid grid;
	long splits, split_tiles;          // tiles in a split
	long chunk_tiles;                  // tiles in a chunk, at most
	long first, n;                     // the shared chunk: its first tile and how many there are
	long v_stride, e_stride, s_stride; // floats between the 36 elements
	float *s;                          // [splits], each [ELEMENTS][inputs][outputs]
	float *v;                          // [splits], each [ELEMENTS][inputs/BLOCK][chunk_tiles][BLOCK]
	float *e;                          // [splits], each [ELEMENTS][outputs/BLOCK][chunk_tiles][BLOCK]
} winograd_grad_job;

static winograd_grad_job winograd_grad_job_of(const convolution *c) {
	winograd_grad_job job = {.grid = tile_grid_of(c)};
	if (c->inputs * c->outputs <= SPLIT_WEIGHTS && job.grid.tiles >= 2 * GRAD_SPLITS * SPLIT_CHUNK) {
		job.splits = GRAD_SPLITS;
		job.chunk_tiles = SPLIT_CHUNK;
	} else {
		const long fit = SHARED_FLOATS / (ELEMENTS * (c->inputs + c->outputs)) / TASK_TILES * TASK_TILES;
		job.splits = 1;
		job.chunk_tiles = fit > LEAST_SHARED_CHUNK ? fit : LEAST_SHARED_CHUNK;
	}
	job.split_tiles = (job.grid.tiles + job.splits - 1) / job.splits;
	job.chunk_tiles = smaller(job.chunk_tiles, job.split_tiles);
	job.v_stride = padded_stride(job.chunk_tiles * c->inputs);
	job.e_stride = padded_stride(job.chunk_tiles * c->outputs);
	job.s_stride = padded_stride(c->inputs * c->outputs);
	return job;
}

static size_t winograd_weight_grad_scratch(const convolution *c) {
	const winograd_grad_job job = winograd_grad_job_of(c);
	return sizeof(float) * (norm_floats(c) + ELEMENTS * job.splits * (job.s_stride + job.v_stride + job.e_stride));
}

// matrix_of returns V or E of one split. matrices has those of all splits, one after
// the other.
static inline tile_matrix matrix_of(const winograd_grad_job *job, float *matrices, long split, long element_stride) {
	return (tile_matrix){matrices + split * ELEMENTS * element_stride, element_stride, job->chunk_tiles * BLOCK};
}

// add_element adds the products Vᵀ·E of n transformed tiles to one element of S.
SIMD static void add_element(const winograd_grad_job *job, long n, long element,
                             tile_matrix v, tile_matrix e, float *s) {
	const convolution *c = job->grid.conv;
	const product_size size = {n, c->inputs, c->outputs, v.block_stride};
	multiply_accumulate(&size, v.data + element * v.element_stride, e.data + element * e.element_stride,
	                    s + element * job->s_stride);
}

// sum_grad_split computes S of one split, chunk by chunk.
SIMD static void sum_grad_split(void *argument, size_t split) {
	winograd_grad_job *job = argument;
	float *s = job->s + (long)split * ELEMENTS * job->s_stride;
	const tile_matrix v = matrix_of(job, job->v, (long)split, job->v_stride);
	const tile_matrix e = matrix_of(job, job->e, (long)split, job->e_stride);
	memset(s, 0, sizeof(float) * (size_t)(ELEMENTS * job->s_stride));
	long first = (long)split * job->split_tiles;
	const long end = smaller(first + job->split_tiles, job->grid.tiles);
	for (; first < end; first += job->chunk_tiles) {
		const long n = smaller(end - first, job->chunk_tiles);
		transform_inputs(&job->grid, first, n, v);
		transform_gradients(&job->grid, first, n, e);
		for (long element = 0; element < ELEMENTS; element++) add_element(job, n, element, v, e, s);
	}
}

// join_splits adds up one element of S over all splits, into that of the first.
SIMD static void join_splits(void *argument, size_t element) {
	winograd_grad_job *job = argument;
	const convolution *c = job->grid.conv;
	float *sum = job->s + (long)element * job->s_stride;
	for (long split = 1; split < job->splits; split++) {
		const float *other = sum + split * ELEMENTS * job->s_stride;
		for (long i = 0; i < c->inputs * c->outputs; i += BLOCK) store(sum + i, load(sum + i) + load(other + i));
	}
}

// transform_shared transforms TASK_TILES tiles of the shared chunk.
SIMD static void transform_shared(void *argument, size_t task) {
	winograd_grad_job *job = argument;
	const long t = (long)task * TASK_TILES, n = smaller(job->n - t, TASK_TILES);
	tile_matrix v = matrix_of(job, job->v, 0, job->v_stride), e = matrix_of(job, job->e, 0, job->e_stride);
	v.data += t * BLOCK;
	e.data += t * BLOCK;
	transform_inputs(&job->grid, job->first + t, n, v);
	transform_gradients(&job->grid, job->first + t, n, e);
}

// sum_shared adds the products of the shared chunk to one element of S.
SIMD static void sum_shared(void *argument, size_t element) {
	winograd_grad_job *job = argument;
	if (job->first == 0)
		memset(job->s + (long)element * job->s_stride, 0, sizeof(float) * (size_t)job->s_stride);
	const tile_matrix v = matrix_of(job, job->v, 0, job->v_stride), e = matrix_of(job, job->e, 0, job->e_stride);
	add_element(job, job->n, (long)element, v, e, job->s);
}

// write_weight_gradient writes dw = Gᵀ S G for one block of outputs.
SIMD static void write_weight_gradient(void *argument, size_t block) {
	winograd_grad_job *job = argument;
	const convolution *c = job->grid.conv;
	for (long i = 0; i < c->inputs; i++) {
		float taps[TAPS * BLOCK];
		transform_weight_gradient(job->s + i * c->outputs + (long)block * BLOCK, job->s_stride, taps);
		for (long k = 0; k < BLOCK; k++)
			for (int tap = 0; tap < TAPS; tap++)
				c->dweight[TAPS * (((long)block * BLOCK + k) * c->inputs + i) + tap] = taps[tap * BLOCK + k];
	}
}

static void winograd_weight_grad(const convolution *c, const threads *t, float *scratch) {
	winograd_grad_job job = winograd_grad_job_of(c);
	job.grid.norm = input_norm_of(c, scratch);
	job.s = scratch + norm_floats(c);
	job.v = job.s + job.splits * ELEMENTS * job.s_stride;
	job.e = job.v + job.splits * ELEMENTS * job.v_stride;
	if (job.splits > 1) {
		t->parallel_for(t, job.splits, sum_grad_split, &job);
		t->parallel_for(t, ELEMENTS, join_splits, &job);
	} else {
		for (; job.first < job.grid.tiles; job.first += job.chunk_tiles) {
			job.n = smaller(job.grid.tiles - job.first, job.chunk_tiles);
			t->parallel_for(t, (job.n + TASK_TILES - 1) / TASK_TILES, transform_shared, &job);
			t->parallel_for(t, ELEMENTS, sum_shared, &job);
		}
	}
	t->parallel_for(t, c->outputs / BLOCK, write_weight_gradient, &job);
}

#endif

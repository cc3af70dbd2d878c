// Layer normalisation of rows of channels, and its gradient (Ba et al. 2016,
// https://arxiv.org/abs/1607.06450). With h = (x − mean)·inverse_deviation, g = dy·scale, and
// averages over the row:
//
//	y = scale·h + bias
//	dx = inverse_deviation·(g − average(g) − h·average(g·h))
//
// dscale = Σ dy·h and dbias = Σ dy are sums over all rows. Each chunk of rows has sums of its own,
// which are then added up in the order of the chunks.

#ifndef ONNXLAB_LAYERNORM_H
#define ONNXLAB_LAYERNORM_H

#include <math.h>
#include <string.h>

#include "kernels.h"
#include "simd.h"
#include "sizes.h"

enum { ROW_CHUNKS = 64 }; // at most

typedef struct {
	const layernorm *l;
	long chunk_rows, chunks;
	float *sums; // of the gradient: [chunks], each [2, channels], dscale and dbias
} layernorm_job;

static layernorm_job layernorm_job_of(const layernorm *l, float *scratch) {
	layernorm_job job = {.l = l, .sums = scratch};
	job.chunk_rows = (l->rows + ROW_CHUNKS - 1) / ROW_CHUNKS;
	job.chunks = (l->rows + job.chunk_rows - 1) / job.chunk_rows;
	return job;
}

// average is the average over a row, given the BLOCK partial sums in v.
SIMD_INLINE float average(vec v, long channels) {
	float sums[BLOCK];
	store(sums, v);
	UNROLL for (int half = BLOCK / 2; half > 0; half /= 2)
		UNROLL for (int i = 0; i < half; i++) sums[i] += sums[i + half];
	return sums[0] / channels;
}

SIMD_INLINE void normalise_row(const layernorm *l, long row) {
	const float *x = l->x + row * l->channels;
	float *y = l->y + row * l->channels;
	vec sum = {0}, squares = {0};
	for (long c = 0; c < l->channels; c += BLOCK) sum += load(x + c);
	const float mean = average(sum, l->channels);
	for (long c = 0; c < l->channels; c += BLOCK) {
		const vec distance = load(x + c) - mean;
		squares += distance * distance;
	}
	const float inverse = 1 / sqrtf(average(squares, l->channels) + l->epsilon);
	for (long c = 0; c < l->channels; c += BLOCK) {
		const vec bias = l->bias ? load(l->bias + c) : (vec){0};
		store(y + c, (load(x + c) - mean) * inverse * load(l->scale + c) + bias);
	}
	if (l->mean)
		l->mean[row] = mean;
	if (l->inverse_deviation)
		l->inverse_deviation[row] = inverse;
}

SIMD static void normalise_rows(void *argument, size_t chunk) {
	const layernorm_job *job = argument;
	const long first = (long)chunk * job->chunk_rows, end = smaller(first + job->chunk_rows, job->l->rows);
	for (long row = first; row < end; row++) normalise_row(job->l, row);
}

static void layernorm_forward(const layernorm *l, const threads *t) {
	layernorm_job job = layernorm_job_of(l, NULL);
	t->parallel_for(t, job.chunks, normalise_rows, &job);
}

static size_t layernorm_grad_scratch(const layernorm *l) {
	return sizeof(float) * 2 * ROW_CHUNKS * l->channels;
}

// row_gradient writes one row of dx and adds the row to the sums.
SIMD_INLINE void row_gradient(const layernorm *l, long row, float *dscale, float *dbias) {
	const float *x = l->x + row * l->channels, *dy = l->dy + row * l->channels;
	float *dx = l->dx + row * l->channels;
	const float mean = l->mean[row], inverse = l->inverse_deviation[row];
	vec sum = {0}, dot = {0};
	for (long c = 0; c < l->channels; c += BLOCK) {
		const vec d = load(dy + c), h = (load(x + c) - mean) * inverse, g = d * load(l->scale + c);
		sum += g;
		dot += g * h;
		store(dscale + c, load(dscale + c) + d * h);
		store(dbias + c, load(dbias + c) + d);
	}
	const float shift = average(sum, l->channels), slope = average(dot, l->channels);
	for (long c = 0; c < l->channels; c += BLOCK) {
		const vec h = (load(x + c) - mean) * inverse, g = load(dy + c) * load(l->scale + c);
		store(dx + c, inverse * (g - shift - h * slope));
	}
}

SIMD static void row_gradients(void *argument, size_t chunk) {
	const layernorm_job *job = argument;
	const layernorm *l = job->l;
	const long first = (long)chunk * job->chunk_rows, end = smaller(first + job->chunk_rows, l->rows);
	float *sums = job->sums + 2 * (long)chunk * l->channels;
	memset(sums, 0, sizeof(float) * 2 * (size_t)l->channels);
	for (long row = first; row < end; row++) row_gradient(l, row, sums, sums + l->channels);
}

// sum_chunks writes one block of dscale and dbias.
SIMD static void sum_chunks(void *argument, size_t block) {
	const layernorm_job *job = argument;
	const long channels = job->l->channels, at = (long)block * BLOCK;
	vec dscale = {0}, dbias = {0};
	for (long chunk = 0; chunk < job->chunks; chunk++) {
		const float *sums = job->sums + 2 * chunk * channels + at;
		dscale += load(sums);
		dbias += load(sums + channels);
	}
	store(job->l->dscale + at, dscale);
	store(job->l->dbias + at, dbias);
}

static void layernorm_grad(const layernorm *l, const threads *t, float *scratch) {
	layernorm_job job = layernorm_job_of(l, scratch);
	t->parallel_for(t, job.chunks, row_gradients, &job);
	t->parallel_for(t, l->channels / BLOCK, sum_chunks, &job);
}

#endif

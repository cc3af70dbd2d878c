//go:build (amd64 || arm64) && !windows

#include "statistics.h"

#include <math.h>

void onnxlab_affine(const channel_norm *n, long channels, float *factor, float *shift) {
	for (long c = 0; c < channels; c++) {
		factor[c] = n->scale[c] * n->inverse_deviation[c];
		shift[c] = n->bias[c] - n->mean[c] * factor[c];
	}
}

// The squared distances of a chunk's pixels to the mean of the batch are those to
// the chunk's mean, plus count·(mean of the chunk − mean of the batch)².
void onnxlab_batch_statistics(const batchnorm *b, const float *moments, long chunks) {
	const long channels = b->channels;
	for (long c = 0; c < channels; c++) {
		double count = 0, sum = 0, squares = 0;
		for (long i = 0; i < chunks; i++) {
			const float *m = moments + i * 3 * channels + c;
			count += m[0];
			sum += (double)m[0] * m[channels];
		}
		double mean = sum / count;
		for (long i = 0; i < chunks; i++) {
			const float *m = moments + i * 3 * channels + c;
			double d = m[channels] - mean;
			squares += m[2 * channels] + m[0] * d * d;
		}
		// Rounding may make the squares of a chunk slightly negative.
		double variance = squares < 0 ? 0 : squares / count;
		b->mean[c] = mean;
		b->variance[c] = variance;
		b->inverse_deviation[c] = 1 / sqrt(variance + b->epsilon);
	}
}

void onnxlab_gradient_terms(const batchnorm *b, const float *sums, const float *dots, const input_gradient *dx) {
	double count = (double)b->images * (b->height * b->width);
	for (long c = 0; c < b->channels; c++) {
		double sum = 0, dot = 0, inverse = b->norm.inverse_deviation[c], factor = dx->factor[c];
		for (long i = 0; i < b->images; i++) {
			sum += sums[i * b->channels + c];
			dot += dots[i * b->channels + c];
		}
		b->dbias[c] = sum;
		b->dscale[c] = dot * inverse;
		double slope = -factor * inverse * inverse * dot / count;
		dx->slope[c] = slope;
		dx->offset[c] = -factor * sum / count - slope * b->norm.mean[c];
	}
}

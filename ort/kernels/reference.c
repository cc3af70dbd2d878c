//go:build ignore

// Only TestKernels compiles this file.

#include "reference.h"

#include <math.h>

static double normalise(const channel_norm *n, long channel, double x) {
	double y = n->scale[channel] * (x - n->mean[channel]) * n->inverse_deviation[channel] + n->bias[channel];
	if (n->relu && n->ceiling > 0 && y > n->ceiling)
		return n->ceiling;
	return n->relu && y <= 0 ? 0 : y;
}

// pixel_of is a pixel of a convolution's x as the weights see it: 0 outside the
// image, else scaled or normalised.
static double pixel_of(const convolution *c, long image, long input, long row, long column) {
	if (row < 0 || row >= c->height || column < 0 || column >= c->width)
		return 0;
	if (c->x == NULL)
		return c->bytes[((image * c->height + row) * c->width + column) * c->inputs + input] * (double)c->byte_scale;
	double x = c->x[((image * c->inputs + input) * c->height + row) * c->width + column];
	return c->x_norm.scale == NULL ? x : normalise(&c->x_norm, input, x);
}

// gradient_of is a pixel of dy, 0 outside the image.
static double gradient_of(const convolution *c, long image, long output, long row, long column) {
	if (row < 0 || row >= c->y_height || column < 0 || column >= c->y_width)
		return 0;
	return c->dy[((image * c->outputs + output) * c->y_height + row) * c->y_width + column];
}

static double weight_of(const convolution *c, long output, long input, long j, long k) {
	if (c->depthwise)
		return output == input ? c->weight[(output * c->window.height + j) * c->window.width + k] : 0;
	return c->weight[((output * c->inputs + input) * c->window.height + j) * c->window.width + k];
}

void conv_reference(const convolution *c) {
	const window *w = &c->window;
	float *y = c->y;
	for (long n = 0; n < c->images; n++)
		for (long o = 0; o < c->outputs; o++)
			for (long row = 0; row < c->y_height; row++)
				for (long column = 0; column < c->y_width; column++) {
					double sum = c->bias == NULL ? 0 : c->bias[o];
					for (long i = 0; i < c->inputs; i++)
						for (long j = 0; j < w->height; j++)
							for (long k = 0; k < w->width; k++)
								sum += weight_of(c, o, i, j, k) *
								       pixel_of(c, n, i, row * w->stride + j - w->top, column * w->stride + k - w->left);
					*y++ = sum;
				}
}

// Each pixel of x adds to several pixels of y: dx sums over them.
void conv_input_grad_reference(const convolution *c, float *dx) {
	const window *w = &c->window;
	for (long n = 0; n < c->images; n++)
		for (long i = 0; i < c->inputs; i++)
			for (long row = 0; row < c->height; row++)
				for (long column = 0; column < c->width; column++) {
					double sum = 0;
					for (long o = 0; o < c->outputs; o++)
						for (long j = 0; j < w->height; j++)
							for (long k = 0; k < w->width; k++) {
								long below = row + w->top - j, right = column + w->left - k;
								if (below % w->stride == 0 && right % w->stride == 0)
									sum += weight_of(c, o, i, j, k) * gradient_of(c, n, o, below / w->stride, right / w->stride);
							}
					*dx++ = sum;
				}
}

void conv_weight_grad_reference(const convolution *c) {
	const window *w = &c->window;
	float *dweight = c->dweight;
	for (long o = 0; o < c->outputs; o++)
		for (long i = c->depthwise ? o : 0; i < (c->depthwise ? o + 1 : c->inputs); i++)
			for (long j = 0; j < w->height; j++)
				for (long k = 0; k < w->width; k++) {
					double sum = 0;
					for (long n = 0; n < c->images; n++)
						for (long row = 0; row < c->y_height; row++)
							for (long column = 0; column < c->y_width; column++)
								sum += gradient_of(c, n, o, row, column) *
								       pixel_of(c, n, i, row * w->stride + j - w->top, column * w->stride + k - w->left);
					*dweight++ = sum;
				}
}

// largest_of returns which pixel of x, [height, width], is the first of the largest in the
// window of a pool's result.
static long largest_of(const maxpool *p, const float *x, long y_row, long y_column) {
	const window *w = &p->window;
	long found = -1;
	for (long j = 0; j < w->height; j++)
		for (long k = 0; k < w->width; k++) {
			const long row = y_row * w->stride + j - w->top, column = y_column * w->stride + k - w->left;
			if (row < 0 || row >= p->height || column < 0 || column >= p->width)
				continue;
			if (found < 0 || x[row * p->width + column] > x[found])
				found = row * p->width + column;
		}
	return found;
}

void maxpool_reference(const maxpool *p) {
	for (long plane = 0; plane < p->images * p->channels; plane++) {
		const float *x = p->x + plane * p->height * p->width;
		for (long i = 0; i < p->y_height * p->y_width; i++)
			p->y[plane * p->y_height * p->y_width + i] = x[largest_of(p, x, i / p->y_width, i % p->y_width)];
	}
}

void maxpool_grad_reference(const maxpool *p) {
	for (long plane = 0; plane < p->images * p->channels; plane++) {
		const float *x = p->x + plane * p->height * p->width, *dy = p->dy + plane * p->y_height * p->y_width;
		float *dx = p->dx + plane * p->height * p->width;
		for (long i = 0; i < p->height * p->width; i++) dx[i] = 0;
		for (long i = 0; i < p->y_height * p->y_width; i++) dx[largest_of(p, x, i / p->y_width, i % p->y_width)] += dy[i];
	}
}

void moments_reference(const batchnorm *b) {
	const long pixels = b->height * b->width;
	const double count = (double)b->images * pixels;
	for (long c = 0; c < b->channels; c++) {
		double sum = 0, squares = 0;
		for (long n = 0; n < b->images; n++)
			for (long p = 0; p < pixels; p++) sum += b->x[(n * b->channels + c) * pixels + p];
		const double mean = sum / count;
		for (long n = 0; n < b->images; n++)
			for (long p = 0; p < pixels; p++) {
				double d = b->x[(n * b->channels + c) * pixels + p] - mean;
				squares += d * d;
			}
		b->mean[c] = mean;
		b->variance[c] = squares / count;
		b->inverse_deviation[c] = 1 / sqrt(squares / count + b->epsilon);
	}
}

void batchnorm_reference(const batchnorm *b) {
	moments_reference(b);
	channel_norm norm = b->norm;
	norm.mean = b->mean;
	norm.inverse_deviation = b->inverse_deviation;
	float *y = b->y;
	for (long n = 0; n < b->images; n++)
		for (long c = 0; c < b->channels; c++)
			for (long top = 0; top < b->height; top += b->pool)
				for (long left = 0; left < b->width; left += b->pool) {
					const float *x = b->x + (n * b->channels + c) * b->height * b->width;
					double sum = 0;
					for (long row = top; row < top + b->pool; row++)
						for (long column = left; column < left + b->pool; column++)
							sum += normalise(&norm, c, x[row * b->width + column]);
					*y++ = sum / (b->pool * b->pool);
				}
}

// gradient_before_relu is the gradient with respect to one normalised pixel of an image's channel.
static double gradient_before_relu(const batchnorm *b, long image, long channel, long pixel) {
	const long plane = image * b->channels + channel, row = pixel / b->width, column = pixel % b->width;
	const double y = normalise(&b->norm, channel, b->x[plane * b->height * b->width + pixel]);
	if (b->norm.relu && (y <= 0 || (b->norm.ceiling > 0 && y >= b->norm.ceiling)))
		return 0;
	const long height = b->height / b->pool, width = b->width / b->pool;
	return b->dy_scale * (double)b->dy[(plane * height + row / b->pool) * width + column / b->pool];
}

// With x̂ = (x − mean)·inverse, and since the mean and the deviation depend on x, too:
//
//	dbias = Σ g,  dscale = Σ g·x̂,  dx = scale·inverse·(g − dbias/count − x̂·dscale/count)
void batchnorm_grad_reference(const batchnorm *b) {
	const long pixels = b->height * b->width;
	const double count = (double)b->images * pixels;
	for (long c = 0; c < b->channels; c++) {
		const double mean = b->norm.mean[c], inverse = b->norm.inverse_deviation[c];
		double sum = 0, dot = 0;
		for (long n = 0; n < b->images; n++)
			for (long p = 0; p < pixels; p++) {
				double g = gradient_before_relu(b, n, c, p), x = b->x[(n * b->channels + c) * pixels + p];
				sum += g;
				dot += g * (x - mean) * inverse;
			}
		b->dbias[c] = sum;
		b->dscale[c] = dot;
		for (long n = 0; n < b->images; n++)
			for (long p = 0; p < pixels; p++) {
				const long at = (n * b->channels + c) * pixels + p;
				double g = gradient_before_relu(b, n, c, p), normal = (b->x[at] - mean) * inverse;
				b->dx[at] = b->norm.scale[c] * inverse * (g - sum / count - normal * dot / count);
			}
	}
}

void layernorm_reference(const layernorm *l) {
	for (long row = 0; row < l->rows; row++) {
		const float *x = l->x + row * l->channels;
		double sum = 0, squares = 0;
		for (long c = 0; c < l->channels; c++) sum += x[c];
		const double mean = sum / l->channels;
		for (long c = 0; c < l->channels; c++) squares += (x[c] - mean) * (x[c] - mean);
		const double inverse = 1 / sqrt(squares / l->channels + l->epsilon);
		l->mean[row] = mean, l->inverse_deviation[row] = inverse;
		for (long c = 0; c < l->channels; c++)
			l->y[row * l->channels + c] = (x[c] - mean) * inverse * l->scale[c] + (l->bias == NULL ? 0 : l->bias[c]);
	}
}

// As in batchnorm_grad_reference, but normalised over rows instead of channels.
void layernorm_grad_reference(const layernorm *l) {
	for (long c = 0; c < l->channels; c++) {
		double dscale = 0, dbias = 0;
		for (long row = 0; row < l->rows; row++) {
			const long at = row * l->channels + c;
			dscale += l->dy[at] * ((double)l->x[at] - l->mean[row]) * l->inverse_deviation[row];
			dbias += l->dy[at];
		}
		l->dscale[c] = dscale, l->dbias[c] = dbias;
	}
	for (long row = 0; row < l->rows; row++) {
		const double mean = l->mean[row], inverse = l->inverse_deviation[row];
		const float *x = l->x + row * l->channels, *dy = l->dy + row * l->channels;
		double sum = 0, dot = 0;
		for (long c = 0; c < l->channels; c++) {
			sum += (double)dy[c] * l->scale[c];
			dot += (double)dy[c] * l->scale[c] * (x[c] - mean) * inverse;
		}
		for (long c = 0; c < l->channels; c++)
			l->dx[row * l->channels + c] =
				inverse * ((double)dy[c] * l->scale[c] - sum / l->channels - (x[c] - mean) * inverse * dot / l->channels);
	}
}

void gelu_grad_reference(const gelu *g) {
	for (long i = 0; i < g->n; i++) {
		const double x = g->x[i], density = exp(-x * x / 2) / sqrt(2 * M_PI);
		g->dx[i] = g->dy[i] * (erfc(-x / M_SQRT2) / 2 + x * density);
	}
}

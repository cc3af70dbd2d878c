// Batch normalisation with the ReLU and the average pool that follow it (Ioffe
// and Szegedy 2015, https://arxiv.org/abs/1502.03167):
//
//	y = scale·(x − mean)/√(variance + epsilon) + bias
//
// Sums are first those of an image's channels, or of a part that a convolution
// measured, then, in float64, of the batch: their order does not depend on the
// workers.

// set_affine writes y = factor·x + shift.
static void set_affine(const channel_norm *n, long channels, float *factor, float *shift) {
	for (long c = 0; c < channels; c++) {
		factor[c] = n->scale[c] * n->inverse[c];
		shift[c] = n->bias[c] - n->mean[c] * factor[c];
	}
}

// floor_of is what a normalised value is at least.
static inline float floor_of(const channel_norm *n) { return n->relu ? 0 : -INFINITY; }

// keep is v where kept, else the other.
INLINE vec keep(mask kept, vec v, vec other) { return (vec)((kept & (mask)v) | (~kept & (mask)other)); }

INLINE vec affine(vec x, vec factor, vec shift) { return x * factor + shift; }

// below tells where a value is too small; NaN is not.
INLINE mask below(vec v, float floor) { return v <= (vec){0} + floor; }

INLINE vec norm_of(vec x, vec factor, vec shift, float floor) {
	vec v = affine(x, factor, shift);
	return keep(~below(v, floor), v, (vec){0} + floor);
}

// measure adds a pixel to the moments of a part, which are in the making: a pixel
// of it as the pivot, and the sums of what differs from that and of its squares.
INLINE void measure(vec v, vec m[3]) {
	vec d = v - m[0];
	m[1] += d;
	m[2] += d * d;
}

// add_moments adds those of a row, of the same pivot: of fewer addends at a time
// sums lose less.
INLINE void add_moments(const vec row[3], vec m[3]) {
	m[1] += row[1];
	m[2] += row[2];
}

// finish_moments makes them those of a part of so many pixels.
INLINE void finish_moments(float count, const vec m[3], float *to, long channels) {
	vec beyond = m[1] / count;
	store(to, (vec){0} + count);
	store(to + channels, m[0] + beyond);
	store(to + 2 * channels, m[2] - m[1] * beyond);
}

typedef struct {
	const normalisation *of;
	long pixels, pooled;   // of an image's channel, of its result
	float *moments;        // [images, 3, channels]
	float *sum, *dot;      // of gradients: [images, channels]
	float *factor, *shift; // of norm: [channels]
	float *along, *less;   // dx = factor·g + along·x + less: [channels]
} norm_run;

static norm_run norm_run_of(const normalisation *n, float *scratch) {
	norm_run r = {.of = n, .pixels = n->height * n->width, .moments = scratch, .sum = scratch};
	r.pooled = r.pixels / (n->pool * n->pool);
	r.dot = r.sum + n->images * n->channels;
	r.factor = scratch + 3 * n->images * n->channels;
	r.shift = r.factor + n->channels;
	r.along = r.shift + n->channels;
	r.less = r.along + n->channels;
	return r;
}

static size_t NAME(norm_scratch)(const normalisation *n) {
	return sizeof(float) * (3 * n->images * n->channels + 4 * n->channels);
}

// image_moments writes those of an image's block of channels.
FUNCTION static void image_moments(void *run, size_t i) {
	norm_run *r = run;
	long blocks = r->of->channels / BLOCK;
	const float *x = r->of->x + (long)i * r->pixels * BLOCK;
	vec m[3] = {load(x)};
	for (long y = 0; y < r->of->height; y++, x += r->of->width * BLOCK) {
		vec row[3] = {m[0]};
		for (long p = 0; p < r->of->width; p++) measure(load(x + p * BLOCK), row);
		add_moments(row, m);
	}
	finish_moments(r->pixels, m, r->moments + (long)i / blocks * 3 * r->of->channels + (long)i % blocks * BLOCK, r->of->channels);
}

// normalise_of writes the averages of windows of pool x pool.
INLINE void normalise_of(const norm_run *r, long i, long pool) {
	long blocks = r->of->channels / BLOCK, c = i % blocks * BLOCK, row = r->of->width * BLOCK;
	const float *x = r->of->x + i * r->pixels * BLOCK;
	float *y = r->of->y + i * r->pooled * BLOCK, floor = floor_of(&r->of->norm), share = 1.f / (pool * pool);
	vec factor = load(r->factor + c), shift = load(r->shift + c);
	for (long top = 0; top + pool <= r->of->height; top += pool)
		for (long left = 0; left + pool <= r->of->width; left += pool, y += BLOCK) {
			vec sum = {0};
			for (long k = 0; k < pool * pool; k++)
				sum += norm_of(load(x + (top + k / pool) * row + (left + k % pool) * BLOCK), factor, shift, floor);
			store(y, sum * share);
		}
}

FUNCTION static void normalise(void *run, size_t i) {
	norm_run *r = run;
	switch (r->of->pool) {
	case 1: normalise_of(r, (long)i, 1); break;
	case 2: normalise_of(r, (long)i, 2); break;
	default: normalise_of(r, (long)i, r->of->pool);
	}
}

// set_moments writes mean, variance and inverse from the moments of all parts.
static void set_moments(const normalisation *n, const float *moments, long parts) {
	for (long c = 0; c < n->channels; c++, moments++) {
		double count = 0, sum = 0, squares = 0;
		for (long i = 0; i < parts; i++) {
			const float *m = moments + i * 3 * n->channels;
			count += m[0];
			sum += (double)m[0] * m[n->channels];
		}
		double mean = sum / count;
		for (long i = 0; i < parts; i++) {
			const float *m = moments + i * 3 * n->channels;
			double d = m[n->channels] - mean;
			squares += m[2 * n->channels] + m[0] * d * d;
		}
		double variance = squares < 0 ? 0 : squares / count; // rounding of the parts
		n->mean[c] = mean;
		n->variance[c] = variance;
		n->inverse[c] = 1 / sqrt(variance + n->epsilon);
	}
}

static void NAME(norm)(const normalisation *n, const pool *p, float *scratch) {
	norm_run r = norm_run_of(n, scratch);
	long blocks = n->images * n->channels / BLOCK;
	if (n->moments == NULL) {
		p->run(p, blocks, image_moments, &r);
		set_moments(n, r.moments, n->images);
	} else {
		set_moments(n, n->moments, n->parts);
	}
	if (n->y == NULL)
		return;
	channel_norm by = {n->norm.scale, n->norm.bias, n->mean, n->inverse, n->norm.relu};
	set_affine(&by, n->channels, r.factor, r.shift);
	p->run(p, blocks, normalise, &r);
}

enum { cached = 1 << 22 }; // floats that the caches may hold from one operator to the next

// gradients writes, if sums, the sum of the gradients g of an image's block of
// channels and that of g·(x − mean), else dx; g is share·dy where the ReLU let x
// pass.
INLINE void gradients(norm_run *r, long i, long pool, int sums) {
	long c = i % (r->of->channels / BLOCK) * BLOCK, width = r->of->width;
	const float *x = r->of->x + i * r->pixels * BLOCK, *dy = r->of->dy + i * r->pooled * BLOCK;
	float *dx = r->of->dx + i * r->pixels * BLOCK, floor = floor_of(&r->of->norm), share = r->of->share;
	vec factor = load(r->factor + c), shift = load(r->shift + c), mean = load(r->of->norm.mean + c);
	vec along = {0}, less = {0}, sum = {0}, dot = {0};
	int many = r->of->images * r->of->channels * r->pixels > cached;
	if (!sums) {
		along = load(r->along + c);
		less = load(r->less + c);
	}
	for (long y = 0; y < r->of->height; y++) {
		const float *row = dy + y / pool * (width / pool) * BLOCK;
		for (long left = 0; left < width; left += pool, row += BLOCK)
			for (long k = 0; k < pool; k++) {
				long at = (y * width + left + k) * BLOCK;
				vec v = load(x + at), d = keep(~below(affine(v, factor, shift), floor), share * load(row), (vec){0});
				if (sums) {
					sum += d;
					dot += d * (v - mean);
				} else {
					vec gradient = factor * d + (along * v + less);
					if (many)
						stream(dx + at, gradient);
					else
						store(dx + at, gradient);
				}
			}
	}
	streamed();
	if (sums) {
		store(r->sum + i * BLOCK, sum);
		store(r->dot + i * BLOCK, dot);
	}
}

INLINE void gradients_of_pool(norm_run *r, long i, int sums) {
	switch (r->of->pool) {
	case 1: gradients(r, i, 1, sums); break;
	case 2: gradients(r, i, 2, sums); break;
	default: gradients(r, i, r->of->pool, sums);
	}
}

FUNCTION static void gradient_sums(void *run, size_t i) { gradients_of_pool(run, (long)i, 1); }

FUNCTION static void input_gradient(void *run, size_t i) { gradients_of_pool(run, (long)i, 0); }

// The gradients: for a channel of m elements, with a = scale·inverse,
//
//	dx = a·(g − Σ g/m − (x − mean)·inverse² · Σ g·(x − mean)/m)
static void NAME(norm_grad)(const normalisation *n, const pool *p, float *scratch) {
	norm_run r = norm_run_of(n, scratch);
	long blocks = n->images * n->channels / BLOCK;
	set_affine(&n->norm, n->channels, r.factor, r.shift);
	p->run(p, blocks, gradient_sums, &r);
	for (long c = 0; c < n->channels; c++) {
		double sum = 0, dot = 0, count = (double)n->images * r.pixels, inverse = n->norm.inverse[c];
		for (long i = 0; i < n->images; i++) {
			sum += r.sum[i * n->channels + c];
			dot += r.dot[i * n->channels + c];
		}
		n->dbias[c] = sum;
		n->dscale[c] = dot * inverse;
		double along = -r.factor[c] * inverse * inverse * dot / count;
		r.along[c] = along;
		r.less[c] = -r.factor[c] * sum / count - along * n->norm.mean[c];
	}
	p->run(p, blocks, input_gradient, &r);
}

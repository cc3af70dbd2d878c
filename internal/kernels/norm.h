// Batch normalisation with the ReLU that follows it (Ioffe and Szegedy 2015,
// https://arxiv.org/abs/1502.03167):
//
//	y = scale·(x − mean)/√(variance + epsilon) + bias
//
// Sums are first those of an image's channels, then, in float64, of the batch:
// their order does not depend on the workers.

typedef struct {
	const normalisation *of;
	float *first, *second;  // of each image's channels: [images, channels]
	float *factor, *shift;  // y = factor·x + shift: [channels]
	float *along, *less;    // dx = factor·g + along·x + less: [channels]
} norm_run;

static norm_run norm_run_of(const normalisation *n, float *scratch) {
	norm_run r = {.of = n};
	r.first = scratch;
	r.second = r.first + n->images * n->channels;
	r.factor = r.second + n->images * n->channels;
	r.shift = r.factor + n->channels;
	r.along = r.shift + n->channels;
	r.less = r.along + n->channels;
	return r;
}

static size_t NAME(norm_scratch)(const normalisation *n) {
	return sizeof(float) * (2 * n->images * n->channels + 4 * n->channels);
}

// unless is v where not is false, which NaN makes it, else 0.
INLINE vec unless(mask not, vec v) { return (vec)(~not & (mask)v); }

static void set_affine(norm_run *r, long c, float mean, float inverse) {
	r->factor[c] = r->of->scale[c] * inverse;
	r->shift[c] = r->of->bias[c] - mean * r->factor[c];
}

INLINE vec norm_of(vec x, vec factor, vec shift) { return x * factor + shift; }

// moments writes the mean of an image's block of channels and the sum of the
// squares of what differs from it.
FUNCTION static void moments(void *run, size_t i) {
	norm_run *r = run;
	const float *x = r->of->x + (long)i * r->of->pixels * BLOCK;
	vec sums[4] = {0}, squares[4] = {0};
	long p = 0;
	for (; p + 4 <= r->of->pixels; p += 4)
		UNROLL for (int k = 0; k < 4; k++) sums[k] += load(x + (p + k) * BLOCK);
	for (; p < r->of->pixels; p++) sums[0] += load(x + p * BLOCK);
	vec mean = ((sums[0] + sums[1]) + (sums[2] + sums[3])) / (float)r->of->pixels;
	for (p = 0; p + 4 <= r->of->pixels; p += 4)
		UNROLL for (int k = 0; k < 4; k++) {
			vec d = load(x + (p + k) * BLOCK) - mean;
			squares[k] += d * d;
		}
	for (; p < r->of->pixels; p++) {
		vec d = load(x + p * BLOCK) - mean;
		squares[0] += d * d;
	}
	store(r->first + i * BLOCK, mean);
	store(r->second + i * BLOCK, (squares[0] + squares[1]) + (squares[2] + squares[3]));
}

FUNCTION static void normalise(void *run, size_t i) {
	norm_run *r = run;
	long blocks = r->of->channels / BLOCK, c = (long)i % blocks * BLOCK;
	const float *x = r->of->x + (long)i * r->of->pixels * BLOCK;
	float *y = r->of->y + (long)i * r->of->pixels * BLOCK;
	vec factor = load(r->factor + c), shift = load(r->shift + c);
	if (r->of->relu)
		for (long p = 0; p < r->of->pixels * BLOCK; p += BLOCK) {
			vec v = norm_of(load(x + p), factor, shift);
			store(y + p, unless(v <= 0, v));
		}
	else
		for (long p = 0; p < r->of->pixels * BLOCK; p += BLOCK)
			store(y + p, norm_of(load(x + p), factor, shift));
}

static void NAME(norm)(const normalisation *n, const pool *p, float *scratch) {
	norm_run r = norm_run_of(n, scratch);
	long blocks = n->images * n->channels / BLOCK;
	p->run(p, blocks, moments, &r);
	for (long c = 0; c < n->channels; c++) {
		double mean = 0, squares = 0;
		for (long i = 0; i < n->images; i++) mean += r.first[i * n->channels + c];
		mean /= n->images;
		for (long i = 0; i < n->images; i++) {
			double d = r.first[i * n->channels + c] - mean;
			squares += r.second[i * n->channels + c] + n->pixels * d * d;
		}
		n->mean[c] = mean;
		n->inverse[c] = 1 / sqrt(squares / ((double)n->images * n->pixels) + n->epsilon);
		set_affine(&r, c, n->mean[c], n->inverse[c]);
	}
	p->run(p, blocks, normalise, &r);
}

// gradient_of is dy where the ReLU, if there is one, let its operand through.
INLINE vec gradient_of(int relu, vec dy, vec x, vec factor, vec shift) {
	return relu ? unless(norm_of(x, factor, shift) <= 0, dy) : dy;
}

// dots writes the sum of the gradients g of an image's block of channels and
// that of g·(x − mean).
INLINE void dots_of(norm_run *r, long i, int relu) {
	long blocks = r->of->channels / BLOCK, c = i % blocks * BLOCK;
	const float *x = r->of->x + i * r->of->pixels * BLOCK, *dy = r->of->dy + i * r->of->pixels * BLOCK;
	vec factor = load(r->factor + c), shift = load(r->shift + c), mean = load(r->of->x_mean + c);
	vec sums[2] = {0}, dots[2] = {0};
	for (long p = 0; p < r->of->pixels; p++) {
		vec v = load(x + p * BLOCK), g = gradient_of(relu, load(dy + p * BLOCK), v, factor, shift);
		sums[p % 2] += g;
		dots[p % 2] += g * (v - mean);
	}
	store(r->first + i * BLOCK, sums[0] + sums[1]);
	store(r->second + i * BLOCK, dots[0] + dots[1]);
}

FUNCTION static void dots(void *run, size_t i) {
	norm_run *r = run;
	if (r->of->relu)
		dots_of(r, (long)i, 1);
	else
		dots_of(r, (long)i, 0);
}

INLINE void input_gradient_of(norm_run *r, long i, int relu) {
	long blocks = r->of->channels / BLOCK, c = i % blocks * BLOCK;
	const float *x = r->of->x + i * r->of->pixels * BLOCK, *dy = r->of->dy + i * r->of->pixels * BLOCK;
	float *dx = r->of->dx + i * r->of->pixels * BLOCK;
	vec factor = load(r->factor + c), shift = load(r->shift + c);
	vec along = load(r->along + c), less = load(r->less + c);
	for (long p = 0; p < r->of->pixels * BLOCK; p += BLOCK) {
		vec v = load(x + p), g = gradient_of(relu, load(dy + p), v, factor, shift);
		store(dx + p, factor * g + (along * v + less));
	}
}

FUNCTION static void input_gradient(void *run, size_t i) {
	norm_run *r = run;
	if (r->of->relu)
		input_gradient_of(r, (long)i, 1);
	else
		input_gradient_of(r, (long)i, 0);
}

// The gradients: for a channel of m elements, with a = scale·inverse,
//
//	dx = a·(g − Σ g/m − (x − mean)·inverse² · Σ g·(x − mean)/m)
static void NAME(norm_grad)(const normalisation *n, const pool *p, float *scratch) {
	norm_run r = norm_run_of(n, scratch);
	long blocks = n->images * n->channels / BLOCK;
	for (long c = 0; c < n->channels; c++) set_affine(&r, c, n->x_mean[c], n->x_inverse[c]);
	p->run(p, blocks, dots, &r);
	for (long c = 0; c < n->channels; c++) {
		double sum = 0, dot = 0, count = (double)n->images * n->pixels, inverse = n->x_inverse[c];
		for (long i = 0; i < n->images; i++) {
			sum += r.first[i * n->channels + c];
			dot += r.second[i * n->channels + c];
		}
		n->dbias[c] = sum;
		n->dscale[c] = dot * inverse;
		double along = -r.factor[c] * inverse * inverse * dot / count;
		r.along[c] = along;
		r.less[c] = -r.factor[c] * sum / count - along * n->x_mean[c];
	}
	p->run(p, blocks, input_gradient, &r);
}

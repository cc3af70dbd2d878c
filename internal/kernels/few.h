// Convolutions of images of fewer channels than a block, plain or bytes, such as
// the first of a network: directly, as the transforms of Winograd's algorithm would
// take as long for few channels as for a block.
//
// Images get a border of zeros, and some more on the right, so that no pixel is
// a special case.

enum { together = 8 }; // pixels of a row that are computed at a time

typedef struct {
	const convolution *of;
	long row, plane, image; // floats of a row, a channel and an image with border
	long share;             // images of a lane, for the gradient
	float *weights;         // [output block][input][9][block]
	float *sums;            // [lane], like weights
	float *bordered;        // [worker or lane][image]
	long next;
} few_run;

static few_run few_run_of(const convolution *c, long images, float *scratch) {
	few_run r = {.of = c, .row = round_up(c->width, together) + 2};
	r.plane = r.row * (c->height + 2);
	r.image = r.plane * c->inputs;
	r.weights = scratch;
	r.bordered = r.weights + 9 * c->inputs * c->outputs;
	r.sums = r.bordered + images * r.image;
	return r;
}

static size_t few_conv_scratch(const convolution *c, long workers) {
	few_run r = few_run_of(c, workers, NULL);
	return sizeof(float) * (9 * c->inputs * c->outputs + workers * r.image);
}

// add_border copies an image with its border, as floats.
static void add_border(const few_run *r, long image, float *to) {
	const convolution *c = r->of;
	memset(to, 0, sizeof(float) * (size_t)r->image);
	for (long i = 0; i < c->inputs; i++)
		for (long y = 0; y < c->height; y++) {
			float *row = to + i * r->plane + (y + 1) * r->row + 1;
			if (c->x != NULL) {
				memcpy(row, c->x + ((image * c->inputs + i) * c->height + y) * c->width, sizeof(float) * (size_t)c->width);
				continue;
			}
			const unsigned char *from = c->bytes + (image * c->height + y) * c->width * c->inputs + i;
			for (long x = 0; x < c->width; x++) row[x] = from[x * c->inputs] * c->scale;
		}
}

// few_pixels writes some pixels of a row of one block of outputs and adds them to
// the moments, which the first make.
INLINE void few_pixels(const few_run *r, const float *x, const float *w, vec bias, float *y, long pixels, int first, vec m[3]) {
	vec sums[together];
	UNROLL for (int p = 0; p < together; p++) sums[p] = bias;
	for (long i = 0; i < r->of->inputs; i++)
		UNROLL for (int k = 0; k < 9; k++) {
			vec weight = load(w + (i * 9 + k) * BLOCK);
			const float *from = x + i * r->plane + k / 3 * r->row + k % 3;
			UNROLL for (int p = 0; p < together; p++) sums[p] += from[p] * weight;
		}
	if (first)
		m[0] = sums[0];
	UNROLL for (int p = 0; p < together; p++)
		if (p < pixels) {
			stream(y + p * BLOCK, sums[p]);
			measure(sums[p], m);
		}
}

FUNCTION static void few_images(void *run, size_t worker) {
	few_run *r = run;
	const convolution *c = r->of;
	float *x = r->bordered + (long)worker * r->image;
	long blocks = c->outputs / BLOCK, image;
	while ((image = __atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED)) < c->images) {
		add_border(r, image, x);
		for (long b = 0; b < blocks; b++) {
			vec bias = c->bias ? load(c->bias + b * BLOCK) : (vec){0};
			float *y = c->y + (image * blocks + b) * c->height * c->width * BLOCK;
			vec m[3] = {0};
			for (long row = 0; row < c->height; row++) {
				vec of_row[3] = {m[0]};
				for (long p = 0; p < c->width; p += together)
					few_pixels(r, x + row * r->row + p, r->weights + b * BLOCK * 9 * c->inputs, bias,
					           y + (row * c->width + p) * BLOCK, c->width - p, row == 0 && p == 0, of_row);
				m[0] = of_row[0];
				add_moments(of_row, m);
			}
			if (c->moments != NULL)
				finish_moments(c->height * c->width, m, c->moments + image * 3 * c->outputs + b * BLOCK, c->outputs);
		}
	}
	streamed();
}

static void few_conv(const convolution *c, const pool *p, float *scratch) {
	few_run r = few_run_of(c, p->workers, scratch);
	long taps = 9 * c->inputs;
	for (long o = 0; o < c->outputs; o++)
		for (long k = 0; k < taps; k++)
			r.weights[(o / BLOCK * taps + k) * BLOCK + o % BLOCK] = c->weight[o * taps + k];
	p->run(p, p->workers, few_images, &r);
}

enum { few_lanes = 16 };

static size_t few_grad_scratch(const convolution *c, long workers) {
	(void)workers;
	few_run r = few_run_of(c, few_lanes, NULL);
	return sizeof(float) * ((1 + few_lanes) * 9 * c->inputs * c->outputs + few_lanes * r.image);
}

// few_sums adds what one image gives for one channel and one block of outputs.
INLINE void few_sums(const few_run *r, const float *x, const float *dy, float *to) {
	vec sums[9];
	UNROLL for (int k = 0; k < 9; k++) sums[k] = (vec){0};
	for (long row = 0; row < r->of->height; row++)
		for (long p = 0; p < r->of->width; p++) {
			vec d = load(dy + (row * r->of->width + p) * BLOCK);
			const float *from = x + row * r->row + p;
			UNROLL for (int k = 0; k < 9; k++) sums[k] += from[k / 3 * r->row + k % 3] * d;
		}
	UNROLL for (int k = 0; k < 9; k++) store(to + k * BLOCK, load(to + k * BLOCK) + sums[k]);
}

// few_lane sums over a share of the images, in their order.
FUNCTION static void few_lane(void *run, size_t lane) {
	few_run *r = run;
	const convolution *c = r->of;
	long taps = 9 * c->inputs, blocks = c->outputs / BLOCK;
	float *x = r->bordered + (long)lane * r->image, *sums = r->sums + (long)lane * taps * c->outputs;
	memset(sums, 0, sizeof(float) * (size_t)(taps * c->outputs));
	long first = (long)lane * r->share, end = first + r->share < c->images ? first + r->share : c->images;
	for (long image = first; image < end; image++) {
		add_border(r, image, x);
		for (long b = 0; b < blocks; b++)
			for (long i = 0; i < c->inputs; i++)
				few_sums(r, x + i * r->plane, c->dy + (image * blocks + b) * c->height * c->width * BLOCK,
				         sums + (b * taps + i * 9) * BLOCK);
	}
}

static void few_grad(const convolution *c, const pool *p, float *scratch) {
	few_run r = few_run_of(c, few_lanes, scratch);
	r.share = (c->images + few_lanes - 1) / few_lanes;
	p->run(p, few_lanes, few_lane, &r);
	long taps = 9 * c->inputs;
	for (long o = 0; o < c->outputs; o++)
		for (long k = 0; k < taps; k++) {
			const float *from = r.sums + (o / BLOCK * taps + k) * BLOCK + o % BLOCK;
			float sum = 0;
			for (long lane = 0; lane < few_lanes; lane++) sum += from[lane * taps * c->outputs];
			c->dweight[o * taps + k] = sum;
		}
}

//go:build ignore

// Compares the kernels for one size of blocks with reference.c:
//
//	kernels_test 4|8|16
//
// It prints each result that differs and exits with status 1 if any does.
// TestKernels compiles and runs it.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels.h"
#include "reference.h"
#include "testing.h"

static const threads many = {.parallel_for = run_parallel, .workers = 3};
static const threads one = {.parallel_for = run_parallel, .workers = 1};

// Convolutions.

typedef struct {
	long images, inputs, outputs, height, width;
	int bias, bytes, norm, relu;
	window window; // without a height, 3x3 with y as large as x
	long more;     // pixels that y has beyond what whole windows give, below and on the right
	int by_taps, depthwise;
} conv_case;

// set_window sets a convolution's window and the size of y.
static void set_window(convolution *c, const conv_case *k) {
	c->window = k->window.height > 0 ? k->window : (window){3, 3, 1, 1, 1};
	const window *w = &c->window;
	c->y_height = (k->height + 2 * w->top - w->height) / w->stride + 1 + k->more;
	c->y_width = (k->width + 2 * w->left - w->width) / w->stride + 1 + k->more;
	c->by_taps = k->by_taps, c->depthwise = k->depthwise;
}

static void run_conv(const convolution *c, const threads *t) {
	float *scratch = new_floats((long)(tested->conv_scratch(c, t->workers) / sizeof(float)));
	tested->conv(c, t, scratch);
	free(scratch);
}

static void run_weight_grad(const convolution *c, const threads *t) {
	float *scratch = new_floats((long)(tested->conv_weight_grad_scratch(c, t->workers) / sizeof(float)));
	tested->conv_weight_grad(c, t, scratch);
	free(scratch);
}

static void run_batchnorm(void (*kernel)(const batchnorm *, const threads *, float *), const batchnorm *b, const threads *t) {
	float *scratch = new_floats((long)(tested->batchnorm_scratch(b) / sizeof(float)));
	kernel(b, t, scratch);
	free(scratch);
}

// check_moments compares the statistics that follow from a convolution's moments with the
// statistics of the y that it wrote.
static void check_moments(const convolution *c, const float *moments) {
	const long chunks = tested->conv_chunks(c), pixels = c->y_height * c->y_width;
	double count = 0;
	for (long i = 0; i < chunks; i++) count += moments[i * 3 * c->outputs];
	float counted = count, want = c->images * pixels;
	compare("count of the moments", &counted, &want, 1);

	float *y = to_plain(c->y, c->images, c->outputs, pixels);
	batchnorm b = {.images = c->images, .channels = c->outputs, .height = c->y_height, .width = c->y_width, .pool = 1, .epsilon = 1e-3};
	batchnorm r = b;
	b.x = c->y, b.moments = moments, b.chunks = chunks;
	b.mean = new_floats(2 * c->outputs), b.variance = new_floats(c->outputs), b.inverse_deviation = new_floats(c->outputs);
	r.x = y;
	r.mean = new_floats(2 * c->outputs), r.variance = new_floats(c->outputs), r.inverse_deviation = new_floats(c->outputs);
	run_batchnorm(tested->batchnorm, &b, &many);
	moments_reference(&r);
	// A mean may be near 0, so its error is measured relative to the deviation, too.
	for (long o = 0; o < c->outputs; o++) b.mean[c->outputs + o] = r.mean[c->outputs + o] = sqrtf(r.variance[o]);
	compare("mean of the moments", b.mean, r.mean, 2 * c->outputs);
	if (want > 1)
		compare("variance of the moments", b.variance, r.variance, c->outputs);
	FREE(y, b.mean, b.variance, b.inverse_deviation, r.mean, r.variance, r.inverse_deviation);
}

// Kernels must give the same bits with many threads and with one. r is the same problem, with
// plain images, for the reference.

static void check_conv(convolution c, convolution r) {
	const long shape[] = {c.images, c.outputs, c.y_height * c.y_width}, n = shape[0] * shape[1] * shape[2];
	c.moments = new_floats(1); // the chunks are those of a convolution that measures them
	const long moments = tested->conv_chunks(&c) * 3 * c.outputs;
	free(c.moments), c.moments = NULL;
	convolution d = c, unmeasured = c;
	c.y = new_floats(n), d.y = new_floats(n), r.y = new_floats(n), unmeasured.y = new_floats(n);
	c.moments = new_floats(moments), d.moments = new_floats(moments);
	run_conv(&c, &many);
	run_conv(&d, &one);
	run_conv(&unmeasured, &many);
	conv_reference(&r);
	compare_images("y", c.y, r.y, shape);
	check_moments(&c, c.moments);
	compare_bits("y", c.y, d.y, n);
	compare_bits("moments", c.moments, d.moments, moments);
	compare_bits("y without moments", c.y, unmeasured.y, n);
	FREE(c.y, d.y, r.y, unmeasured.y, c.moments, d.moments);
}

static void check_weight_grad(convolution c, convolution r) {
	const long n = c.outputs * (c.depthwise ? 1 : c.inputs) * c.window.height * c.window.width;
	convolution d = c;
	c.dweight = new_floats(n), d.dweight = new_floats(n), r.dweight = new_floats(n);
	run_weight_grad(&c, &many);
	run_weight_grad(&d, &one);
	conv_weight_grad_reference(&r);
	compare("dweight", c.dweight, r.dweight, n);
	compare_bits("dweight", c.dweight, d.dweight, n);
	FREE(c.dweight, d.dweight, r.dweight);
}

// check_end adds another image to y and ends in a ReLU, and packs the weights beforehand.
static void check_end(convolution c, convolution r) {
	const long shape[] = {c.images, c.outputs, c.y_height * c.y_width}, n = shape[0] * shape[1] * shape[2];
	float *sum = random_floats(n, 0, 10), *blocked = to_blocked(sum, c.images, c.outputs, shape[2]);
	float *packed = new_floats((long)(tested->conv_packed(&c) / sizeof(float)));
	c.y = new_floats(n), r.y = new_floats(n);
	tested->conv_pack(&c, &many, packed);
	c.sum = blocked, c.y_relu = 1, c.y_ceiling = c.images % 2 ? 6 : 0, c.packed = packed;
	run_conv(&c, &many);
	conv_reference(&r);
	for (long i = 0; i < n; i++) {
		r.y[i] = r.y[i] + sum[i] > 0 ? r.y[i] + sum[i] : 0;
		if (c.y_ceiling > 0 && r.y[i] > c.y_ceiling)
			r.y[i] = c.y_ceiling;
	}
	compare_images("y with a sum and a ReLU", c.y, r.y, shape);
	FREE(sum, blocked, packed, c.y, r.y);
}

// check_input_grad runs the flipped convolution of dy.
static void check_input_grad(const convolution *c, const convolution *r) {
	const long n = c->images * c->inputs * c->height * c->width, shape[] = {c->images, c->inputs, c->height * c->width};
	convolution g = {.images = c->images, .inputs = c->outputs, .outputs = c->inputs, .height = c->y_height, .width = c->y_width};
	g.window = c->window, g.y_height = c->height, g.y_width = c->width, g.by_taps = c->by_taps, g.depthwise = c->depthwise;
	g.x = c->dy, g.weight = c->weight, g.flipped = 1, g.y = new_floats(n);
	float *dx = new_floats(n);
	run_conv(&g, &many);
	conv_input_grad_reference(r, dx);
	compare_images("dx", g.y, dx, shape);
	FREE(g.y, dx);
}

static void test_conv(conv_case k) {
	const window *w = &k.window;
	set_name("%ldx%ld, window %ldx%ld/%ld%s%s, %ld images, %ld to %ld channels%s%s%s%s", k.height, k.width, w->height, w->width,
	         w->stride, k.by_taps ? " by taps" : "", k.depthwise ? " depthwise" : "", k.images, k.inputs, k.outputs,
	         k.bias ? ", bias" : "", k.bytes ? ", bytes" : "", k.norm ? ", normalised" : "", k.relu ? " with ReLU" : "");
	convolution r = {.images = k.images, .inputs = k.inputs, .outputs = k.outputs, .height = k.height, .width = k.width};
	set_window(&r, &k);
	const long pixels = k.height * k.width, n = k.images * k.inputs * pixels, y_pixels = r.y_height * r.y_width;
	const int direct = k.inputs < tested->block;
	float *x = random_floats(n, 0.2, 1), *weight = random_floats(k.inputs * k.outputs * r.window.height * r.window.width, 0, 1);
	float *dy = random_floats(k.images * k.outputs * y_pixels, 0, 1), *bias = random_floats(k.outputs, 10, 3);
	float *blocked_x = direct ? NULL : to_blocked(x, k.images, k.inputs, pixels);
	float *blocked_dy = to_blocked(dy, k.images, k.outputs, y_pixels);
	float *scale = random_floats(k.inputs, 1, 1), *shift = random_floats(k.inputs, 0, 1);
	float *mean = random_floats(k.inputs, 0, 0.3), *inverse = random_floats(k.inputs, 2, 1);
	unsigned char *bytes = malloc((size_t)n);
	for (long i = 0; i < n; i++) bytes[i] = (unsigned char)(128 + 127 * uniform());

	r.weight = weight, r.bias = k.bias ? bias : NULL;
	if (k.bytes)
		r.bytes = bytes, r.byte_scale = 1 / 255.f;
	else
		r.x = x;
	if (k.norm)
		r.x_norm = (channel_norm){scale, shift, mean, inverse, k.relu, k.images % 2 ? 1.5f : 0};
	r.dy = dy;
	convolution c = r;
	c.dy = blocked_dy;
	if (!direct)
		c.x = blocked_x;
	check_conv(c, r);
	check_end(c, r);
	check_weight_grad(c, r);
	if (!direct)
		check_input_grad(&c, &r);
	free(bytes);
	FREE(x, weight, dy, bias, blocked_x, blocked_dy, scale, shift, mean, inverse);
}

// Sizes of images: smaller than a tile, whole tiles, not whole tiles, and wider than a strip
// of tiles or than a group of pixels.
static const long sizes[][2] = {{1, 1}, {1, 5}, {2, 3}, {4, 4}, {5, 7}, {8, 12}, {13, 11}, {6, 41}};

static void test_convs(void) {
	const long block = tested->block, inputs[] = {1, 3, block - 1, block, 2 * block, 3 * block};
	int option = 0;
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
		for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
			for (long outputs = block; outputs <= 3 * block; outputs += block, option++) {
				const int direct = inputs[i] < block, norm = !direct && option % 3 > 0;
				test_conv((conv_case){1 + option % 2, inputs[i], outputs, sizes[s][0], sizes[s][1],
				                      .bias = option % 2, .bytes = direct && option % 5 > 2, .norm = norm, .relu = norm && option % 3 > 1});
			}
	// One image whose outputs are cut into many groups.
	test_conv((conv_case){.images = 1, .inputs = 2 * block, .outputs = 17 * block, .height = 8, .width = 8, .bias = 1});
	// Several chunks, large ones and small ones, and direct gradients with several images in a split.
	test_conv((conv_case){.images = 70, .inputs = block, .outputs = block, .height = 3, .width = 7, .bias = 1});
	test_conv((conv_case){.images = 2, .inputs = 6 * block, .outputs = 5 * block, .height = 9, .width = 12, .norm = 1, .relu = 1});
	test_conv((conv_case){.images = 40, .inputs = 3, .outputs = block, .height = 5, .width = 6, .bytes = 1});
	// Gradients: a split sum, and sums of several shared chunks, with few channels and with many.
	test_conv((conv_case){.images = 770, .inputs = block, .outputs = block, .height = 3, .width = 5, .norm = 1});
	test_conv((conv_case){.images = 1001, .inputs = 3 * block, .outputs = 2 * block, .height = 1, .width = 2});
	test_conv((conv_case){.images = 260, .inputs = 17 * block, .outputs = block, .height = 2, .width = 1});
}

// test_windows tries all kinds of windows: some skip parts of the image, have more padding
// than image, or reach beyond it. Images have fewer pixels than a chunk, or fill several
// chunks.
static void test_windows(void) {
	const long block = tested->block;
	const window windows[] = {{3, 3, 2, 1, 1}, {1, 1, 1, 0, 0}, {1, 1, 2, 0, 0}, {7, 7, 2, 3, 3}, {5, 5, 1, 2, 2},
	                          {1, 7, 1, 0, 3}, {2, 2, 2, 0, 0}, {3, 3, 1, 0, 0}, {4, 2, 3, 1, 1}, {2, 11, 3, 1, 5}};
	const long inputs[] = {3, block, 3 * block};
	int option = 0;
	for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
		for (size_t j = 0; j < sizeof inputs / sizeof *inputs; j++)
			for (long outputs = block; outputs <= 3 * block; outputs += 2 * block, option++) {
				const int direct = inputs[j] < block, norm = !direct && option % 3 > 0;
				test_conv((conv_case){1 + option % 3, inputs[j], outputs, 7 + option % 5, 9 + option % 4, .bias = option % 2, .bytes = direct && option % 5 > 2,
				                      .norm = norm, .relu = norm && option % 3 > 1, .window = windows[i], .more = option % 2});
			}
	for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
		for (long images = 1; images <= 5; images += 2)
			test_conv((conv_case){images, 2 * block, 2 * block, 9, 8, .bias = 1, .norm = images > 1, .relu = images > 3, .window = windows[i], .depthwise = 1});
	test_conv((conv_case){2, block, block, 6, 7, .norm = 1, .relu = 1, .depthwise = 1});
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
		test_conv((conv_case){3, 2 * block, 3 * block, sizes[s][0], sizes[s][1], .norm = 1, .relu = 1, .by_taps = 1});
	test_conv((conv_case){.images = 40, .inputs = 2 * block, .outputs = block, .height = 11, .width = 13, .bias = 1, .window = {3, 3, 2, 1, 1}});
	test_conv((conv_case){.images = 40, .inputs = 5 * block, .outputs = 9 * block, .height = 2, .width = 2, .by_taps = 1});
	test_conv((conv_case){.images = 40, .inputs = block, .outputs = 2 * block, .height = 8, .width = 9, .norm = 1, .window = {1, 1, 1, 0, 0}});
}

// Products of matrices, which are convolutions of rows of channels. For the reference, the
// rows are images of one pixel.

static void test_rows(long rows, long inputs, long outputs) {
	set_name("%ld rows of %ld to %ld channels", rows, inputs, outputs);
	convolution c = {.images = rows, .inputs = inputs, .outputs = outputs, .height = 1, .width = 1, .y_height = 1, .y_width = 1};
	c.window = (window){1, 1, 1, 0, 0};
	float *x = random_floats(rows * inputs, 0, 1), *weight = random_floats(inputs * outputs, 0, 1);
	float *dy = random_floats(rows * outputs, 0, 1), *bias = random_floats(outputs, 0, 1);
	c.x = x, c.weight = weight, c.bias = bias, c.dy = dy;
	convolution r = c;
	r.y = new_floats(rows * outputs), r.dweight = new_floats(inputs * outputs);
	conv_reference(&r);
	conv_weight_grad_reference(&r);
	float *dx = new_floats(rows * inputs);
	conv_input_grad_reference(&r, dx);

	c.images = 1, c.height = c.y_height = rows, c.rows = 1;
	convolution g = c;
	c.y = new_floats(rows * outputs), c.dweight = new_floats(inputs * outputs);
	convolution d = c;
	d.y = new_floats(rows * outputs), d.dweight = new_floats(inputs * outputs);
	run_conv(&c, &many);
	run_weight_grad(&c, &many);
	run_conv(&d, &one);
	run_weight_grad(&d, &one);
	compare_bits("y", c.y, d.y, rows * outputs);
	compare_bits("dweight", c.dweight, d.dweight, inputs * outputs);
	FREE(d.y, d.dweight);
	g.inputs = outputs, g.outputs = inputs, g.x = dy, g.bias = NULL, g.flipped = 1, g.y = new_floats(rows * inputs);
	run_conv(&g, &many);
	compare("y", c.y, r.y, rows * outputs);
	compare("dweight", c.dweight, r.dweight, inputs * outputs);
	compare("dx", g.y, dx, rows * inputs);
	FREE(x, weight, dy, bias, r.y, r.dweight, dx, c.y, c.dweight, g.y);
}

// Max pools.

static void test_maxpool(long height, long width, const window *w, long more) {
	const long images = 3, channels = 2 * tested->block, pixels = height * width;
	maxpool r = {.images = images, .channels = channels, .height = height, .width = width, .window = *w};
	r.y_height = (height + 2 * w->top - w->height) / w->stride + 1 + more;
	r.y_width = (width + 2 * w->left - w->width) / w->stride + 1 + more;
	set_name("max pool of %ldx%ld, window %ldx%ld/%ld", height, width, w->height, w->width, w->stride);
	const long y_pixels = r.y_height * r.y_width;
	float *x = random_floats(images * channels * pixels, 0, 1), *dy = random_floats(images * channels * y_pixels, 0, 1);
	for (long i = 0; i < images * channels * pixels; i++) x[i] = x[i] < 0 ? 0 : x[i]; // many are equal
	float *blocked_x = to_blocked(x, images, channels, pixels), *blocked_dy = to_blocked(dy, images, channels, y_pixels);
	maxpool p = r;
	r.x = x, r.dy = dy, r.y = new_floats(images * channels * y_pixels), r.dx = new_floats(images * channels * pixels);
	p.x = blocked_x, p.dy = blocked_dy, p.y = new_floats(images * channels * y_pixels), p.dx = new_floats(images * channels * pixels);
	maxpool_reference(&r);
	maxpool_grad_reference(&r);
	tested->maxpool(&p, &many);
	tested->maxpool_grad(&p, &many);
	compare_images("y", p.y, r.y, (const long[]){images, channels, y_pixels});
	compare_images("dx", p.dx, r.dx, (const long[]){images, channels, pixels});
	FREE(x, dy, blocked_x, blocked_dy, r.y, r.dx, p.y, p.dx);
}

// test_maxpool_nan puts a NaN into one pixel: it is the largest of the windows that have it.
static void test_maxpool_nan(void) {
	enum { HEIGHT = 5, WIDTH = 13, PIXELS = HEIGHT * WIDTH };
	const long at_row = 2, at_column = 6, block = tested->block;
	set_name("max pool of a NaN");
	float *x = random_floats(block * PIXELS, 0, 1), *y = new_floats(block * PIXELS);
	float got[PIXELS], want[PIXELS];
	for (long b = 0; b < block; b++) x[(at_row * WIDTH + at_column) * block + b] = NAN;
	const maxpool p = {
		.images = 1, .channels = block, .height = HEIGHT, .width = WIDTH, .y_height = HEIGHT, .y_width = WIDTH,
		.window = {3, 3, 1, 1, 1}, .x = x, .y = y,
	};
	tested->maxpool(&p, &many);
	for (long i = 0; i < PIXELS; i++) {
		got[i] = isnan(y[i * block]) && isnan(y[i * block + block - 1]);
		want[i] = labs(i / WIDTH - at_row) <= 1 && labs(i % WIDTH - at_column) <= 1;
	}
	compare_bits("NaN", got, want, PIXELS);
	FREE(x, y);
}

static void test_maxpools(void) {
	test_maxpool_nan();
	const window windows[] = {{3, 3, 2, 1, 1}, {2, 2, 2, 0, 0}, {3, 3, 1, 1, 1}, {3, 3, 2, 0, 0}, {2, 3, 1, 0, 1}};
	for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
		test_maxpool(8, 11, &windows[i], 0);
		test_maxpool(5, 7, &windows[i], windows[i].stride > 1 && windows[i].top == 0);
	}
}

// Batch normalisation.

typedef struct {
	long images, channels, height, width, pool;
	int relu;
	double mean;
} batchnorm_case;

static batchnorm with_results(batchnorm b) {
	const long n = b.images * b.channels * b.height * b.width;
	b.y = new_floats(n / (b.pool * b.pool)), b.dx = new_floats(n);
	b.mean = new_floats(b.channels), b.variance = new_floats(b.channels), b.inverse_deviation = new_floats(b.channels);
	b.dscale = new_floats(b.channels), b.dbias = new_floats(b.channels);
	return b;
}

static void free_results(const batchnorm *b) { FREE(b->y, b->dx, b->mean, b->variance, b->inverse_deviation, b->dscale, b->dbias); }

// run_both runs the normalisation and its gradient with the statistics of r.
static void run_both(batchnorm *b, const batchnorm *r, const threads *t) {
	run_batchnorm(tested->batchnorm, b, t);
	b->norm.mean = r->mean;
	b->norm.inverse_deviation = r->inverse_deviation;
	run_batchnorm(tested->batchnorm_grad, b, t);
}

static void compare_batchnorm(const batchnorm *b, const batchnorm *r) {
	const long pixels = b->height * b->width, channels = b->channels;
	compare("mean", b->mean, r->mean, channels);
	compare("variance", b->variance, r->variance, channels);
	compare("inverse deviation", b->inverse_deviation, r->inverse_deviation, channels);
	compare_images("y", b->y, r->y, (const long[]){b->images, channels, pixels / (b->pool * b->pool)});
	compare_images("dx", b->dx, r->dx, (const long[]){b->images, channels, pixels});
	compare("dscale", b->dscale, r->dscale, channels);
	compare("dbias", b->dbias, r->dbias, channels);
}

static void test_batchnorm(batchnorm_case k) {
	set_name("batchnorm of %ldx%ld, %ld images, %ld channels, pool %ld%s, mean %g", k.height, k.width, k.images, k.channels, k.pool,
	         k.relu ? ", ReLU" : "", k.mean);
	const long pixels = k.height * k.width, pooled = pixels / (k.pool * k.pool);
	float *x = random_floats(k.images * k.channels * pixels, k.mean, 1), *dy = random_floats(k.images * k.channels * pooled, 0.1, 1);
	float *blocked_x = to_blocked(x, k.images, k.channels, pixels), *blocked_dy = to_blocked(dy, k.images, k.channels, pooled);
	float *scale = random_floats(k.channels, 1, 1), *bias = random_floats(k.channels, 0, 1);
	batchnorm all = {.images = k.images, .channels = k.channels, .height = k.height, .width = k.width, .pool = k.pool, .epsilon = 1e-3};
	all.norm = (channel_norm){.scale = scale, .bias = bias, .relu = k.relu, .ceiling = k.pool % 2 ? 0.7f : 0};
	all.dy_scale = 0.5f / (k.pool * k.pool);
	batchnorm b = with_results(all), d = with_results(all), r = with_results(all);
	b.x = d.x = blocked_x, b.dy = d.dy = blocked_dy;
	r.x = x, r.dy = dy;

	batchnorm_reference(&r);
	r.norm.mean = r.mean, r.norm.inverse_deviation = r.inverse_deviation;
	batchnorm_grad_reference(&r);
	run_both(&b, &r, &many);
	run_both(&d, &r, &one);
	compare_batchnorm(&b, &r);
	compare_bits("y", b.y, d.y, k.images * k.channels * pooled);
	compare_bits("dx", b.dx, d.dx, k.images * k.channels * pixels);
	free_results(&b), free_results(&d), free_results(&r);
	FREE(x, dy, blocked_x, blocked_dy, scale, bias);
}

static void test_batchnorms(void) {
	const long block = tested->block;
	for (long pool = 1; pool <= 4; pool++)
		for (int relu = 0; relu < 2; relu++)
			for (double mean = 1; mean <= 10; mean += 9)
				test_batchnorm((batchnorm_case){7, pool * block, 5 * pool, 3 * pool, pool, relu, mean});
	test_batchnorm((batchnorm_case){.images = 9, .channels = block, .height = 1, .width = 1, .pool = 1, .relu = 1, .mean = 1});
	// This one is so large that dx is streamed. It has no ReLU: among so many pixels, some
	// are so near to 0 that rounding decides whether ReLU passes them.
	test_batchnorm((batchnorm_case){.images = 33, .channels = 64, .height = 32, .width = 64, .pool = 2, .mean = 1});
}

// Reorders.

static void test_reorder(long images, long channels, long pixels) {
	set_name("reorder of %ld images, %ld channels, %ld pixels", images, channels, pixels);
	const long block = tested->block, filled = (channels + block - 1) / block * block;
	const long n = images * channels * pixels, more = images * filled * pixels;
	float *plain = random_floats(n, 0, 1), *full = new_floats(more);
	float *got = new_floats(more), *last = new_floats(n);
	for (long i = 0; i < n; i++) {
		const long image = i / (channels * pixels), channel = i / pixels % channels, pixel = i % pixels;
		last[(image * pixels + pixel) * channels + channel] = plain[i];
		full[(image * filled + channel) * pixels + pixel] = plain[i];
	}
	for (long i = 0; i < more; i++)
		if (i / pixels % filled >= channels)
			full[i] = 0;
	float *blocked = to_blocked(full, images, filled, pixels);
	reorder r = {.images = images, .channels = channels, .pixels = pixels, .kind = PLAIN_TO_BLOCKED, .x = plain, .y = got};
	tested->reorder(&r, &many);
	compare("blocked", got, blocked, more);
	r.kind = BLOCKED_TO_PLAIN, r.x = blocked;
	tested->reorder(&r, &many);
	compare("plain", got, plain, n);
	r.kind = BLOCKED_TO_LAST;
	tested->reorder(&r, &many);
	compare("channels last", got, last, n);
	FREE(plain, full, blocked, got, last);
}

static void test_reorders(void) {
	const long block = tested->block;
	test_reorder(1, block, 1);
	test_reorder(3, 2 * block, 7 * 5);
	test_reorder(2, 5 * block, 300);
	test_reorder(3, block + 1, 7 * 5);
	test_reorder(2, 2 * block - 1, 70);
	test_reorder(2, block - 1, 1);
}

// Layer normalisation.

static layernorm with_row_results(layernorm l) {
	const long n = l.rows * l.channels;
	l.y = new_floats(n), l.dx = new_floats(n);
	l.mean = new_floats(l.rows), l.inverse_deviation = new_floats(l.rows);
	l.dscale = new_floats(l.channels), l.dbias = new_floats(l.channels);
	return l;
}

static void run_layernorm(layernorm *l, const threads *t) {
	tested->layernorm(l, t);
	float *scratch = new_floats((long)(tested->layernorm_grad_scratch(l) / sizeof(float)));
	tested->layernorm_grad(l, t, scratch);
	free(scratch);
}

static void test_layernorm(long rows, long channels, double mean, int bias) {
	set_name("layernorm of %ld rows of %ld channels, mean %g%s", rows, channels, mean, bias ? ", bias" : "");
	const long n = rows * channels;
	float *x = random_floats(n, mean, 1), *dy = random_floats(n, 0.1, 1);
	float *scale = random_floats(channels, 1, 1), *shift = random_floats(channels, 0, 1);
	const layernorm all = {.rows = rows, .channels = channels, .scale = scale, .x = x, .dy = dy, .bias = bias ? shift : NULL, .epsilon = 1e-5};
	layernorm l = with_row_results(all), d = with_row_results(all), r = with_row_results(all), y_alone = all;
	run_layernorm(&l, &many);
	run_layernorm(&d, &one);
	layernorm_reference(&r);
	layernorm_grad_reference(&r);
	compare("y", l.y, r.y, n);
	compare("mean", l.mean, r.mean, rows);
	compare("inverse deviation", l.inverse_deviation, r.inverse_deviation, rows);
	compare("dx", l.dx, r.dx, n);
	compare("dscale", l.dscale, r.dscale, channels);
	compare("dbias", l.dbias, r.dbias, channels);
	compare_bits("y", l.y, d.y, n);
	compare_bits("mean", l.mean, d.mean, rows);
	compare_bits("inverse deviation", l.inverse_deviation, d.inverse_deviation, rows);
	compare_bits("dx", l.dx, d.dx, n);
	compare_bits("dscale", l.dscale, d.dscale, channels);
	compare_bits("dbias", l.dbias, d.dbias, channels);
	y_alone.y = new_floats(n);
	tested->layernorm(&y_alone, &many);
	compare_bits("y alone", y_alone.y, l.y, n);
	FREE(x, dy, scale, shift, y_alone.y);
	layernorm made[] = {l, d, r};
	for (int i = 0; i < 3; i++)
		FREE(made[i].y, made[i].dx, made[i].mean, made[i].inverse_deviation, made[i].dscale, made[i].dbias);
}

static void test_layernorms(void) {
	const long block = tested->block;
	test_layernorm(1, block, 1, 1);
	test_layernorm(5, 3 * block, 1, 0);
	test_layernorm(64, 2 * block, 10, 1);
	test_layernorm(131, 12 * block, -3, 1); // chunks of three rows, and a last one of two
}

// The gradient of GELU.

static void test_gelu_grad(long n, double mean, double range) {
	set_name("gradient of GELU, %ld elements, %g ± %g", n, mean, range);
	float *x = random_floats(n, mean, range), *dy = random_floats(n, 1, 1);
	gelu g = {.n = n, .dy = dy, .x = x, .dx = new_floats(n)}, d = g, r = g;
	d.dx = new_floats(n), r.dx = new_floats(n);
	tested->gelu_grad(&g, &many);
	tested->gelu_grad(&d, &one);
	gelu_grad_reference(&r);
	compare("dx", g.dx, r.dx, n);
	compare_bits("dx", g.dx, d.dx, n);
	FREE(x, dy, g.dx, d.dx, r.dx);
}

static void test_gelu_grads(void) {
	test_gelu_grad(1, -1, 0.2);
	test_gelu_grad(3 * tested->block + 1, 0, 2);
	test_gelu_grad(30000, 0, 3);
	test_gelu_grad(1000, 0, 20);
	// Where the gradient is small, its own size counts.
	test_gelu_grad(1000, -4, 1);
	test_gelu_grad(1000, -7, 2);
	test_gelu_grad(1000, -11, 2);
	set_name("gradient of GELU at the ends");
	float x[] = {INFINITY, -INFINITY, 1e30f, -1e30f, 0, NAN}, dy[] = {2, 2, 2, 2, 2, 2}, dx[6];
	const float want[] = {2, 0, 2, 0, 1};
	tested->gelu_grad(&(gelu){.n = 6, .dy = dy, .x = x, .dx = dx}, &many);
	compare("dx", dx, want, 5);
	comparisons++;
	if (dx[5] == dx[5]) {
		failures++;
		printf("the gradient at NaN is %g\n", dx[5]);
	}
}

int main(int argc, char **argv) {
	const long block = argc == 2 ? atol(argv[1]) : 0;
	tested = kernels_for(block);
	if (tested == NULL) {
		fprintf(stderr, "usage: kernels_test 4|8|16, of which this processor's have kernels\n");
		return 2;
	}
	test_convs();
	test_windows();
	test_rows(1, tested->block, tested->block);
	test_rows(7, 3 * tested->block, 2 * tested->block);
	test_rows(1201, 2 * tested->block, 11 * tested->block);
	test_maxpools();
	test_batchnorms();
	test_reorders();
	test_layernorms();
	test_gelu_grads();
	printf("%d comparisons, %d failures\n", comparisons, failures);
	return failures > 0;
}

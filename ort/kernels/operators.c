//go:build (amd64 || arm64) && !windows

#include "operators.h"

#include <stdlib.h>

#include "filled.h"

// A model may give an operator inputs of any shape. The operators refuse the shapes that
// the kernels were not made for, because a kernel trusts the sizes that it is given.

static OrtStatus *require(const call *c, int fits) {
	return fits ? NULL : onnxlab_error(c->run->api, "onnxlab: the inputs do not have the shapes of this operator");
}

static int is_vector(const tensor *t, int64_t size) { return t->rank == 1 && t->shape[0] == size; }

// elements is how many elements a tensor has, −1 for more dimensions than there may be.
static int64_t elements(const tensor *t) {
	int64_t n = t->rank <= MAX_RANK ? 1 : -1;
	for (size_t k = 0; k < t->rank && n >= 0; k++) n *= t->shape[k];
	return n;
}

static int same_shape(const tensor *a, const tensor *b) {
	if (a->rank != b->rank || a->rank > MAX_RANK)
		return 0;
	for (size_t k = 0; k < a->rank; k++)
		if (a->shape[k] != b->shape[k])
			return 0;
	return 1;
}

static int has_pixels(const tensor *t) {
	return t->rank == 4 && t->shape[1] > 0 && t->shape[2] > 0 && t->shape[3] > 0;
}

static int is_blocked(const call *c, const tensor *t) {
	return t->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT && has_pixels(t) && t->shape[1] % c->attributes->block == 0;
}

static int is_pooled(const call *c, const int64_t *x) {
	return x[2] % c->attributes->pool == 0 && x[3] % c->attributes->pool == 0;
}

// read_images sets a convolution's x and its sizes: blocked images, or plain ones or
// bytes with fewer channels than a block.
static int read_images(const call *c, const tensor *x, convolution *conv) {
	const int64_t *shape = x->shape, block = c->attributes->block;
	if (!has_pixels(x))
		return 0;
	conv->images = shape[0];
	if (x->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8) {
		conv->height = shape[1], conv->width = shape[2], conv->inputs = shape[3];
		conv->bytes = x->data, conv->byte_scale = c->attributes->scale;
		return conv->inputs < block;
	}
	conv->inputs = shape[1], conv->height = shape[2], conv->width = shape[3];
	conv->x = x->data;
	return x->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT && (conv->inputs < block || conv->inputs % block == 0);
}

// read_norm reads how an image's channels are normalised. Its four inputs are scale,
// bias, mean and inverse deviation.
static int read_norm(const call *c, const tensor in[4], int64_t channels, channel_norm *norm) {
	*norm = (channel_norm){
		.scale = in[0].data,
		.bias = in[1].data,
		.mean = in[2].data,
		.inverse_deviation = in[3].data,
		.relu = (int)c->attributes->relu,
		.ceiling = c->attributes->ceiling,
	};
	for (int i = 0; i < 4; i++)
		if (!is_vector(&in[i], channels))
			return 0;
	return 1;
}

// read_x_norm reads the same four inputs for a convolution's x, which must then be
// blocked. All four may be left out.
static int read_x_norm(const call *c, const tensor in[4], const tensor *x, channel_norm *norm) {
	return in[0].data == NULL || (is_blocked(c, x) && read_norm(c, in, x->shape[1], norm));
}

// read_window sets a window and the size of its results on images of this size.
static int read_window(const attributes *a, const int64_t size[2], window *w, long y_size[2]) {
	if (a->height == 0) {
		*w = (window){.height = 3, .width = 3, .stride = 1, .top = 1, .left = 1};
		y_size[0] = size[0], y_size[1] = size[1];
		return 1;
	}
	*w = (window){.height = a->height, .width = a->width, .stride = a->stride, .top = a->top, .left = a->left};
	y_size[0] = a->y_height, y_size[1] = a->y_width;
	return w->height > 0 && w->width > 0 && w->stride > 0 && y_size[0] > 0 && y_size[1] > 0 &&
	       w->top >= 0 && w->top < w->height && w->left >= 0 && w->left < w->width;
}

// reaches tells whether each position of a window covers some part of an image of this size.
static int reaches(const window *w, const int64_t size[2], const long y_size[2]) {
	return (y_size[0] - 1) * w->stride - w->top < size[0] && (y_size[1] - 1) * w->stride - w->left < size[1];
}

// few_tiles tells whether a convolution has so few tiles of 4x4 results that reading the weights
// takes most of the time. Winograd's algorithm reads four times as many.
static int few_tiles(const convolution *c) {
	const long least = 4, tiles = c->images * ((c->y_height + 3) / 4) * ((c->y_width + 3) / 4);
	return tiles < least || c->y_height * c->y_width <= 4;
}

// read_conv_window sets a convolution's window and the size of y.
static int read_conv_window(const call *c, convolution *conv) {
	const int64_t size[] = {conv->height, conv->width};
	long y_size[2];
	if (!read_window(c->attributes, size, &conv->window, y_size))
		return 0;
	conv->y_height = y_size[0], conv->y_width = y_size[1];
	conv->by_taps = c->attributes->by_taps == 1 || (c->attributes->by_taps == 2 && few_tiles(conv));
	return 1;
}

// read_weight sets the weight and its outputs: [outputs, inputs, height, width], or flipped
// [inputs, outputs, height, width].
static int read_weight(const call *c, const tensor *weight, convolution *conv) {
	const int flipped = c->attributes->flipped != 0;
	const int64_t *shape = weight->shape, inputs = shape[!flipped], outputs = shape[flipped];
	conv->flipped = flipped;
	conv->weight = weight->data;
	conv->outputs = outputs;
	if (c->attributes->depthwise) {
		conv->depthwise = 1;
		conv->outputs = conv->inputs;
		return weight->rank == 4 && shape[0] == conv->inputs && shape[1] == 1 && shape[2] == conv->window.height &&
		       shape[3] == conv->window.width && conv->inputs % c->attributes->block == 0;
	}
	return weight->rank == 4 && shape[2] == conv->window.height && shape[3] == conv->window.width && inputs == conv->inputs &&
	       outputs > 0 && outputs % c->attributes->block == 0;
}

// has_shape_of_y tells whether an image is as large as a convolution's result.
static int has_shape_of_y(const call *c, const tensor *t, const convolution *conv) {
	return is_blocked(c, t) && t->shape[0] == conv->images && t->shape[1] == conv->outputs && t->shape[2] == conv->y_height &&
	       t->shape[3] == conv->y_width;
}

// kept_weight is where a node keeps the packed weight of a convolution.
static float **kept_weight(const call *c, const convolution *conv) { return &c->packed->weights[conv->by_taps]; }

// fill_weight fills up the channels of a weight. The convolution's images and window must have
// been read. If the node has packed the weight already, only the shape is rounded up.
static OrtStatus *fill_weight(const call *c, const convolution *conv, tensor *weight) {
	const size_t dimensions = c->attributes->depthwise || conv->inputs < c->attributes->block ? 1 : 2;
	if (!c->attributes->constant || __atomic_load_n(kept_weight(c, conv), __ATOMIC_ACQUIRE) == NULL)
		return onnxlab_fill(c, weight, dimensions);
	onnxlab_fill_shape(c, weight, dimensions);
	return NULL;
}

// fill_vectors fills up the channels of n inputs.
static OrtStatus *fill_vectors(const call *c, tensor *in, int n) {
	for (int i = 0; i < n; i++) TRY(onnxlab_fill(c, &in[i], 1));
	return NULL;
}

// keep_packed handles weights that never change: the node packs them in its first run and keeps
// the result for later runs. Several runs may be the first at the same time.
static OrtStatus *keep_packed(const call *c, convolution *conv) {
	if (!c->attributes->constant)
		return NULL;
	float **kept = kept_weight(c, conv);
	float *packed = __atomic_load_n(kept, __ATOMIC_ACQUIRE), *none = NULL;
	if (packed == NULL) {
		const size_t bytes = (c->kernels->conv_packed(conv) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
		packed = aligned_alloc(ALIGNMENT, bytes);
		if (packed == NULL)
			return onnxlab_error(c->run->api, "onnxlab: out of memory");
		c->kernels->conv_pack(conv, c->threads, packed);
		if (!__atomic_compare_exchange_n(kept, &none, packed, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			free(packed);
			packed = none; // another run was faster
		}
	}
	conv->packed = packed;
	return NULL;
}

// convolve runs the kernel of a convolution whose tensors are set.
static OrtStatus *convolve(const call *c, const convolution *conv) {
	TRY(onnxlab_new_scratch(c->run, c->kernels->conv_scratch(conv, c->threads->workers), c->scratch));
	c->kernels->conv(conv, c->threads, c->scratch->data);
	return NULL;
}

// take_weight_grad runs the kernel of the gradient with respect to a convolution's weight.
static OrtStatus *take_weight_grad(const call *c, const convolution *conv) {
	TRY(onnxlab_new_scratch(c->run, c->kernels->conv_weight_grad_scratch(conv, c->threads->workers), c->scratch));
	c->kernels->conv_weight_grad(conv, c->threads, c->scratch->data);
	return NULL;
}

// normalise runs the kernel of a normalisation or that of its gradient.
static OrtStatus *normalise(const call *c, const batchnorm *b, void (*kernel)(const batchnorm *, const threads *, float *)) {
	TRY(onnxlab_new_scratch(c->run, c->kernels->batchnorm_scratch(b), c->scratch));
	kernel(b, c->threads, c->scratch->data);
	return NULL;
}

OrtStatus *onnxlab_run_conv(const call *c) {
	tensor *x = &c->in[0], *weight = &c->in[1], *bias = &c->in[2], *x_norm = &c->in[3], *sum = &c->in[7];
	TRY(fill_vectors(c, bias, 1));
	TRY(fill_vectors(c, x_norm, 4));
	convolution conv = {.bias = bias->data, .sum = sum->data, .y_relu = c->attributes->y_relu != 0, .y_ceiling = c->attributes->y_ceiling};
	TRY(require(c, read_images(c, x, &conv) && read_conv_window(c, &conv)));
	TRY(fill_weight(c, &conv, weight));
	TRY(require(c, read_weight(c, weight, &conv) &&
	                   ((!conv.flipped && !conv.depthwise) || is_blocked(c, x)) &&
	                   (bias->data == NULL || is_vector(bias, conv.outputs)) &&
	                   read_x_norm(c, x_norm, x, &conv.x_norm) &&
	                   (sum->data == NULL || has_shape_of_y(c, sum, &conv))));
	TRY(keep_packed(c, &conv));
	const int64_t y_shape[] = {conv.images, conv.outputs, conv.y_height, conv.y_width};
	TRY(onnxlab_new_image(c->run, y_shape, 4, &conv.y));
	// The chunks are those of a convolution that measures its moments.
	convolution measured = conv;
	measured.moments = conv.y;
	const int64_t moments_shape[] = {c->kernels->conv_chunks(&measured), 3, conv.outputs};
	TRY(onnxlab_new_output(c->run, 1, moments_shape, 3, &conv.moments));
	TRY(require(c, conv.moments == NULL || (conv.sum == NULL && !conv.y_relu)));
	return convolve(c, &conv);
}

OrtStatus *onnxlab_run_conv_weight_grad(const call *c) {
	tensor *x = &c->in[0], *dy = &c->in[1], *x_norm = &c->in[2];
	TRY(fill_vectors(c, x_norm, 4));
	convolution conv = {.outputs = dy->shape[1], .dy = dy->data};
	TRY(require(c, read_images(c, x, &conv) && read_conv_window(c, &conv) && conv.images > 0 && is_blocked(c, dy) &&
	                   dy->shape[0] == conv.images && dy->shape[2] == conv.y_height && dy->shape[3] == conv.y_width &&
	                   read_x_norm(c, x_norm, x, &conv.x_norm)));
	conv.depthwise = c->attributes->depthwise != 0;
	TRY(require(c, !conv.depthwise || (conv.inputs == conv.outputs && is_blocked(c, x))));
	const int64_t outputs = c->attributes->outputs > 0 ? c->attributes->outputs : conv.outputs;
	const int64_t inputs = conv.depthwise ? 1 : c->attributes->inputs > 0 ? c->attributes->inputs : conv.inputs;
	const int plain = conv.inputs < c->attributes->block; // x has no channels that fill up a block
	TRY(require(c, onnxlab_filled(c, outputs) == conv.outputs &&
	                   (conv.depthwise || (plain ? inputs : onnxlab_filled(c, inputs)) == conv.inputs)));
	const int64_t weight_shape[] = {outputs, inputs, conv.window.height, conv.window.width};
	TRY(onnxlab_new_filled(c, 0, weight_shape, 4, conv.depthwise || plain ? 1 : 2, &conv.dweight));
	return take_weight_grad(c, &conv);
}

OrtStatus *onnxlab_run_batchnorm(const call *c) {
	tensor *x = &c->in[0], *scale = &c->in[1], *bias = &c->in[2], *moments = &c->in[3];
	const int64_t *shape = x->shape, channels = shape[1], pool = c->attributes->pool, true_channels = scale->shape[0];
	TRY(fill_vectors(c, scale, 2));
	TRY(require(c, is_blocked(c, x) && shape[0] > 0 && is_pooled(c, shape) &&
	                   is_vector(scale, channels) && is_vector(bias, channels) &&
	                   (moments->data == NULL ||
	                    (moments->rank == 3 && moments->shape[1] == 3 && moments->shape[2] == channels))));
	batchnorm b = {
		.images = shape[0],
		.channels = channels,
		.height = shape[2],
		.width = shape[3],
		.pool = pool,
		.norm = {.scale = scale->data, .bias = bias->data, .relu = (int)c->attributes->relu, .ceiling = c->attributes->ceiling},
		.x = x->data,
		.epsilon = c->attributes->epsilon,
		.moments = moments->data,
		.chunks = moments->shape[0],
	};
	const int64_t y_shape[] = {shape[0], channels, shape[2] / pool, shape[3] / pool};
	TRY(onnxlab_new_image(c->run, y_shape, 4, &b.y));
	TRY(onnxlab_new_filled(c, 1, &true_channels, 1, 1, &b.mean));
	TRY(onnxlab_new_filled(c, 2, &true_channels, 1, 1, &b.inverse_deviation));
	TRY(onnxlab_new_filled(c, 3, &true_channels, 1, 1, &b.variance));
	return normalise(c, &b, c->kernels->batchnorm);
}

OrtStatus *onnxlab_run_batchnorm_grad(const call *c) {
	tensor *dy = &c->in[0], *x = &c->in[1], *norm = &c->in[2];
	const int64_t *shape = x->shape, channels = shape[1], pool = c->attributes->pool, true_channels = norm->shape[0];
	TRY(fill_vectors(c, norm, 4));
	batchnorm b = {
		.images = shape[0],
		.channels = channels,
		.height = shape[2],
		.width = shape[3],
		.pool = pool,
		.x = x->data,
		.dy = dy->data,
		.dy_scale = 1 / (float)(pool * pool),
	};
	TRY(require(c, is_blocked(c, dy) && is_blocked(c, x) && shape[0] > 0 && is_pooled(c, shape) &&
	                   dy->shape[0] == shape[0] && dy->shape[1] == channels &&
	                   dy->shape[2] == shape[2] / pool && dy->shape[3] == shape[3] / pool &&
	                   read_norm(c, norm, channels, &b.norm)));
	TRY(onnxlab_new_image(c->run, shape, 4, &b.dx));
	TRY(onnxlab_new_filled(c, 1, &true_channels, 1, 1, &b.dscale));
	TRY(onnxlab_new_filled(c, 2, &true_channels, 1, 1, &b.dbias));
	return normalise(c, &b, c->kernels->batchnorm_grad);
}

// read_maxpool sets a pool's x and its sizes.
static int read_maxpool(const call *c, const tensor *x, maxpool *p) {
	if (!is_blocked(c, x))
		return 0;
	long y_size[2];
	*p = (maxpool){.images = x->shape[0], .channels = x->shape[1], .height = x->shape[2], .width = x->shape[3], .x = x->data};
	const int fits = read_window(c->attributes, x->shape + 2, &p->window, y_size) && reaches(&p->window, x->shape + 2, y_size);
	p->y_height = y_size[0], p->y_width = y_size[1];
	return fits;
}

OrtStatus *onnxlab_run_maxpool(const call *c) {
	maxpool p;
	TRY(require(c, read_maxpool(c, &c->in[0], &p)));
	const int64_t y_shape[] = {p.images, p.channels, p.y_height, p.y_width};
	TRY(onnxlab_new_image(c->run, y_shape, 4, &p.y));
	c->kernels->maxpool(&p, c->threads);
	return NULL;
}

OrtStatus *onnxlab_run_maxpool_grad(const call *c) {
	const tensor *dy = &c->in[0], *x = &c->in[1];
	maxpool p;
	TRY(require(c, read_maxpool(c, x, &p) && is_blocked(c, dy) && dy->shape[0] == p.images && dy->shape[1] == p.channels &&
	                   dy->shape[2] == p.y_height && dy->shape[3] == p.y_width));
	p.dy = dy->data;
	TRY(onnxlab_new_image(c->run, x->shape, 4, &p.dx));
	c->kernels->maxpool_grad(&p, c->threads);
	return NULL;
}

// reorder_of describes the images of a reorder; `channels` is their number in the plain layout.
static reorder reorder_of(const tensor *x, int64_t channels) {
	return (reorder){.images = x->shape[0], .channels = channels, .pixels = x->shape[2] * x->shape[3], .x = x->data};
}

OrtStatus *onnxlab_run_reorder_input(const call *c) {
	const tensor *x = &c->in[0];
	TRY(require(c, x->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT && has_pixels(x)));
	reorder r = reorder_of(x, x->shape[1]);
	r.kind = PLAIN_TO_BLOCKED;
	const int64_t shape[] = {x->shape[0], onnxlab_filled(c, x->shape[1]), x->shape[2], x->shape[3]};
	TRY(onnxlab_new_image(c->run, shape, 4, &r.y));
	c->kernels->reorder(&r, c->threads);
	return NULL;
}

OrtStatus *onnxlab_run_reorder_output(const call *c) {
	const tensor *x = &c->in[0];
	const int64_t *shape = x->shape, channels = c->attributes->channels > 0 ? c->attributes->channels : shape[1];
	TRY(require(c, is_blocked(c, x) && onnxlab_filled(c, channels) == shape[1]));
	reorder r = reorder_of(x, channels);
	const int64_t plain[] = {shape[0], channels, shape[2], shape[3]}, last[] = {shape[0], shape[2], shape[3], channels};
	r.kind = c->attributes->channels_last ? BLOCKED_TO_LAST : BLOCKED_TO_PLAIN;
	TRY(onnxlab_new_output(c->run, 0, c->attributes->channels_last ? last : plain, 4, &r.y));
	c->kernels->reorder(&r, c->threads);
	return NULL;
}

static int is_matrix(const tensor *t) {
	return t->rank == 2 && t->shape[0] > 0 && t->shape[1] > 0 && t->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}

// rows_convolution is a product of matrices as a convolution of rows of channels.
static convolution rows_convolution(int64_t rows, int64_t inputs, int64_t outputs) {
	return (convolution){
		.images = 1, .inputs = inputs, .outputs = outputs, .height = rows, .width = 1, .y_height = rows, .y_width = 1,
		.window = {.height = 1, .width = 1, .stride = 1}, .rows = 1,
	};
}

// run_gemm_of_rows computes y = a·b + bias, where a is [rows, inputs] and b is [inputs, outputs]
// or its transpose.
static OrtStatus *run_gemm_of_rows(const call *c, const tensor *a, const tensor *b, const tensor *bias) {
	const int turned = c->attributes->trans_b != 0;
	const int64_t rows = a->shape[0], inputs = a->shape[1], outputs = b->shape[!turned], block = c->attributes->block;
	convolution conv = rows_convolution(rows, inputs, outputs);
	conv.x = a->data, conv.weight = b->data, conv.flipped = !turned, conv.bias = bias->data;
	TRY(require(c, b->shape[turned] == inputs && inputs % block == 0 && outputs % block == 0 &&
	                   (bias->data == NULL || is_vector(bias, outputs))));
	TRY(keep_packed(c, &conv));
	const int64_t y_shape[] = {rows, outputs};
	TRY(onnxlab_new_image(c->run, y_shape, 2, &conv.y));
	return convolve(c, &conv);
}

// run_gemm_of_columns computes y = aᵀ·b for a [rows, outputs] and b [rows, inputs]. That is the
// gradient of a convolution with respect to its weight, if b is the convolution's x and a is the
// gradient with respect to its y.
static OrtStatus *run_gemm_of_columns(const call *c, const tensor *a, const tensor *b, const tensor *bias) {
	const int64_t rows = a->shape[0], inputs = b->shape[1], outputs = a->shape[1], block = c->attributes->block;
	convolution conv = rows_convolution(rows, inputs, outputs);
	conv.x = b->data, conv.dy = a->data;
	TRY(require(c, b->shape[0] == rows && inputs % block == 0 && outputs % block == 0 && bias->data == NULL &&
	                   !c->attributes->trans_b));
	const int64_t y_shape[] = {outputs, inputs};
	TRY(onnxlab_new_output(c->run, 0, y_shape, 2, &conv.dweight));
	return take_weight_grad(c, &conv);
}

OrtStatus *onnxlab_run_gemm(const call *c) {
	const tensor *a = &c->in[0], *b = &c->in[1], *bias = &c->in[2];
	TRY(require(c, is_matrix(a) && is_matrix(b)));
	return c->attributes->trans_a ? run_gemm_of_columns(c, a, b, bias) : run_gemm_of_rows(c, a, b, bias);
}

// read_rows sets the sizes of a normalisation of x. A row is made of x's last dimensions, which
// are the dimensions of scale.
static int read_rows(const call *c, const tensor *x, const tensor *scale, layernorm *l) {
	if (x->type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || x->rank > MAX_RANK || scale->rank < 1 || scale->rank > x->rank)
		return 0;
	for (size_t k = 0; k < scale->rank; k++)
		if (scale->shape[k] != x->shape[x->rank - scale->rank + k])
			return 0;
	l->channels = elements(scale), l->x = x->data, l->scale = scale->data;
	if (l->channels <= 0 || l->channels % c->attributes->block != 0 || elements(x) <= 0)
		return 0;
	l->rows = elements(x) / l->channels;
	return 1;
}

OrtStatus *onnxlab_run_layernorm(const call *c) {
	const tensor *x = &c->in[0], *scale = &c->in[1], *bias = &c->in[2];
	layernorm l = {.epsilon = c->attributes->epsilon, .bias = bias->data};
	TRY(require(c, read_rows(c, x, scale, &l) && (bias->data == NULL || same_shape(bias, scale))));
	TRY(onnxlab_new_output(c->run, 0, x->shape, x->rank, &l.y));
	// The statistics have 1 in the place of the dimensions that rows have.
	int64_t shape[MAX_RANK];
	for (size_t k = 0; k < x->rank; k++) shape[k] = k + scale->rank < x->rank ? x->shape[k] : 1;
	TRY(onnxlab_new_output(c->run, 1, shape, x->rank, &l.mean));
	TRY(onnxlab_new_output(c->run, 2, shape, x->rank, &l.inverse_deviation));
	c->kernels->layernorm(&l, c->threads);
	return NULL;
}

OrtStatus *onnxlab_run_layernorm_grad(const call *c) {
	const tensor *dy = &c->in[0], *x = &c->in[1], *scale = &c->in[2], *mean = &c->in[3], *inverse = &c->in[4];
	layernorm l = {.dy = dy->data, .mean = mean->data, .inverse_deviation = inverse->data};
	TRY(require(c, read_rows(c, x, scale, &l) && same_shape(dy, x) && elements(mean) == l.rows && elements(inverse) == l.rows));
	TRY(onnxlab_new_output(c->run, 0, x->shape, x->rank, &l.dx));
	TRY(onnxlab_new_output(c->run, 1, scale->shape, scale->rank, &l.dscale));
	TRY(onnxlab_new_output(c->run, 2, scale->shape, scale->rank, &l.dbias));
	TRY(onnxlab_new_scratch(c->run, c->kernels->layernorm_grad_scratch(&l), c->scratch));
	c->kernels->layernorm_grad(&l, c->threads, c->scratch->data);
	return NULL;
}

OrtStatus *onnxlab_run_gelu_grad(const call *c) {
	const tensor *dy = &c->in[0], *x = &c->in[1];
	gelu g = {.dy = dy->data, .x = x->data, .n = elements(x)};
	TRY(require(c, same_shape(dy, x) && x->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT));
	TRY(onnxlab_new_output(c->run, 0, x->shape, x->rank, &g.dx));
	c->kernels->gelu_grad(&g, c->threads);
	return NULL;
}

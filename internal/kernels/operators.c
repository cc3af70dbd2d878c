//go:build amd64

// The kernels as operators of ONNX Runtime, in the domain "onnxlab".

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels.h"
#include "ort.h"

enum { most_values = 7, alignment = 64 }; // bytes of a vector

// An operator is what ONNX Runtime calls OrtCustomOp, in its version 19, with
// what it does after that.
typedef struct operator operator;

typedef struct {
	const operator *of;
	const kernels *kernels;
	ort_api api;
	int64_t block, turned, relu, pool;
	float epsilon, share, scale;
} node;

typedef struct {
	void *data;
	int type;
	size_t rank;
	int64_t shape[4]; // if rank <= 4
} value;

// What add makes once, as long as the process: sessions refer to it.
static int64_t most_block; // that the processor has kernels for
static void *domain, *cpu_memory;

struct operator {
	uint32_t version;
	void *(*create_unused)(const operator *, ort_api, const void *);
	const char *(*name)(const operator *);
	const char *(*provider)(const operator *);
	int (*input_type)(const operator *, size_t);
	size_t (*input_count)(const operator *);
	int (*output_type)(const operator *, size_t);
	size_t (*output_count)(const operator *);
	void (*compute_unused)(void *, void *);
	void (*destroy)(void *);
	int (*input_kind)(const operator *, size_t);
	int (*output_kind)(const operator *, size_t);
	int (*input_memory)(const operator *, size_t);
	int (*variadic[4])(const operator *);
	ort_status *(*create)(const operator *, ort_api, const void *info, void **);
	ort_status *(*compute)(void *, void *context);
	void *infer_shape;
	int (*start_version)(const operator *);
	int (*end_version)(const operator *);
	void *in_place[4];

	const char *is;
	size_t inputs, outputs, optional; // the last inputs may be left out
	int sparable;                     // this output, too, or -1
	int bytes;                        // the first input may be of these
	ort_status *(*run)(const node *, void *context, const pool *, const value *in);
};

static const char *name(const operator *o) { return o->is; }
static const char *provider(const operator *o) { return (void)o, "CPUExecutionProvider"; }
static int input_type(const operator *o, size_t i) { return i == 0 && o->bytes ? ort_any : ort_float; }
static int output_type(const operator *o, size_t i) { return (void)o, (void)i, ort_float; }
static size_t input_count(const operator *o) { return o->inputs; }
static size_t output_count(const operator *o) { return o->outputs; }
static int input_kind(const operator *o, size_t i) { return i >= o->inputs - o->optional; }
static int output_kind(const operator *o, size_t i) { return (int)i == o->sparable; }
static int zero_of(const operator *o, size_t i) { return (void)o, (void)i, 0; }
static int zero(const operator *o) { return (void)o, 0; }
static int one(const operator *o) { return (void)o, 1; }
static int last_version(const operator *o) { return (void)o, INT32_MAX; }
static void destroy(void *n) { free(n); }

// TRY returns the status of a call if it failed.
#define TRY(call)                        \
	do {                                 \
		ort_status *status_ = (call);    \
		if (status_ != NULL)             \
			return status_;              \
	} while (0)

static ort_status *fail(ort_api api, const char *message) { return ORT_CALL(api, create_status, ort_fail, message); }

static ort_status *create(const operator *o, ort_api api, const void *info, void **result) {
	node *n = calloc(1, sizeof *n);
	if (n == NULL)
		return fail(api, "onnxlab: out of memory");
	n->of = o;
	n->api = api;
	// Each operator has some of the attributes.
	ort_status *missing[] = {
		ORT_CALL(api, attribute_int, info, "block", &n->block),
		ORT_CALL(api, attribute_int, info, "turned", &n->turned),
		ORT_CALL(api, attribute_int, info, "relu", &n->relu),
		ORT_CALL(api, attribute_int, info, "pool", &n->pool),
		ORT_CALL(api, attribute_float, info, "epsilon", &n->epsilon),
		ORT_CALL(api, attribute_float, info, "share", &n->share),
		ORT_CALL(api, attribute_float, info, "scale", &n->scale),
	};
	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
		if (missing[i] != NULL)
			ORT_RELEASE(api, release_status, missing[i]);
	n->kernels = n->block == 16 ? &onnxlab_avx512 : &onnxlab_avx2;
	n->turned = n->turned != 0;
	n->pool = n->pool > 0 ? n->pool : 1;
	if (n->block != n->kernels->block || n->block > most_block) {
		free(n);
		return fail(api, "onnxlab: this processor has no kernels for the operator's block of channels");
	}
	*result = n;
	return NULL;
}

static ort_status *read_input(ort_api api, void *context, size_t i, value *v) {
	const void *input = NULL;
	void *shape = NULL;
	TRY(ORT_CALL(api, input, context, i, &input));
	if (input == NULL)
		return NULL;
	TRY(ORT_CALL(api, tensor_data, (void *)input, &v->data));
	TRY(ORT_CALL(api, shape, input, &shape));
	ort_status *status = ORT_CALL(api, element_type, shape, &v->type);
	if (status == NULL)
		status = ORT_CALL(api, rank, shape, &v->rank);
	if (status == NULL && v->rank <= 4)
		status = ORT_CALL(api, dimensions, shape, v->shape, v->rank);
	ORT_RELEASE(api, release_shape, shape);
	return status;
}

// advise asks for large pages where many will be read and written: it takes
// looking up fewer of them.
static void advise(void *data, size_t bytes) {
#ifdef MADV_HUGEPAGE
	enum { page = 1 << 21, many = 2 * page };
	uintptr_t first = (uintptr_t)data / page * page, end = ((uintptr_t)data + bytes + page - 1) / page * page;
	if (bytes >= many)
		madvise((void *)first, end - first, MADV_HUGEPAGE);
#else
	(void)data, (void)bytes;
#endif
}

static ort_status *new_output(ort_api api, void *context, size_t i, const int64_t *shape, size_t rank, float **data) {
	void *output = NULL;
	TRY(ORT_CALL(api, output, context, i, shape, rank, &output));
	if (output == NULL) // it is left out
		return NULL;
	TRY(ORT_CALL(api, tensor_data, output, (void **)data));
	if (rank == 4 && (uintptr_t)*data % alignment != 0) // images, which are streamed
		return fail(api, "onnxlab: a result is not aligned");
	size_t bytes = sizeof **data;
	for (size_t k = 0; k < rank; k++) bytes *= (size_t)shape[k];
	advise(*data, bytes);
	return NULL;
}

static void run_pool(const pool *p, long count, void (*task)(void *, size_t), void *of) {
	ort_status *status = ORT_CALL(p->api, parallel, p->context, task, (size_t)count, 0, of);
	if (status == NULL)
		return;
	// Without a pool of threads, do it here.
	ORT_RELEASE(p->api, release_status, status);
	for (long i = 0; i < count; i++) task(of, (size_t)i);
}

static ort_status *compute(void *kernel, void *context) {
	const node *n = kernel;
	value in[most_values] = {{0}};
	size_t count = 0;
	TRY(ORT_CALL(n->api, input_count, context, &count));
	for (size_t i = 0; i < count && i < n->of->inputs; i++) TRY(read_input(n->api, context, i, &in[i]));
	long workers = sysconf(_SC_NPROCESSORS_ONLN);
	pool p = {run_pool, workers > 0 ? workers : 1, n->api, context};
	return n->of->run(n, context, &p, in);
}

typedef void (*kernel_of)(const void *of, const pool *, float *scratch);

// with_scratch calls f with memory of the session's own allocator.
static ort_status *with_scratch(const node *n, void *context, size_t bytes, kernel_of f, const void *of, const pool *p) {
	ort_allocator *a = NULL;
	TRY(ORT_CALL(n->api, allocator, context, cpu_memory, &a));
	float *scratch = a->alloc(a, bytes);
	if (scratch != NULL) {
		advise(scratch, bytes);
		f(of, p, scratch);
		a->free(a, scratch);
	}
	ORT_RELEASE(n->api, release_allocator, a);
	return scratch == NULL ? fail(n->api, "onnxlab: out of memory") : NULL;
}

// The shapes that the kernels take. Models of strangers can have any.

static int is_vector(const value *v, int64_t size) { return v->rank == 1 && v->shape[0] == size; }

static int has_pixels(const value *v) {
	return v->rank == 4 && v->shape[1] > 0 && v->shape[2] > 0 && v->shape[3] > 0;
}

static int in_blocks(const node *n, const value *v) {
	return v->type == ort_float && has_pixels(v) && v->shape[1] % n->block == 0;
}

// read_images takes what a convolution is of, if it is in blocks, or plain with
// fewer channels, or bytes.
static int read_images(const node *n, const value *v, convolution *c) {
	const int64_t *s = v->shape;
	if (!has_pixels(v))
		return 0;
	c->images = s[0];
	if (v->type == ort_uint8) {
		c->height = s[1], c->width = s[2], c->inputs = s[3];
		c->bytes = v->data, c->scale = n->scale;
		return c->inputs < n->block;
	}
	c->inputs = s[1], c->height = s[2], c->width = s[3];
	c->x = v->data;
	return v->type == ort_float && (c->inputs < n->block || c->inputs % n->block == 0);
}

static ort_status *check(const node *n, int fits) {
	return fits ? NULL : fail(n->api, "onnxlab: the inputs do not have the shapes of this operator");
}

// read_norm takes the norm of values with so many channels out of four inputs.
static int read_norm(const node *n, const value *in, int64_t channels, channel_norm *norm) {
	*norm = (channel_norm){in[0].data, in[1].data, in[2].data, in[3].data, (int)n->relu};
	for (int i = 0; i < 4; i++)
		if (!is_vector(&in[i], channels))
			return 0;
	return 1;
}

// read_optional_norm does so if there is one; x then has to be in blocks.
static int read_optional_norm(const node *n, const value *in, const value *x, channel_norm *norm) {
	return in[0].data == NULL || (in_blocks(n, x) && read_norm(n, in, x->shape[1], norm));
}

static ort_status *run_conv(const node *n, void *context, const pool *p, const value *in) {
	const int64_t *w = in[1].shape;
	convolution c = {.turned = (int)n->turned, .weight = in[1].data, .bias = in[2].data};
	TRY(check(n, read_images(n, &in[0], &c) && (!n->turned || in_blocks(n, &in[0])) && in[1].rank == 4 && w[2] == 3 && w[3] == 3 &&
	                 w[!n->turned] == c.inputs && w[n->turned] > 0 && w[n->turned] % n->block == 0 &&
	                 (in[2].data == NULL || is_vector(&in[2], w[n->turned])) && read_optional_norm(n, in + 3, &in[0], &c.norm)));
	c.outputs = w[n->turned];
	int64_t y[] = {c.images, c.outputs, c.height, c.width};
	TRY(new_output(n->api, context, 0, y, 4, &c.y));
	int64_t moments[] = {n->kernels->conv_parts(&c), 3, c.outputs};
	TRY(new_output(n->api, context, 1, moments, 3, &c.moments));
	return with_scratch(n, context, n->kernels->conv_scratch(&c, p->workers), (kernel_of)n->kernels->conv, &c, p);
}

static ort_status *run_conv_grad(const node *n, void *context, const pool *p, const value *in) {
	const int64_t *dy = in[1].shape;
	convolution c = {.outputs = dy[1], .dy = in[1].data};
	TRY(check(n, read_images(n, &in[0], &c) && c.images > 0 && in_blocks(n, &in[1]) && dy[0] == c.images && dy[2] == c.height && dy[3] == c.width &&
	                 read_optional_norm(n, in + 2, &in[0], &c.norm)));
	int64_t w[] = {c.outputs, c.inputs, 3, 3};
	TRY(new_output(n->api, context, 0, w, 4, &c.dweight));
	return with_scratch(n, context, n->kernels->conv_grad_scratch(&c, p->workers), (kernel_of)n->kernels->conv_grad, &c, p);
}

static int pools(const node *n, const int64_t *x) { return x[2] % n->pool == 0 && x[3] % n->pool == 0; }

static ort_status *run_norm(const node *n, void *context, const pool *p, const value *in) {
	const int64_t *x = in[0].shape, *m = in[3].shape;
	TRY(check(n, in_blocks(n, &in[0]) && x[0] > 0 && pools(n, x) && is_vector(&in[1], x[1]) && is_vector(&in[2], x[1]) &&
	                 (in[3].data == NULL || (in[3].rank == 3 && m[1] == 3 && m[2] == x[1]))));
	normalisation b = {
		.images = x[0], .channels = x[1], .height = x[2], .width = x[3], .pool = n->pool, .epsilon = n->epsilon,
		.x = in[0].data, .moments = in[3].data, .parts = m[0], .norm = {.scale = in[1].data, .bias = in[2].data, .relu = (int)n->relu},
	};
	int64_t y[] = {x[0], x[1], x[2] / n->pool, x[3] / n->pool};
	TRY(new_output(n->api, context, 0, y, 4, &b.y));
	TRY(new_output(n->api, context, 1, x + 1, 1, &b.mean));
	TRY(new_output(n->api, context, 2, x + 1, 1, &b.inverse));
	TRY(new_output(n->api, context, 3, x + 1, 1, &b.variance));
	return with_scratch(n, context, n->kernels->norm_scratch(&b), (kernel_of)n->kernels->norm, &b, p);
}

static ort_status *run_norm_grad(const node *n, void *context, const pool *p, const value *in) {
	const int64_t *dy = in[0].shape, *x = in[1].shape;
	channel_norm norm;
	TRY(check(n, in_blocks(n, &in[0]) && in_blocks(n, &in[1]) && x[0] > 0 && pools(n, x) && dy[0] == x[0] && dy[1] == x[1] &&
	                 dy[2] == x[2] / n->pool && dy[3] == x[3] / n->pool && read_norm(n, in + 2, x[1], &norm)));
	normalisation b = {
		.images = x[0], .channels = x[1], .height = x[2], .width = x[3], .pool = n->pool,
		.x = in[1].data, .norm = norm, .dy = in[0].data, .share = n->share,
	};
	TRY(new_output(n->api, context, 0, x, 4, &b.dx));
	TRY(new_output(n->api, context, 1, x + 1, 1, &b.dscale));
	TRY(new_output(n->api, context, 2, x + 1, 1, &b.dbias));
	return with_scratch(n, context, n->kernels->norm_scratch(&b), (kernel_of)n->kernels->norm_grad, &b, p);
}

#define OPERATOR(is, inputs, optional, outputs, sparable, bytes, run)                                     \
	{                                                                                                     \
		ort_api_version, NULL, name, provider, input_type, input_count, output_type, output_count, NULL,  \
			destroy, input_kind, output_kind, zero_of, {zero, zero, zero, zero}, create, compute, NULL,   \
			one, last_version, {NULL}, is, inputs, outputs, optional, sparable, bytes, run                \
	}

static operator operators[] = {
	// x, weight, bias, the norm of x; y, its moments
	OPERATOR("Conv", 7, 5, 2, 1, 1, run_conv),
	// x, dy, the norm of x; dweight
	OPERATOR("ConvWeightGrad", 6, 4, 1, -1, 1, run_conv_grad),
	// x, scale, bias, the moments of x; y, mean, inverse, variance
	OPERATOR("BatchNorm", 4, 1, 4, 0, 0, run_norm),
	// dy, x, scale, bias, mean, inverse; dx, dscale, dbias
	OPERATOR("BatchNormGrad", 6, 0, 3, -1, 0, run_norm_grad),
};

static ort_status *add(ort_api api, void *options) {
	if (cpu_memory == NULL)
		TRY(ORT_CALL(api, cpu_memory, 1, 0, &cpu_memory));
	if (domain == NULL) {
		TRY(ORT_CALL(api, create_domain, "onnxlab", &domain));
		for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) TRY(ORT_CALL(api, add_op, domain, &operators[i]));
	}
	return ORT_CALL(api, add_domain, options, domain);
}

char *onnxlab_add_kernels(void *(*get_api_base)(void), void *session_options, int most) {
	most_block = most;
	const ort_api_base *base = get_api_base();
	ort_api api = base->get_api(ort_api_version);
	if (api == NULL)
		return strdup("the library does not have version 19 of the API");
	ort_status *status = add(api, session_options);
	if (status == NULL)
		return NULL;
	char *message = strdup(((const char *(*)(const void *))api[ORT_PLACE_error_message])(status));
	ORT_RELEASE(api, release_status, status);
	return message;
}

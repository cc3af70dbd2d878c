//go:build (amd64 || arm64) && !windows

// Registers the operators with ONNX Runtime, which then calls back: to learn what they
// take and give, to create a node, and to run it.

#include "register.h"

#include <stdlib.h>
#include <string.h>

#include "filled.h"
#include "kernels.h"
#include "operators.h"
#include "tensor.h"

// One row of the table of operators below. ONNX Runtime gets a pointer to callbacks and
// hands it to each callback, which finds the row there: callbacks must come first.
typedef struct {
	OrtCustomOp callbacks;
	const char *name;
	size_t inputs, optional_inputs; // the last ones are optional
	size_t outputs;
	unsigned optional_outputs; // one bit for each, the lowest for the first
	int takes_any_type;  // the first input may have another type than float
	OrtStatus *(*run)(const call *);
} operator;

typedef struct {
	const operator *operator;
	const OrtApi *api;
	const kernels *kernels;
	attributes attributes;
	long workers;
	packed packed;
} node;

// Made once and kept until the process ends, since sessions refer to them.
static int64_t supported_block; // the largest that the processor has kernels for
static long processors;         // that the process may use
static OrtCustomOpDomain *domain;
static OrtMemoryInfo *cpu_memory;

static const operator *operator_of(const OrtCustomOp *o) { return (const operator *)o; }

static const char *get_name(const OrtCustomOp *o) { return operator_of(o)->name; }

static const char *get_provider(const OrtCustomOp *o) {
	(void)o;
	return "CPUExecutionProvider";
}

static size_t get_input_count(const OrtCustomOp *o) { return operator_of(o)->inputs; }

static size_t get_output_count(const OrtCustomOp *o) { return operator_of(o)->outputs; }

static ONNXTensorElementDataType get_input_type(const OrtCustomOp *o, size_t index) {
	if (index == 0 && operator_of(o)->takes_any_type)
		return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
	return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}

static ONNXTensorElementDataType get_output_type(const OrtCustomOp *o, size_t index) {
	(void)o, (void)index;
	return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}

static OrtCustomOpInputOutputCharacteristic get_input_characteristic(const OrtCustomOp *o, size_t index) {
	const size_t required = operator_of(o)->inputs - operator_of(o)->optional_inputs;
	return index < required ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
}

static OrtCustomOpInputOutputCharacteristic get_output_characteristic(const OrtCustomOp *o, size_t index) {
	return operator_of(o)->optional_outputs >> index & 1 ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
}

static OrtMemType get_input_memory(const OrtCustomOp *o, size_t index) {
	(void)o, (void)index;
	return OrtMemTypeDefault;
}

static int not_variadic(const OrtCustomOp *o) {
	(void)o;
	return 0;
}

static int get_start_version(const OrtCustomOp *o) {
	(void)o;
	return 1;
}

static int get_end_version(const OrtCustomOp *o) {
	(void)o;
	return INT32_MAX;
}

// ignore drops the error of an attribute that the operator does not have.
static void ignore(const OrtApi *api, OrtStatus *status) {
	if (status != NULL)
		api->ReleaseStatus(status);
}

static attributes read_attributes(const OrtApi *api, const OrtKernelInfo *info) {
	attributes a = {0};
	ignore(api, api->KernelInfoGetAttribute_int64(info, "block", &a.block));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "flipped", &a.flipped));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "relu", &a.relu));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "pool", &a.pool));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "by_taps", &a.by_taps));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "y_relu", &a.y_relu));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "constant", &a.constant));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "depthwise", &a.depthwise));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "channels", &a.channels));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "channels_last", &a.channels_last));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "outputs", &a.outputs));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "inputs", &a.inputs));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "transA", &a.trans_a));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "transB", &a.trans_b));
	ignore(api, api->KernelInfoGetAttribute_float(info, "ceiling", &a.ceiling));
	ignore(api, api->KernelInfoGetAttribute_float(info, "y_ceiling", &a.y_ceiling));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "y_height", &a.y_height));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "y_width", &a.y_width));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "height", &a.height));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "width", &a.width));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "stride", &a.stride));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "top", &a.top));
	ignore(api, api->KernelInfoGetAttribute_int64(info, "left", &a.left));
	ignore(api, api->KernelInfoGetAttribute_float(info, "epsilon", &a.epsilon));
	ignore(api, api->KernelInfoGetAttribute_float(info, "scale", &a.scale));
	if (a.pool <= 0)
		a.pool = 1;
	return a;
}

static OrtStatus *create_node(const OrtCustomOp *o, const OrtApi *api, const OrtKernelInfo *info, void **result) {
	const attributes a = read_attributes(api, info);
	const kernels *k = kernels_for(a.block);
	if (k == NULL || a.block > supported_block)
		return onnxlab_error(api, "onnxlab: this processor has no kernels for the operator's block of channels");
	node *n = malloc(sizeof *n);
	if (n == NULL)
		return onnxlab_error(api, "onnxlab: out of memory");
	*n = (node){.operator = operator_of(o), .api = api, .kernels = k, .attributes = a, .workers = processors};
	*result = n;
	return NULL;
}

static void destroy_node(void *kernel) {
	node *n = kernel;
	for (int i = 0; i < 2; i++) free(n->packed.weights[i]);
	free(n);
}

// parallel_for uses the session's threads.
static void parallel_for(const threads *t, long count, void (*task)(void *, size_t), void *argument) {
	const run *r = t->context;
	OrtStatus *status = r->api->KernelContext_ParallelFor(r->context, task, (size_t)count, 0, argument);
	if (status == NULL)
		return;
	// The session has no threads to lend: this one does the work.
	r->api->ReleaseStatus(status);
	for (long i = 0; i < count; i++) task(argument, (size_t)i);
}

static OrtStatus *run_node(void *kernel, OrtKernelContext *context) {
	node *n = kernel;
	run r = {.api = n->api, .context = context, .memory = cpu_memory};
	tensor in[MAX_INPUTS] = {{0}};
	size_t count = 0;
	TRY(r.api->KernelContext_GetInputCount(context, &count));
	for (size_t i = 0; i < count && i < n->operator->inputs; i++) TRY(onnxlab_read_input(&r, i, &in[i]));
	const threads t = {.parallel_for = parallel_for, .workers = n->workers, .context = &r};
	fills f = {.count = 0};
	scratch s = {.data = NULL};
	const call c = {
		.run = &r, .attributes = &n->attributes, .packed = &n->packed, .kernels = n->kernels,
		.threads = &t, .fills = &f, .scratch = &s, .in = in,
	};
	OrtStatus *status = n->operator->run(&c);
	onnxlab_free_scratch(&r, &s);
	onnxlab_end_fills(&r, &f, status);
	return status;
}

static const OrtCustomOp callbacks = {
	.version = ORT_API_VERSION,
	.GetName = get_name,
	.GetExecutionProviderType = get_provider,
	.GetInputType = get_input_type,
	.GetInputTypeCount = get_input_count,
	.GetOutputType = get_output_type,
	.GetOutputTypeCount = get_output_count,
	.KernelDestroy = destroy_node,
	.GetInputCharacteristic = get_input_characteristic,
	.GetOutputCharacteristic = get_output_characteristic,
	.GetInputMemoryType = get_input_memory,
	.GetVariadicInputMinArity = not_variadic,
	.GetVariadicInputHomogeneity = not_variadic,
	.GetVariadicOutputMinArity = not_variadic,
	.GetVariadicOutputHomogeneity = not_variadic,
	.CreateKernelV2 = create_node,
	.KernelComputeV2 = run_node,
	.GetStartVersion = get_start_version,
	.GetEndVersion = get_end_version,
};

static operator operators[] = {
	{
		.name = "Conv",
		.inputs = 8,
		.optional_inputs = 6,
		.outputs = 2,
		.optional_outputs = 1 << 1,
		.takes_any_type = 1,
		.run = onnxlab_run_conv,
	},
	{
		.name = "ConvWeightGrad",
		.inputs = 6,
		.optional_inputs = 4,
		.outputs = 1,
		.takes_any_type = 1,
		.run = onnxlab_run_conv_weight_grad,
	},
	{
		.name = "BatchNorm",
		.inputs = 4,
		.optional_inputs = 1,
		.outputs = 4,
		.optional_outputs = 1 << 0,
		.run = onnxlab_run_batchnorm,
	},
	{
		.name = "BatchNormGrad",
		.inputs = 6,
		.outputs = 3,
		.run = onnxlab_run_batchnorm_grad,
	},
	{
		.name = "Gemm",
		.inputs = 3,
		.optional_inputs = 1,
		.outputs = 1,
		.run = onnxlab_run_gemm,
	},
	{
		.name = "MaxPool",
		.inputs = 1,
		.outputs = 1,
		.run = onnxlab_run_maxpool,
	},
	{
		.name = "MaxPoolGrad",
		.inputs = 2,
		.outputs = 1,
		.run = onnxlab_run_maxpool_grad,
	},
	{
		.name = "ReorderInput",
		.inputs = 1,
		.outputs = 1,
		.run = onnxlab_run_reorder_input,
	},
	{
		.name = "ReorderOutput",
		.inputs = 1,
		.outputs = 1,
		.run = onnxlab_run_reorder_output,
	},
	{
		.name = "LayerNorm",
		.inputs = 3,
		.optional_inputs = 1,
		.outputs = 3,
		.optional_outputs = 1 << 1 | 1 << 2,
		.run = onnxlab_run_layernorm,
	},
	{
		.name = "LayerNormGrad",
		.inputs = 5,
		.outputs = 3,
		.run = onnxlab_run_layernorm_grad,
	},
	{
		.name = "GeluGrad",
		.inputs = 2,
		.outputs = 1,
		.run = onnxlab_run_gelu_grad,
	},
};

static OrtStatus *add(const OrtApi *api, OrtSessionOptions *options) {
	if (cpu_memory == NULL)
		TRY(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &cpu_memory));
	if (domain == NULL) {
		TRY(api->CreateCustomOpDomain("onnxlab", &domain));
		for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
			operators[i].callbacks = callbacks;
			TRY(api->CustomOpDomain_Add(domain, &operators[i].callbacks));
		}
	}
	return api->AddCustomOpDomain(options, domain);
}

char *onnxlab_add_operators(const OrtApiBase *base, OrtSessionOptions *options, int max_block, long count) {
	supported_block = max_block;
	processors = count;
	const OrtApi *api = base->GetApi(ORT_API_VERSION);
	if (api == NULL)
		return strdup("the library does not have version 19 of the API");
	OrtStatus *status = add(api, options);
	if (status == NULL)
		return NULL;
	char *message = strdup(api->GetErrorMessage(status));
	api->ReleaseStatus(status);
	return message;
}

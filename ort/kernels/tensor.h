// The inputs, outputs and scratch memory of one run of an operator.

#ifndef ONNXLAB_TENSOR_H
#define ONNXLAB_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "ort.h"

enum { MAX_RANK = 4 };

typedef struct {
	void *data; // NULL if the input is left out
	ONNXTensorElementDataType type;
	size_t rank;
	int64_t shape[MAX_RANK]; // set if rank <= MAX_RANK
} tensor;

// What ONNX Runtime has for one run of a node: it gives inputs and takes memory from this.
typedef struct {
	const OrtApi *api;
	OrtKernelContext *context;
	const OrtMemoryInfo *memory; // the kind of memory for scratch
} run;

// onnxlab_error makes a status that reports failure with this message.
OrtStatus *onnxlab_error(const OrtApi *, const char *message);

// onnxlab_read_input reads an input. If the node leaves it out, t stays as it is.
OrtStatus *onnxlab_read_input(const run *, size_t index, tensor *t);

// onnxlab_new_output allocates an output. If the node leaves it out, *data stays as it is.
// The caller of a session may have given the memory, at any float's address.
OrtStatus *onnxlab_new_output(const run *, size_t index, const int64_t *shape, size_t rank, float **data);

// onnxlab_new_image allocates the first output, blocked images or rows of channels. Kernels
// may stream them, which takes an aligned address: any other is an error.
OrtStatus *onnxlab_new_image(const run *, const int64_t *shape, size_t rank, float **data);

// Memory that a kernel needs while it runs.
typedef struct {
	float *data;
	OrtAllocator *allocator; // what it came from
} scratch;

// onnxlab_new_scratch takes scratch memory of this size from the session's allocator.
OrtStatus *onnxlab_new_scratch(const run *, size_t bytes, scratch *);

// onnxlab_free_scratch frees it. It does nothing if there is none.
void onnxlab_free_scratch(const run *, scratch *);

#endif

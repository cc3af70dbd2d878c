// What onnxlab's operators do when ONNX Runtime runs a node: check the shapes of the
// inputs, allocate the outputs and call a kernel. Package
// onnxlab/onnxmodels/lower/native makes the nodes and documents inputs, outputs and
// attributes.

#ifndef ONNXLAB_OPERATORS_H
#define ONNXLAB_OPERATORS_H

#include <stdint.h>

#include "kernels.h"
#include "ort.h"
#include "tensor.h"

enum { MAX_INPUTS = 8, MAX_OUTPUTS = 4 };

// The attributes of a node. Those that its operator does not have are 0.
typedef struct {
	int64_t block, flipped, relu, pool;
	int64_t by_taps;  // compute a convolution tap by tap: 0 never, 1 always, 2 where it is faster
	int64_t y_relu;   // a convolution ends in a ReLU
	int64_t constant; // its weight is the same in all runs
	int64_t y_height, y_width;                // of a window's results
	int64_t height, width, stride, top, left; // of a window; a height of 0 is 3x3, which leaves images their size
	int64_t trans_a, trans_b; // of a product of matrices
	int64_t depthwise; // each channel of a convolution by itself
	int64_t channels, channels_last; // of a reorder's result
	int64_t outputs, inputs; // channels of a convolution's weight, in its gradient
	float epsilon, scale;
	float ceiling, y_ceiling; // of the ReLU of a normalisation, and of that in which a convolution ends; 0 for none
} attributes;

// The packed weights that a node keeps from its first run on, for both values of by_taps;
// NULL before.
typedef struct {
	float *weights[2];
} packed;

// A copy of a parameter with whole blocks of channels: see filled.h.
typedef struct {
	scratch memory;
	int64_t rows, row, filled_row; // rows and floats in a row of the parameter; floats in a row of the copy
	float *to;                     // the output for which it is, or NULL
} fill;

// The copies of one run: at most one of each input and output.
typedef struct {
	int count;
	fill list[MAX_INPUTS + MAX_OUTPUTS];
} fills;

// What an operator needs to run a node once. `run` is what ONNX Runtime has for this run.
typedef struct {
	const run *run;
	const attributes *attributes;
	packed *packed;
	const kernels *kernels; // those for attributes->block
	const threads *threads;
	fills *fills;
	scratch *scratch; // for the memory of a kernel, which is freed after the operator
	tensor *in; // the inputs, [MAX_INPUTS]
} call;

// The inputs and outputs of each operator, in their order; those in brackets may be
// left out.

// [x, weight, [bias], [scale, bias, mean and inverse deviation that normalise x], [what is
// added to y]] → [y, [moments of y]]
OrtStatus *onnxlab_run_conv(const call *);

// [x, dy, [scale, bias, mean and inverse deviation that normalise x]] → [dweight]
OrtStatus *onnxlab_run_conv_weight_grad(const call *);

// [x, scale, bias, [moments of x]] → [[y], mean, inverse deviation, variance]
OrtStatus *onnxlab_run_batchnorm(const call *);

// [dy, x, scale, bias, mean, inverse deviation] → [dx, dscale, dbias]
OrtStatus *onnxlab_run_batchnorm_grad(const call *);

// [a, b, [bias]] → [y]
OrtStatus *onnxlab_run_gemm(const call *);

// [x] → [y]
OrtStatus *onnxlab_run_maxpool(const call *);

// [dy, x] → [dx]
OrtStatus *onnxlab_run_maxpool_grad(const call *);

// [plain x] → [blocked y]
OrtStatus *onnxlab_run_reorder_input(const call *);

// [blocked x] → [y, plain or with its channels last]
OrtStatus *onnxlab_run_reorder_output(const call *);

// [x, scale, [bias]] → [y, [mean], [inverse deviation]]
OrtStatus *onnxlab_run_layernorm(const call *);

// [dy, x, scale, mean, inverse deviation] → [dx, dscale, dbias]
OrtStatus *onnxlab_run_layernorm_grad(const call *);

// [dy, x] → [dx]
OrtStatus *onnxlab_run_gelu_grad(const call *);

#endif

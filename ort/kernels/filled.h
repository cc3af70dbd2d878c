// Parameters whose channels do not make whole blocks. Kernels know whole blocks only: they get
// copies of such parameters, in which zeros fill the last block up, and what they compute for
// such a parameter is computed for whole blocks first.

#ifndef ONNXLAB_FILLED_H
#define ONNXLAB_FILLED_H

#include "operators.h"

// onnxlab_filled is a number of channels rounded up to whole blocks.
int64_t onnxlab_filled(const call *, int64_t channels);

// onnxlab_fill replaces an input by a copy whose first `dimensions` sizes, 1 or 2, are rounded
// up to whole blocks, with zeros for what is new. It does nothing if they are whole blocks, or
// the input is left out.
OrtStatus *onnxlab_fill(const call *, tensor *, size_t dimensions);

// onnxlab_fill_shape only changes the shape, for an input whose elements are not read.
void onnxlab_fill_shape(const call *, tensor *, size_t dimensions);

// onnxlab_new_filled allocates an output, and memory for it in which the first `dimensions`
// sizes, 1 or 2, are rounded up to whole blocks. onnxlab_end_fills copies from there.
OrtStatus *onnxlab_new_filled(const call *, size_t index, const int64_t *shape, size_t rank, size_t dimensions, float **data);

// onnxlab_end_fills frees the memory of the run's copies. Without an error, it first writes the
// outputs.
void onnxlab_end_fills(const run *, fills *, const OrtStatus *error);

#endif

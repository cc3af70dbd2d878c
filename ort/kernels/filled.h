// Parameters whose channels do not make whole blocks. Kernels only know whole blocks, so they
// get copies of such parameters, in which zeros fill up the last block. What they compute for
// such a parameter is also computed for whole blocks first and then copied.

#ifndef ONNXLAB_FILLED_H
#define ONNXLAB_FILLED_H

#include "operators.h"

// onnxlab_filled is a number of channels rounded up to whole blocks.
int64_t onnxlab_filled(const call *, int64_t channels);

// onnxlab_fill replaces an input by a copy whose first `dimensions` sizes, 1 or 2, are rounded
// up to whole blocks; the new elements are zeros. It does nothing if they are whole blocks
// already, or if the input is left out.
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

#ifndef ONNXLAB_REGISTER_H
#define ONNXLAB_REGISTER_H

#include "ort.h"

// onnxlab_add_operators gives sessions that are made with the options the operators of
// the domain "onnxlab", for blocks of at most max_block channels. processors is the
// number of processors among which each operator divides its work. It returns NULL or
// a message that the caller frees. Only one thread may call it at a time.
char *onnxlab_add_operators(const OrtApiBase *, OrtSessionOptions *, int max_block, long processors);

#endif

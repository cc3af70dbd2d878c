// What the kernels compute, as plain loops that follow the definitions in kernels.h.
// They are the reference in kernels_test.c.
//
// They differ from the kernels in two ways: all images are plain, [images, channels,
// height, width], and sums are in double precision.

#ifndef ONNXLAB_REFERENCE_H
#define ONNXLAB_REFERENCE_H

#include "kernels.h"

// conv_reference writes y. flipped is not set.
void conv_reference(const convolution *);

// conv_input_grad_reference writes dx, [images, inputs, height, width], from dy and
// the weight, which are those of conv_reference.
void conv_input_grad_reference(const convolution *, float *dx);

// conv_weight_grad_reference writes dweight.
void conv_weight_grad_reference(const convolution *);

// maxpool_reference writes y, and maxpool_grad_reference dx.
void maxpool_reference(const maxpool *);
void maxpool_grad_reference(const maxpool *);

// moments_reference writes mean, variance and inverse_deviation from x.
void moments_reference(const batchnorm *);

// batchnorm_reference writes mean, variance, inverse_deviation and y.
void batchnorm_reference(const batchnorm *);

// batchnorm_grad_reference writes dx, dscale and dbias.
void batchnorm_grad_reference(const batchnorm *);

// layernorm_reference writes mean, inverse_deviation and y, and layernorm_grad_reference dx, dscale and dbias.
void layernorm_reference(const layernorm *);
void layernorm_grad_reference(const layernorm *);

// gelu_grad_reference writes dx.
void gelu_grad_reference(const gelu *);

#endif

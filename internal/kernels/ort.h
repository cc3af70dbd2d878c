// What the kernels need of ONNX Runtime's C API. Its table of functions only
// grows, so that each keeps its place in it: those of version 19 are named here.

#ifndef ONNXLAB_ORT_H
#define ONNXLAB_ORT_H

#include <stddef.h>
#include <stdint.h>

enum { ort_api_version = 19, ort_fail = 1, ort_any = 0, ort_float = 1, ort_uint8 = 2 };

typedef void ort_status; // NULL is success

typedef struct {
	const void *const *(*get_api)(uint32_t version);
	const char *(*get_version)(void);
} ort_api_base;

typedef const void *const *ort_api;

typedef struct ort_allocator {
	uint32_t version;
	void *(*alloc)(struct ort_allocator *, size_t);
	void (*free)(struct ort_allocator *, void *);
} ort_allocator;

// ORT_CALL calls the function at a place of the table, of the given type.
#define ORT_CALL(api, place, ...) ((ort_status * (*)(ORT_TYPES_##place))(api)[ORT_PLACE_##place])(__VA_ARGS__)

// ORT_RELEASE calls one of those that return nothing.
#define ORT_RELEASE(api, place, what) ((void (*)(ORT_TYPES_##place))(api)[ORT_PLACE_##place])(what)

#define ORT_PLACE_create_status 0
#define ORT_TYPES_create_status int, const char *
#define ORT_PLACE_error_message 2
#define ORT_TYPES_error_message const void *
#define ORT_PLACE_create_domain 26
#define ORT_TYPES_create_domain const char *, void **
#define ORT_PLACE_add_op 27
#define ORT_TYPES_add_op void *, const void *
#define ORT_PLACE_add_domain 28
#define ORT_TYPES_add_domain void *, void *
#define ORT_PLACE_tensor_data 51
#define ORT_TYPES_tensor_data void *, void **
#define ORT_PLACE_element_type 60
#define ORT_TYPES_element_type const void *, int *
#define ORT_PLACE_rank 61
#define ORT_TYPES_rank const void *, size_t *
#define ORT_PLACE_dimensions 62
#define ORT_TYPES_dimensions const void *, int64_t *, size_t
#define ORT_PLACE_shape 65
#define ORT_TYPES_shape const void *, void **
#define ORT_PLACE_cpu_memory 69
#define ORT_TYPES_cpu_memory int, int, void **
#define ORT_PLACE_attribute_float 85
#define ORT_TYPES_attribute_float const void *, const char *, float *
#define ORT_PLACE_attribute_int 86
#define ORT_TYPES_attribute_int const void *, const char *, int64_t *
#define ORT_PLACE_input_count 88
#define ORT_TYPES_input_count const void *, size_t *
#define ORT_PLACE_input 90
#define ORT_TYPES_input const void *, size_t, const void **
#define ORT_PLACE_output 91
#define ORT_TYPES_output void *, size_t, const int64_t *, size_t, void **
#define ORT_PLACE_release_status 93
#define ORT_TYPES_release_status void *
#define ORT_PLACE_release_shape 99
#define ORT_TYPES_release_shape void *
#define ORT_PLACE_release_allocator 132
#define ORT_TYPES_release_allocator void *
#define ORT_PLACE_allocator 253
#define ORT_TYPES_allocator const void *, const void *, ort_allocator **
#define ORT_PLACE_parallel 274
#define ORT_TYPES_parallel const void *, void (*)(void *, size_t), size_t, size_t, void *

#endif

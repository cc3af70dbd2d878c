//go:build (amd64 || arm64) && !windows

#include "tensor.h"

#include <sys/mman.h>

#include "kernels.h"

OrtStatus *onnxlab_error(const OrtApi *api, const char *message) { return api->CreateStatus(ORT_FAIL, message); }

static OrtStatus *read_shape(const OrtApi *api, const OrtTensorTypeAndShapeInfo *info, tensor *t) {
	TRY(api->GetTensorElementType(info, &t->type));
	TRY(api->GetDimensionsCount(info, &t->rank));
	return t->rank <= MAX_RANK ? api->GetDimensions(info, t->shape, t->rank) : NULL;
}

OrtStatus *onnxlab_read_input(const run *r, size_t index, tensor *t) {
	const OrtValue *input = NULL;
	TRY(r->api->KernelContext_GetInput(r->context, index, &input));
	if (input == NULL)
		return NULL;
	TRY(r->api->GetTensorMutableData((OrtValue *)input, &t->data));
	OrtTensorTypeAndShapeInfo *info = NULL;
	TRY(r->api->GetTensorTypeAndShape(input, &info));
	OrtStatus *status = read_shape(r->api, info, t);
	r->api->ReleaseTensorTypeAndShapeInfo(info);
	return status;
}

// advise_huge_pages asks the operating system for pages of 2 MB, for memory that has
// room for several: the processor then looks up fewer addresses of pages.
static void advise_huge_pages(void *data, size_t bytes) {
#ifdef MADV_HUGEPAGE
	enum { HUGE_PAGE = 1 << 21 };
	uintptr_t first = (uintptr_t)data / HUGE_PAGE * HUGE_PAGE;
	uintptr_t end = ((uintptr_t)data + bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	if (bytes >= 2 * HUGE_PAGE)
		madvise((void *)first, end - first, MADV_HUGEPAGE); // a failure only costs time
#else
	(void)data, (void)bytes;
#endif
}

OrtStatus *onnxlab_new_output(const run *r, size_t index, const int64_t *shape, size_t rank, float **data) {
	OrtValue *output = NULL;
	TRY(r->api->KernelContext_GetOutput(r->context, index, shape, rank, &output));
	if (output == NULL)
		return NULL;
	TRY(r->api->GetTensorMutableData(output, (void **)data));
	size_t bytes = sizeof **data;
	for (size_t k = 0; k < rank; k++) bytes *= (size_t)shape[k];
	advise_huge_pages(*data, bytes);
	return NULL;
}

OrtStatus *onnxlab_new_image(const run *r, const int64_t *shape, size_t rank, float **data) {
	TRY(onnxlab_new_output(r, 0, shape, rank, data));
	if ((uintptr_t)*data % ALIGNMENT != 0)
		return onnxlab_error(r->api, "onnxlab: an image is not aligned");
	return NULL;
}

OrtStatus *onnxlab_new_scratch(const run *r, size_t bytes, scratch *s) {
	TRY(r->api->KernelContext_GetAllocator(r->context, r->memory, &s->allocator));
	s->data = s->allocator->Alloc(s->allocator, bytes);
	if (s->data == NULL) {
		r->api->ReleaseAllocator(s->allocator);
		return onnxlab_error(r->api, "onnxlab: out of memory");
	}
	advise_huge_pages(s->data, bytes);
	return NULL;
}

void onnxlab_free_scratch(const run *r, scratch *s) {
	if (s->data == NULL)
		return;
	s->allocator->Free(s->allocator, s->data);
	r->api->ReleaseAllocator(s->allocator);
}

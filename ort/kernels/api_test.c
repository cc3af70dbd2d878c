//go:build ignore

// Prints where ort.h has everything, or, with ORIGINAL defined, where
// onnxruntime_c_api.h has it. TestAPI compares the two.

#ifdef ORIGINAL
#include <onnxruntime_c_api.h>
#else
#include "ort.h"
#endif

#include <stddef.h>
#include <stdio.h>

#define FIELD(type, field) printf("%s.%s %zu\n", #type, #field, offsetof(type, field))
#define NUMBER(constant) printf("%s %d\n", #constant, (int)constant)

static void print_api(void) {
	FIELD(OrtApi, CreateStatus);
	FIELD(OrtApi, GetErrorMessage);
	FIELD(OrtApi, CreateCustomOpDomain);
	FIELD(OrtApi, CustomOpDomain_Add);
	FIELD(OrtApi, AddCustomOpDomain);
	FIELD(OrtApi, GetTensorMutableData);
	FIELD(OrtApi, GetTensorElementType);
	FIELD(OrtApi, GetDimensionsCount);
	FIELD(OrtApi, GetDimensions);
	FIELD(OrtApi, GetTensorTypeAndShape);
	FIELD(OrtApi, CreateCpuMemoryInfo);
	FIELD(OrtApi, KernelInfoGetAttribute_float);
	FIELD(OrtApi, KernelInfoGetAttribute_int64);
	FIELD(OrtApi, KernelContext_GetInputCount);
	FIELD(OrtApi, KernelContext_GetInput);
	FIELD(OrtApi, KernelContext_GetOutput);
	FIELD(OrtApi, ReleaseStatus);
	FIELD(OrtApi, ReleaseTensorTypeAndShapeInfo);
	FIELD(OrtApi, ReleaseAllocator);
	FIELD(OrtApi, KernelContext_GetAllocator);
	FIELD(OrtApi, KernelContext_ParallelFor);
	FIELD(OrtApiBase, GetApi);
	FIELD(OrtAllocator, version);
	FIELD(OrtAllocator, Alloc);
	FIELD(OrtAllocator, Free);
}

static void print_custom_op(void) {
	FIELD(OrtCustomOp, version);
	FIELD(OrtCustomOp, CreateKernel);
	FIELD(OrtCustomOp, GetName);
	FIELD(OrtCustomOp, GetExecutionProviderType);
	FIELD(OrtCustomOp, GetInputType);
	FIELD(OrtCustomOp, GetInputTypeCount);
	FIELD(OrtCustomOp, GetOutputType);
	FIELD(OrtCustomOp, GetOutputTypeCount);
	FIELD(OrtCustomOp, KernelCompute);
	FIELD(OrtCustomOp, KernelDestroy);
	FIELD(OrtCustomOp, GetInputCharacteristic);
	FIELD(OrtCustomOp, GetOutputCharacteristic);
	FIELD(OrtCustomOp, GetInputMemoryType);
	FIELD(OrtCustomOp, GetVariadicInputMinArity);
	FIELD(OrtCustomOp, GetVariadicInputHomogeneity);
	FIELD(OrtCustomOp, GetVariadicOutputMinArity);
	FIELD(OrtCustomOp, GetVariadicOutputHomogeneity);
	FIELD(OrtCustomOp, CreateKernelV2);
	FIELD(OrtCustomOp, KernelComputeV2);
	FIELD(OrtCustomOp, InferOutputShapeFn);
	FIELD(OrtCustomOp, GetStartVersion);
	FIELD(OrtCustomOp, GetEndVersion);
	FIELD(OrtCustomOp, GetMayInplace);
	FIELD(OrtCustomOp, ReleaseMayInplace);
	FIELD(OrtCustomOp, GetAliasMap);
	FIELD(OrtCustomOp, ReleaseAliasMap);
	printf("OrtCustomOp %zu\n", sizeof(OrtCustomOp));
}

int main(void) {
	print_api();
	print_custom_op();
	NUMBER(ORT_API_VERSION);
	NUMBER(ORT_FAIL);
	NUMBER(ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED);
	NUMBER(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
	NUMBER(ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8);
	NUMBER(OrtArenaAllocator);
	NUMBER(OrtMemTypeDefault);
	NUMBER(INPUT_OUTPUT_REQUIRED);
	NUMBER(INPUT_OUTPUT_OPTIONAL);
	return 0;
}

// The part of ONNX Runtime's C API, version 19, that the operators use, with the
// names of onnxruntime_c_api.h. OrtApi is a table to which later versions only
// append, so every function keeps its place. TestAPI compares all of this with the
// original header.

#ifndef ONNXLAB_ORT_H
#define ONNXLAB_ORT_H

#include <stddef.h>
#include <stdint.h>

enum { ORT_API_VERSION = 19 };

typedef enum { ORT_FAIL = 1 } OrtErrorCode;
typedef enum {
	ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED = 0, // of an operator's input: any type
	ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1,
	ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 = 2,
} ONNXTensorElementDataType;
typedef enum { OrtArenaAllocator = 1 } OrtAllocatorType;
typedef enum { OrtMemTypeDefault = 0 } OrtMemType;
typedef enum { INPUT_OUTPUT_REQUIRED = 0, INPUT_OUTPUT_OPTIONAL = 1 } OrtCustomOpInputOutputCharacteristic;

typedef struct OrtStatus OrtStatus; // an error; NULL is success
typedef struct OrtValue OrtValue;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtCustomOpDomain OrtCustomOpDomain;
typedef struct OrtKernelInfo OrtKernelInfo;
typedef struct OrtKernelContext OrtKernelContext;
typedef struct OrtShapeInferContext OrtShapeInferContext;
typedef struct OrtCustomOp OrtCustomOp;

typedef struct OrtAllocator {
	uint32_t version;
	void *(*Alloc)(struct OrtAllocator *, size_t size);
	void (*Free)(struct OrtAllocator *, void *);
} OrtAllocator;

// unusedN stands for the functions from place N on that are not used.
typedef struct {
	OrtStatus *(*CreateStatus)(OrtErrorCode, const char *message);
	void *unused1[1];
	const char *(*GetErrorMessage)(const OrtStatus *);
	void *unused3[23];
	OrtStatus *(*CreateCustomOpDomain)(const char *name, OrtCustomOpDomain **);
	OrtStatus *(*CustomOpDomain_Add)(OrtCustomOpDomain *, const OrtCustomOp *);
	OrtStatus *(*AddCustomOpDomain)(OrtSessionOptions *, OrtCustomOpDomain *);
	void *unused29[22];
	OrtStatus *(*GetTensorMutableData)(OrtValue *, void **);
	void *unused52[8];
	OrtStatus *(*GetTensorElementType)(const OrtTensorTypeAndShapeInfo *, ONNXTensorElementDataType *);
	OrtStatus *(*GetDimensionsCount)(const OrtTensorTypeAndShapeInfo *, size_t *);
	OrtStatus *(*GetDimensions)(const OrtTensorTypeAndShapeInfo *, int64_t *sizes, size_t count);
	void *unused63[2];
	OrtStatus *(*GetTensorTypeAndShape)(const OrtValue *, OrtTensorTypeAndShapeInfo **);
	void *unused66[3];
	OrtStatus *(*CreateCpuMemoryInfo)(OrtAllocatorType, OrtMemType, OrtMemoryInfo **);
	void *unused70[15];
	OrtStatus *(*KernelInfoGetAttribute_float)(const OrtKernelInfo *, const char *name, float *);
	OrtStatus *(*KernelInfoGetAttribute_int64)(const OrtKernelInfo *, const char *name, int64_t *);
	void *unused87[1];
	OrtStatus *(*KernelContext_GetInputCount)(const OrtKernelContext *, size_t *);
	void *unused89[1];
	OrtStatus *(*KernelContext_GetInput)(const OrtKernelContext *, size_t index, const OrtValue **);
	OrtStatus *(*KernelContext_GetOutput)(OrtKernelContext *, size_t index, const int64_t *sizes, size_t count, OrtValue **);
	void *unused92[1];
	void (*ReleaseStatus)(OrtStatus *);
	void *unused94[5];
	void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo *);
	void *unused100[32];
	void (*ReleaseAllocator)(OrtAllocator *);
	void *unused133[120];
	OrtStatus *(*KernelContext_GetAllocator)(const OrtKernelContext *, const OrtMemoryInfo *, OrtAllocator **);
	void *unused254[20];
	OrtStatus *(*KernelContext_ParallelFor)(const OrtKernelContext *, void (*task)(void *, size_t), size_t total,
	                                        size_t num_batch, void *usr_data);
} OrtApi;

typedef struct {
	const OrtApi *(*GetApi)(uint32_t version);
	const char *(*GetVersionString)(void);
} OrtApiBase;

// What ONNX Runtime calls to learn about an operator and to run it.
struct OrtCustomOp {
	uint32_t version;
	void *(*CreateKernel)(const OrtCustomOp *, const OrtApi *, const OrtKernelInfo *);
	const char *(*GetName)(const OrtCustomOp *);
	const char *(*GetExecutionProviderType)(const OrtCustomOp *);
	ONNXTensorElementDataType (*GetInputType)(const OrtCustomOp *, size_t index);
	size_t (*GetInputTypeCount)(const OrtCustomOp *);
	ONNXTensorElementDataType (*GetOutputType)(const OrtCustomOp *, size_t index);
	size_t (*GetOutputTypeCount)(const OrtCustomOp *);
	void (*KernelCompute)(void *kernel, OrtKernelContext *);
	void (*KernelDestroy)(void *kernel);
	OrtCustomOpInputOutputCharacteristic (*GetInputCharacteristic)(const OrtCustomOp *, size_t index);
	OrtCustomOpInputOutputCharacteristic (*GetOutputCharacteristic)(const OrtCustomOp *, size_t index);
	OrtMemType (*GetInputMemoryType)(const OrtCustomOp *, size_t index);
	int (*GetVariadicInputMinArity)(const OrtCustomOp *);
	int (*GetVariadicInputHomogeneity)(const OrtCustomOp *);
	int (*GetVariadicOutputMinArity)(const OrtCustomOp *);
	int (*GetVariadicOutputHomogeneity)(const OrtCustomOp *);
	OrtStatus *(*CreateKernelV2)(const OrtCustomOp *, const OrtApi *, const OrtKernelInfo *, void **kernel);
	OrtStatus *(*KernelComputeV2)(void *kernel, OrtKernelContext *);
	OrtStatus *(*InferOutputShapeFn)(const OrtCustomOp *, OrtShapeInferContext *);
	int (*GetStartVersion)(const OrtCustomOp *);
	int (*GetEndVersion)(const OrtCustomOp *);
	size_t (*GetMayInplace)(int **input_index, int **output_index);
	void (*ReleaseMayInplace)(int *input_index, int *output_index);
	size_t (*GetAliasMap)(int **input_index, int **output_index);
	void (*ReleaseAliasMap)(int *input_index, int *output_index);
};

// TRY returns the status of a call from the function around it if the call failed.
#define TRY(call)                        \
	do {                                 \
		OrtStatus *status_ = (call);     \
		if (status_ != NULL)             \
			return status_;              \
	} while (0)

#endif

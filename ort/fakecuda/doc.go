// Package fakecuda gives tests a GPU that computes nothing: libraries that take
// the place of NVIDIA's. Their GPU memory is host memory, their copies really
// copy, and all other functions only report success. ONNX Runtime's CUDA provider
// runs on them as on a GPU. So tests can see which operators the provider runs,
// what a step copies, and how a run deals with the device.
//
// Results are meaningless: an output holds whatever was in its memory before.
// Copies to the host replace infinities and NaN by 0, so that runs do not stop
// because of them.
package fakecuda

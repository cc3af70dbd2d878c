// Package interp runs inference models in pure Go, as a second opinion on ONNX
// Runtime and where there is none: onnx-go decodes the model, and the operators
// are those of package op.
//
//	model, err := interp.New(data)
//	logits, probabilities, err := model.Predict(ctx, images)
//
// It runs what [onnxlab/onnxmodels.Network.Inference] writes and other models of
// the same operators, with one input, image, and the outputs logits and
// probabilities. What it does not know, an operator, an attribute, an element
// type, an opset, is an error of [New] that names the node: no model is run in
// part or in another way than ONNX describes it. Models in float16 compute in float32,
// as ONNX Runtime has them do on most processors.
//
// Models may come from anywhere. Every error is returned, also for bytes that
// make onnx-go panic, and a value beyond a gigabyte is refused before it is
// made. A [Model] never changes after New: any number of goroutines may use it,
// and each call is spread over the processors, image by image.
package interp

// Package interp runs inference models in pure Go, where there is no ONNX
// Runtime or to check its results: onnx-go decodes the model, and package op
// evaluates the operators.
//
//	model, err := interp.New(data)
//	logits, probabilities, err := model.Predict(ctx, images)
//
// It runs the models that [onnxlab/onnxmodels.Network.Inference] writes, and
// others that have one input, image, and the outputs logits and probabilities.
// If an operator, an attribute, an element type or the opset is not supported,
// [New] returns an error that names the node: a model is never run in part, or
// differently from what ONNX defines. Models in float16 are computed in float32,
// as ONNX Runtime does on most processors.
//
// Models may come from anywhere. Every mistake is returned as an error, even for
// bytes that make onnx-go panic, and no value of more than a gigabyte is
// allocated. A [Model] does not change after New: any number of goroutines may
// use it, and each call spreads its images over the processors.
package interp

// Package importer turns given ONNX models into typed graphs: models from PyTorch's
// exporters, from Keras through tf2onnx, or from model zoos.
//
// Models use operators of many opsets. Their graphs here only have operators of opset 17 (a Variant
// in package op translates the others), in float32, with the batch as a symbol. Shapes that a
// model computes at run time are computed while it is read, as far as possible, and whatever
// depends only on constants becomes a constant.
//
//	model, err := importer.Read(file, importer.Options{})
//	…
//	model.Graph      // its inputs are the image and the parameters
//	model.Parameters // the parameters, with the file's values
//
// If an operator, an attribute or a shape is unknown or not supported, the error names every
// node concerned.
package importer

// Package importer makes typed graphs of ONNX models from outside: of PyTorch's exporters,
// of Keras by tf2onnx, of model zoos.
//
// Models come in operators of many opsets. Their graphs here have those of opset 17 alone
// (package op says which form of which opset is which of them), in float32, with the batch
// as a symbol: shapes that the model computes as it runs are computed here as far as they
// can be told, and what only constants determine is a constant.
//
//	model, err := importer.Read(file, importer.Options{})
//	…
//	model.Graph      // its inputs are the image and the parameters
//	model.Parameters // what they are, with the file's values
//
// What is not known, an operator, an attribute, a shape, is an error that names each node
// it concerns.
package importer

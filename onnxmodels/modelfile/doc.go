// Package modelfile reads, checks and writes the bytes of ONNX models. Models may come
// from anywhere: limits are checked before memory is allocated for the sizes that a file claims.
//
//	model, err := modelfile.Read("model.onnx")
//	…
//	err = modelfile.Write("copy.onnx", model)
package modelfile

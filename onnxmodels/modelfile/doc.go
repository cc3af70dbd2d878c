// Package modelfile reads, checks and writes the bytes of ONNX models. Models may come
// from anywhere: every limit is checked before memory is taken for what a file claims.
//
//	model, err := modelfile.Read("model.onnx")
//	…
//	err = modelfile.Write("copy.onnx", model)
package modelfile

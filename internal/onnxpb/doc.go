// Package onnxpb holds the Go types of the ONNX format, as far as onnxlab
// writes and reads it, generated from onnx.proto.
package onnxpb

//go:generate ./generate.sh

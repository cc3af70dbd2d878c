// Package onnxpb holds Go types for the parts of the ONNX format that onnxlab reads
// and writes. They are generated from onnx.proto.
package onnxpb

//go:generate ./generate.sh

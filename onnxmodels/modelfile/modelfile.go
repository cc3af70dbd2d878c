package modelfile

import (
	"errors"
	"fmt"

	"onnxlab/internal/durable"
	"onnxlab/internal/onnxpb"

	"google.golang.org/protobuf/proto"
)

// Model is an ONNX model: a protobuf message with the fields of ONNX's
// ModelProto. Package inspect describes it, package verify exposes its values,
// and the packages that run models (session, interp) take the bytes of Marshal.
type Model = onnxpb.Model

// maxModelBytes is the limit that protobuf itself has.
const maxModelBytes = 1<<31 - 1

// Read reads the ONNX model at path, with its external data: see ReadFile.
func Read(path string) (*Model, error) {
	f, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	return f.Model, nil
}

// Decode decodes and checks a model's bytes. It returns an error if tensors have
// their data in other files.
func Decode(data []byte) (*Model, error) {
	return decode(data, func(*Model) error { return nil })
}

// decode decodes a model, calls takeIn to read external data into it, and checks
// it.
func decode(data []byte, takeIn func(*Model) error) (*Model, error) {
	m := &Model{}
	left := maxMessages
	if err := countMessages(data, m.ProtoReflect().Descriptor(), &left, maxDepth); err != nil {
		return nil, fmt.Errorf("not an ONNX model: %w", err)
	}
	if err := proto.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("not an ONNX model: %w", err)
	}
	if err := takeIn(m); err != nil {
		return nil, err
	}
	if err := Check(m); err != nil {
		return nil, err
	}
	return m, nil
}

// Marshal returns the model's bytes; equal models give equal bytes.
func Marshal(m *Model) ([]byte, error) {
	if m == nil {
		return nil, errors.New("encode model: there is no model")
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode model %q: %w", m.GetGraph().GetName(), err)
	}
	return data, nil
}

// Write writes the model to path, atomically.
func Write(path string, m *Model) error {
	data, err := Marshal(m)
	if err != nil {
		return err
	}
	return durable.WriteBytes(path, data)
}

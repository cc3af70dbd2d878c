package interp

import (
	"encoding/binary"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// isInteger tells whether a tensor is of the types that quantized networks have, which
// onnx-go does not read.
func isInteger(t *onnxpb.Tensor) bool {
	switch graph.Elem(t.GetDataType()) {
	case graph.Int8, graph.Uint8, graph.Int32:
		return true
	}
	return false
}

// setIntegers gives the values that are such constants their tensors.
func (b *backend) setIntegers(initializers []*onnxpb.Tensor) {
	tensors := map[string]*op.Tensor{}
	for _, t := range initializers {
		if isInteger(t) {
			tensors[t.GetName()] = integers(t)
		}
	}
	for _, v := range b.values {
		v.integers = tensors[v.name]
	}
}

// integers are the elements of a tensor's raw data, which checkData has seen.
func integers(t *onnxpb.Tensor) *op.Tensor {
	x := &op.Tensor{Elem: graph.Elem(t.GetDataType()), Shape: []int{}}
	for _, d := range t.GetDims() {
		x.Shape = append(x.Shape, int(d))
	}
	data := t.GetRawData()
	for i := 0; i < len(data); i += x.Elem.Size() {
		switch x.Elem {
		case graph.Int8:
			x.Ints = append(x.Ints, int64(int8(data[i])))
		case graph.Uint8:
			x.Ints = append(x.Ints, int64(data[i]))
		default:
			x.Ints = append(x.Ints, int64(int32(binary.LittleEndian.Uint32(data[i:]))))
		}
	}
	return x
}

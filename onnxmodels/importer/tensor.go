package importer

import (
	"encoding/binary"
	"fmt"
	"math"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
)

// Contents returns the type, the sizes and the little-endian elements of a tensor, which
// may hold them as raw bytes or in a list of numbers (ONNX's TensorProto). It returns an error if
// the elements do not fit the sizes.
func Contents(t *onnxpb.Tensor) (elem graph.Elem, sizes []int, data []byte, err error) {
	elem = graph.Elem(t.GetDataType())
	if elem.Size() == 0 {
		return 0, nil, nil, fmt.Errorf("elements of %s are not supported", elem)
	}
	count := 1
	sizes = make([]int, len(t.GetDims()))
	for i, d := range t.GetDims() {
		sizes[i] = int(d)
		count *= int(d)
	}
	if data = t.GetRawData(); len(data) == 0 {
		data = listed(elem, t)
	}
	if len(data) != count*elem.Size() {
		return 0, nil, nil, fmt.Errorf("its elements do not fit the dimensions %v", t.GetDims())
	}
	return elem, sizes, data, nil
}

// listed returns the elements of a tensor that holds them in the list for its type instead of as
// raw bytes.
func listed(elem graph.Elem, t *onnxpb.Tensor) []byte {
	data := []byte{}
	put := func(bits uint64) {
		for k := range elem.Size() {
			data = append(data, byte(bits>>(8*k)))
		}
	}
	switch elem {
	case graph.Float:
		for _, f := range t.GetFloatData() {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(f))
		}
	case graph.Double:
		for _, f := range t.GetDoubleData() {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(f))
		}
	case graph.Int64:
		for _, v := range t.GetInt64Data() {
			put(uint64(v))
		}
	case graph.Uint32, graph.Uint64:
		for _, v := range t.GetUint64Data() {
			put(v)
		}
	default: // int32 and smaller integers, bool, and the bits of float16
		for _, v := range t.GetInt32Data() {
			put(uint64(v))
		}
	}
	return data
}

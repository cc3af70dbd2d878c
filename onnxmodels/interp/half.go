package interp

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"
	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
)

// widen turns a model in float16 into one in float32, as ONNX Runtime does on processors
// without float16: constants keep their values, and results are not rounded to float16.
func widen(m *onnxpb.Model) {
	g := m.GetGraph()
	for _, t := range g.GetInitializer() {
		if graph.Elem(t.GetDataType()) == graph.Float16 && t.RawData != nil {
			t.RawData, t.DataType = widened(t.GetRawData()), proto.Int32(int32(graph.Float))
		}
	}
	for _, n := range g.GetNode() {
		for _, a := range n.GetAttribute() {
			if n.GetOpType() == "Cast" && a.GetName() == "to" && graph.Elem(a.GetI()) == graph.Float16 {
				a.I = proto.Int64(int64(graph.Float))
			}
		}
	}
	for _, v := range g.GetValueInfo() {
		if t := v.GetType().GetTensorType(); graph.Elem(t.GetElemType()) == graph.Float16 {
			t.ElemType = proto.Int32(int32(graph.Float))
		}
	}
}

// widened returns float16 elements as float32, both little-endian.
func widened(data []byte) []byte {
	wide := make([]byte, 0, 2*len(data))
	for i := 0; i+1 < len(data); i += 2 {
		f := float16.Frombits(binary.LittleEndian.Uint16(data[i:])).Float32()
		wide = binary.LittleEndian.AppendUint32(wide, math.Float32bits(f))
	}
	return wide
}

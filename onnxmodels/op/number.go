package op

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/x448/float16"

	"onnxlab/onnxmodels/graph"
)

// This file converts single numbers: from and to the bytes of constants, and to the element
// types.

// TensorOf returns the constant v as a tensor, or nil if v is not a constant.
func TensorOf(v *graph.Value) *Tensor {
	if !v.Constant() {
		return nil
	}
	return FromBytes(v.Elem, v.Shape.Sizes(), v.Data())
}

// FromBytes returns the tensor of little-endian elements, as ONNX's raw data has them.
// It returns nil if they do not fit the shape.
func FromBytes(elem graph.Elem, shape []int, data []byte) *Tensor {
	t, err := newTensor(elem, shape...)
	if err != nil || elem.Size() == 0 || len(data) != t.Len()*elem.Size() {
		return nil
	}
	size := elem.Size()
	for i := range t.Len() {
		bits := uint64(0)
		for k := size - 1; k >= 0; k-- {
			bits = bits<<8 | uint64(data[i*size+k])
		}
		t.setBits(i, bits)
	}
	return t
}

// setBits sets element i from the bits of its type.
func (t *Tensor) setBits(i int, bits uint64) {
	switch t.Elem {
	case graph.Float:
		t.Floats[i] = math.Float32frombits(uint32(bits))
	case graph.Float16:
		t.Floats[i] = float16.Frombits(uint16(bits)).Float32()
	case graph.BFloat16:
		t.Floats[i] = math.Float32frombits(uint32(bits) << 16)
	case graph.Double:
		t.Doubles[i] = math.Float64frombits(bits)
	default:
		t.Ints[i] = wrap(t.Elem, int64(bits))
	}
}

// Bytes returns the elements little-endian, as ONNX's raw data has them.
func (t *Tensor) Bytes() []byte {
	data := make([]byte, 0, t.Len()*t.Elem.Size())
	for _, f := range t.Floats {
		switch t.Elem {
		case graph.Float16:
			data = binary.LittleEndian.AppendUint16(data, float16.Fromfloat32(f).Bits())
		case graph.BFloat16:
			data = binary.LittleEndian.AppendUint16(data, uint16(math.Float32bits(f)>>16))
		default:
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(f))
		}
	}
	for _, f := range t.Doubles {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(f))
	}
	size := t.Elem.Size()
	for _, v := range t.Ints {
		for k := range size {
			data = append(data, byte(v>>(8*k)))
		}
	}
	return data
}

// At returns element i as a float64.
func (t *Tensor) At(i int) float64 {
	switch {
	case t.Floats != nil:
		return float64(t.Floats[i])
	case t.Doubles != nil:
		return t.Doubles[i]
	case t.Elem == graph.Uint64:
		return float64(uint64(t.Ints[i]))
	}
	return float64(t.Ints[i])
}

// set rounds f to the element type and stores it as element i. Integers drop the fraction and
// wrap beyond the range of their type.
func (t *Tensor) set(i int, f float64) {
	switch {
	case t.Doubles != nil:
		t.Doubles[i] = f
	case t.Floats != nil:
		t.Floats[i] = rounded(t.Elem, f)
	case t.Elem == graph.Bool:
		t.Ints[i] = flag(f != 0)
	case t.Elem == graph.Uint64 && f >= 1<<63:
		t.Ints[i] = int64(uint64(f))
	default:
		t.Ints[i] = wrap(t.Elem, int64(f))
	}
}

// rounded returns f rounded to a floating-point type of at most 32 bits.
func rounded(elem graph.Elem, f float64) float32 {
	switch elem {
	case graph.Float16:
		return float16.Fromfloat32(float32(f)).Float32()
	case graph.BFloat16:
		return toBFloat16(float32(f))
	}
	return float32(f)
}

// wrap returns v as an integer of the type, keeping its lowest bits.
func wrap(elem graph.Elem, v int64) int64 {
	switch elem {
	case graph.Int8:
		return int64(int8(v))
	case graph.Int16:
		return int64(int16(v))
	case graph.Int32:
		return int64(int32(v))
	case graph.Uint8:
		return int64(uint8(v))
	case graph.Uint16:
		return int64(uint16(v))
	case graph.Uint32:
		return int64(uint32(v))
	case graph.Bool:
		return flag(v != 0)
	}
	return v
}

// toBFloat16 rounds to the nearest bfloat16, ties to even.
func toBFloat16(f float32) float32 {
	if f != f {
		return f
	}
	bits := math.Float32bits(f)
	bits += 0x7fff + bits>>16&1
	return math.Float32frombits(bits &^ 0xffff)
}

// Converted returns the tensor in another element type. Floating-point numbers that become
// integers drop their fraction.
func Converted(x *Tensor, to graph.Elem) (*Tensor, error) {
	if x.Elem == to {
		return x, nil
	}
	if to.Size() == 0 {
		return nil, fmt.Errorf("conversion from %s to %s is not supported in pure Go", x.Elem, to)
	}
	y, err := newTensor(to, x.Shape...)
	if err != nil {
		return nil, err
	}
	for i := range y.Len() {
		if x.Ints != nil && y.Ints != nil {
			y.Ints[i] = wrap(to, x.Ints[i])
		} else {
			y.set(i, x.At(i))
		}
	}
	return y, nil
}

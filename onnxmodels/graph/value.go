package graph

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Elem is the element type of a tensor, numbered as in ONNX.
type Elem int32

// The element types that graphs support. Float8 and smaller types, complex numbers and
// strings are not supported.
const (
	Float    Elem = 1
	Uint8    Elem = 2
	Int8     Elem = 3
	Uint16   Elem = 4
	Int16    Elem = 5
	Int32    Elem = 6
	Int64    Elem = 7
	Bool     Elem = 9
	Float16  Elem = 10
	Double   Elem = 11
	Uint32   Elem = 12
	Uint64   Elem = 13
	BFloat16 Elem = 16
)

// elems lists the size in bytes and the name of each element type.
var elems = map[Elem]struct {
	size int
	name string
}{
	Float: {4, "float32"}, Double: {8, "float64"}, Float16: {2, "float16"}, BFloat16: {2, "bfloat16"},
	Int8: {1, "int8"}, Int16: {2, "int16"}, Int32: {4, "int32"}, Int64: {8, "int64"},
	Uint8: {1, "uint8"}, Uint16: {2, "uint16"}, Uint32: {4, "uint32"}, Uint64: {8, "uint64"},
	Bool: {1, "bool"},
}

// Floating reports whether the elements are floating-point numbers.
func (e Elem) Floating() bool { return e == Float || e == Float16 || e == Double || e == BFloat16 }

// Size returns the bytes of one element, or 0 for a type not listed above.
func (e Elem) Size() int { return elems[e].size }

// String returns the name of the type, for example "float32".
func (e Elem) String() string {
	if known, ok := elems[e]; ok {
		return known.name
	}
	return "type " + strconv.Itoa(int(e))
}

// Dim is one dimension: a fixed size, or a multiple of a symbol whose size is known
// only when the graph runs.
type Dim struct {
	// Size is the size of a fixed dimension, or the factor of a symbol.
	Size int64
	// Symbol is empty in a fixed dimension.
	Symbol string
}

// Fixed returns a dimension of n.
func Fixed(n int) Dim { return Dim{Size: int64(n)} }

// Symbol returns a symbolic dimension.
func Symbol(name string) Dim { return Dim{1, name} }

// String returns the size of a fixed dimension; otherwise, for example, "batch" or "4*batch".
func (d Dim) String() string {
	switch {
	case d.Symbol == "":
		return strconv.FormatInt(d.Size, 10)
	case d.Size == 1:
		return d.Symbol
	}
	return strconv.FormatInt(d.Size, 10) + "*" + d.Symbol
}

// Shape is the dimensions of a tensor, outermost first; an empty one is a
// scalar.
type Shape []Dim

// Static returns a shape of fixed sizes.
func Static(sizes ...int) Shape {
	s := make(Shape, len(sizes))
	for i, n := range sizes {
		s[i] = Fixed(n)
	}
	return s
}

// Equal reports whether both shapes have the same dimensions.
func (s Shape) Equal(o Shape) bool { return slices.Equal(s, o) }

// Elements returns the product of the dimensions, counting each symbol as 1, and whether
// all dimensions are fixed.
func (s Shape) Elements() (n int, static bool) {
	n, static = 1, true
	for _, d := range s {
		static = static && d.Symbol == ""
		n *= int(d.Size)
	}
	return n, static
}

// Sizes returns the sizes of the dimensions, which must be fixed.
func (s Shape) Sizes() []int {
	sizes := make([]int, len(s))
	for i, d := range s {
		sizes[i] = int(d.Size)
	}
	return sizes
}

// String returns for example "[batch, 64, 32, 32]".
func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Type is the type of a tensor: its element type and its shape.
type Type struct {
	Elem  Elem
	Shape Shape
}

// String returns for example "float32[batch, 64]".
func (t Type) String() string { return t.Elem.String() + t.Shape.String() }

// Value is a tensor that flows along the edges of a graph. Values are made by
// the methods of Graph and compared by identity.
type Value struct {
	Name  string
	Elem  Elem
	Shape Shape
	// Sequence marks a value that is a list of tensors: of the element type, each of any shape.
	Sequence bool

	// data holds a constant's elements, little-endian; nil for others.
	data []byte
	// known holds the elements of a computed shape as far as they can be told in advance; see Known.
	known []Dim
	// producer is the node that computes the value; nil for inputs and
	// constants.
	producer *Node
}

// Constant reports whether the value is an initializer.
func (v *Value) Constant() bool { return v.data != nil }

// Floats returns the elements of a float constant, or nil.
func (v *Value) Floats() []float32 {
	if v.data == nil || v.Elem != Float {
		return nil
	}
	values := make([]float32, len(v.data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(v.data[4*i:]))
	}
	return values
}

// Type returns the value's type.
func (v *Value) Type() Type { return Type{v.Elem, v.Shape} }

// Ints returns the elements of an int64 constant, or nil.
func (v *Value) Ints() []int64 {
	if v.data == nil || v.Elem != Int64 {
		return nil
	}
	values := make([]int64, len(v.data)/8)
	for i := range values {
		values[i] = int64(binary.LittleEndian.Uint64(v.data[8*i:]))
	}
	return values
}

// Known returns the elements of an integer vector or scalar if they can be told without
// running the graph. It is a constant, or a computed shape, whose elements may be multiples
// of symbols. Known returns nil if the elements are not known.
func (v *Value) Known() []Dim {
	if v.data == nil || v.Elem != Int64 {
		return v.known
	}
	known := make([]Dim, 0, len(v.data)/8)
	for _, n := range v.Ints() {
		known = append(known, Dim{Size: n})
	}
	return known
}

// SetKnown records what the elements of an integer vector or scalar will be; see Known.
func (v *Value) SetKnown(elements []Dim) { v.known = elements }

// Data returns the elements of a constant, little-endian, or nil.
func (v *Value) Data() []byte { return v.data }

// SetData replaces the elements of a constant by as many others, little-endian, of the
// type elem.
func (v *Value) SetData(elem Elem, data []byte) { v.Elem, v.data = elem, data }

// Size returns the size of a fixed dimension.
func (v *Value) Size(i int) int { return int(v.Shape[i].Size) }

// Producer returns the node that computes the value, or nil for graph inputs
// and constants.
func (v *Value) Producer() *Node { return v.producer }

// String returns the value's name, type and shape.
func (v *Value) String() string {
	return fmt.Sprintf("%s %s%s", v.Name, v.Elem, v.Shape)
}

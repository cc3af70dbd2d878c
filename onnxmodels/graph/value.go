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

// The element types that the graphs of this module use.
const (
	Float   Elem = 1
	Uint8   Elem = 2
	Int32   Elem = 6
	Int64   Elem = 7
	Bool    Elem = 9
	Float16 Elem = 10
)

// Floating tells whether the type is Float or Float16.
func (e Elem) Floating() bool { return e == Float || e == Float16 }

// Size returns the bytes of one element, or 0 for a type not listed above.
func (e Elem) Size() int {
	switch e {
	case Float, Int32:
		return 4
	case Uint8, Bool:
		return 1
	case Float16:
		return 2
	case Int64:
		return 8
	}
	return 0
}

// String returns the name of the type, for example "float32".
func (e Elem) String() string {
	switch e {
	case Float:
		return "float32"
	case Uint8:
		return "uint8"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	case Bool:
		return "bool"
	case Float16:
		return "float16"
	}
	return "type " + strconv.Itoa(int(e))
}

// Dim is one dimension: a fixed size, or a symbol whose size is known only
// when the graph runs.
type Dim struct {
	Size   int64  // of a fixed dimension
	Symbol string // of a symbolic dimension; empty if fixed
}

// Fixed returns a dimension of n.
func Fixed(n int) Dim { return Dim{Size: int64(n)} }

// Symbol returns a symbolic dimension.
func Symbol(name string) Dim { return Dim{Symbol: name} }

// String returns the size or the symbol.
func (d Dim) String() string {
	if d.Symbol != "" {
		return d.Symbol
	}
	return strconv.FormatInt(d.Size, 10)
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

// Equal tells whether both shapes have the same dimensions.
func (s Shape) Equal(o Shape) bool { return slices.Equal(s, o) }

// Elements returns the product of the fixed dimensions, and whether all of
// them are fixed.
func (s Shape) Elements() (n int, static bool) {
	n, static = 1, true
	for _, d := range s {
		if d.Symbol != "" {
			static = false
			continue
		}
		n *= int(d.Size)
	}
	return n, static
}

// String returns for example "[batch, 64, 32, 32]".
func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Value is a tensor that flows along the edges of a graph. Values are made by
// the methods of Graph and compared by identity.
type Value struct {
	Name  string
	Elem  Elem
	Shape Shape
	// Sequence marks a list of tensors of the element type, of any shapes.
	Sequence bool

	// data holds a constant's elements, little-endian; nil for others.
	data []byte
	// producer is the node that computes the value; nil for inputs and
	// constants.
	producer *Node
}

// Constant tells whether the value is an initializer.
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

// Producer returns the node that computes the value, or nil for graph inputs
// and constants.
func (v *Value) Producer() *Node { return v.producer }

// String returns the value's name, type and shape.
func (v *Value) String() string {
	return fmt.Sprintf("%s %s%s", v.Name, v.Elem, v.Shape)
}

// fixed returns the sizes of dimensions from i on, which must be fixed.
func (v *Value) fixed(i int) []int {
	sizes := make([]int, 0, len(v.Shape)-i)
	for _, d := range v.Shape[i:] {
		sizes = append(sizes, int(d.Size))
	}
	return sizes
}

// Attribute is a named constant of a node. Its value is an int64, a float32,
// a string, an []int64 or a []float32.
type Attribute struct {
	Name  string
	Value any
}

// flagOf is the value of an attribute that is true or false.
func flagOf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Node is one application of an operator. Inputs and outputs that are
// optional and left out are nil.
type Node struct {
	Op      string
	Domain  string // empty for ONNX's own operators
	Name    string
	Inputs  []*Value
	Outputs []*Value

	Attributes []Attribute
}

// Int returns the value of an integer attribute, or def if it is absent.
func (n *Node) Int(name string, def int64) int64 {
	if v, ok := n.attribute(name).(int64); ok {
		return v
	}
	return def
}

// Ints returns the value of an attribute that is a list of integers, or nil.
func (n *Node) Ints(name string) []int64 {
	v, _ := n.attribute(name).([]int64)
	return v
}

// Float returns the value of a floating-point attribute, or def if it is
// absent.
func (n *Node) Float(name string, def float32) float32 {
	if v, ok := n.attribute(name).(float32); ok {
		return v
	}
	return def
}

func (n *Node) attribute(name string) any {
	for _, a := range n.Attributes {
		if a.Name == name {
			return a.Value
		}
	}
	return nil
}

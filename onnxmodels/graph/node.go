package graph

import "fmt"

// Schema lists an operator's operands and attributes by name, as ONNX's operator schemas
// do. What the operator does is in package op.
type Schema struct {
	// Domain is empty for ONNX's own operators.
	Domain string
	// Op is the operator's name.
	Op string
	// Takes and Gives are the inputs and outputs in their order.
	Takes, Gives []Operand
	// Fields are the attributes.
	Fields []Field
}

// Operand is an input or an output of an operator.
type Operand struct {
	Name string
	// Optional operands may be left out.
	Optional bool
	// Variadic lets the last operand stand for any number of values, at least one.
	Variadic bool
	// Learned marks an input that networks learn, such as the weight of a convolution.
	Learned bool
	// Suffix is appended to the node's name to name an output's value.
	Suffix string
}

// Field declares an attribute that an operator has.
type Field struct {
	Name string
	// Default is the value for nodes that do not give the attribute. Its type is the
	// attribute's: int64, float32, string, []int64 or []float32.
	Default any
	// Required attributes have no default.
	Required bool
}

// suffix returns the suffix of output i.
func (s *Schema) suffix(i int) string {
	if len(s.Gives) == 0 {
		return fmt.Sprint(".out", i)
	}
	return s.Gives[min(i, len(s.Gives)-1)].Suffix
}

// indexOf returns the index of the operand of that name.
func indexOf(operands []Operand, name string) int {
	for i, o := range operands {
		if o.Name == name {
			return i
		}
	}
	panic("no operand is called " + name) // a mistake in the calling code
}

// Attribute is a named constant of a node. Its value is an int64, a float32,
// a string, an []int64, a []float32 or a *Literal (a tensor).
type Attribute struct {
	Name  string
	Value any
}

// Literal is the value of an attribute that is a tensor. Its elements are little-endian.
type Literal struct {
	Elem  Elem
	Sizes []int
	Data  []byte
}

// Node is one application of an operator. Inputs and outputs that are
// optional and left out are nil.
type Node struct {
	*Schema
	Name string
	// Asked is the name that the caller wanted. Name has a number appended if that
	// was taken.
	Asked      string
	Inputs     []*Value
	Outputs    []*Value
	Attributes []Attribute

	lastConstant *Value // the graph's last constant when the node was appended; nil if it had none
}

// Is reports whether the node applies this operator.
func (n *Node) Is(domain, op string) bool { return n != nil && n.Domain == domain && n.Op == op }

// In returns the input of the given name, nil if it is left out.
func (n *Node) In(name string) *Value { return at(n.Inputs, indexOf(n.Takes, name)) }

// Out returns the output of the given name, nil if it is left out.
func (n *Node) Out(name string) *Value { return at(n.Outputs, indexOf(n.Gives, name)) }

// at returns values[i], or nil if the trailing operands were left out.
func at(values []*Value, i int) *Value {
	if i >= len(values) {
		return nil
	}
	return values[i]
}

// SetIn makes v the input of the given name.
func (n *Node) SetIn(name string, v *Value) {
	i := indexOf(n.Takes, name)
	for len(n.Inputs) <= i {
		n.Inputs = append(n.Inputs, nil)
	}
	n.Inputs[i] = v
}

// Int returns the value of an integer attribute, or its default.
func (n *Node) Int(name string) int64 {
	v, _ := n.Attribute(name).(int64)
	return v
}

// Flag tells whether an integer attribute is not 0.
func (n *Node) Flag(name string) bool { return n.Int(name) != 0 }

// Ints returns the value of an attribute that is a list of integers, or its default.
func (n *Node) Ints(name string) []int64 {
	v, _ := n.Attribute(name).([]int64)
	return v
}

// Float returns the value of a floating-point attribute, or its default.
func (n *Node) Float(name string) float32 {
	v, _ := n.Attribute(name).(float32)
	return v
}

// Text returns the value of an attribute that is a string, or its default.
func (n *Node) Text(name string) string {
	v, _ := n.Attribute(name).(string)
	return v
}

// Attribute returns the value of an attribute, or its default; nil if it has none.
func (n *Node) Attribute(name string) any {
	for _, a := range n.Attributes {
		if a.Name == name {
			return a.Value
		}
	}
	for _, f := range n.Fields {
		if f.Name == name {
			return f.Default
		}
	}
	return nil
}

// Set sets an attribute of the node, replacing its value if the node has it already.
func (n *Node) Set(name string, value any) {
	for i, a := range n.Attributes {
		if a.Name == name {
			n.Attributes[i].Value = value
			return
		}
	}
	n.Attributes = append(n.Attributes, Attribute{name, value})
}

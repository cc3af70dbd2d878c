package graph

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Graph is a graph under construction. The zero value is not usable; see New.
type Graph struct {
	Name      string
	Inputs    []*Value
	Outputs   []*Value
	Nodes     []*Node
	Constants []*Value

	valueNames map[string]bool // names that are taken
	nodeNames  map[string]bool
	prefix     string
	err        error
}

// New returns an empty graph.
func New(name string) *Graph {
	return &Graph{Name: name, valueNames: map[string]bool{}, nodeNames: map[string]bool{}}
}

// Err returns the first mistake that was made in building the graph.
func (g *Graph) Err() error { return g.err }

// Prefix puts s before the names of the nodes that are appended from now on,
// so that parts of a graph can be told apart.
func (g *Graph) Prefix(s string) { g.prefix = s }

// Local returns a name without the current prefix.
func (g *Graph) Local(name string) string { return strings.TrimPrefix(name, g.prefix) }

// Input appends a graph input.
func (g *Graph) Input(name string, elem Elem, shape Shape) *Value {
	v := g.value(name, elem, shape)
	if v.Name != name {
		g.Fail("input %q: the name is taken", name)
	}
	g.Inputs = append(g.Inputs, v)
	return v
}

// Output makes v a graph output.
func (g *Graph) Output(v *Value) { g.Outputs = append(g.Outputs, v) }

// Named reports whether some value of the graph has the name.
func (g *Graph) Named(name string) bool { return g.valueNames[name] }

// Rename gives v another name, for outputs that callers ask for by name.
func (g *Graph) Rename(v *Value, name string) {
	if g.valueNames[name] {
		g.Fail("rename %q: the name %q is taken", v.Name, name)
		return
	}
	delete(g.valueNames, v.Name)
	g.valueNames[name] = true
	v.Name = name
}

// Floats appends a constant of the given sizes and elements.
func (g *Graph) Floats(name string, sizes []int, elements []float32) *Value {
	data := make([]byte, 0, 4*len(elements))
	for _, f := range elements {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(f))
	}
	return g.Constant(name, Float, sizes, data)
}

// Scalar appends a constant without dimensions.
func (g *Graph) Scalar(name string, f float32) *Value {
	return g.Floats(name, nil, []float32{f})
}

// Ints appends a constant vector of integers, the form in which operators
// take axes and shapes.
func (g *Graph) Ints(name string, elements ...int64) *Value {
	return g.IntTensor(name, []int{len(elements)}, elements)
}

// IntTensor appends a constant of the given sizes and integers.
func (g *Graph) IntTensor(name string, sizes []int, elements []int64) *Value {
	data := make([]byte, 0, 8*len(elements))
	for _, n := range elements {
		data = binary.LittleEndian.AppendUint64(data, uint64(n))
	}
	return g.Constant(name, Int64, sizes, data)
}

// Constant appends a constant of the given type and sizes, whose elements are little-endian.
func (g *Graph) Constant(name string, elem Elem, sizes []int, data []byte) *Value {
	v := g.value(g.prefix+name, elem, Static(sizes...))
	if n, _ := v.Shape.Elements(); n*elem.Size() != len(data) {
		g.Fail("constant %q: shape %s needs %d elements, got %d", name, v.Shape, n, len(data)/elem.Size())
	}
	if v.data = data; data == nil {
		v.data = []byte{}
	}
	g.Constants = append(g.Constants, v)
	return v
}

// value makes a value. If the name is taken, a number is appended to it.
func (g *Graph) value(name string, elem Elem, shape Shape) *Value {
	return &Value{Name: unique(g.valueNames, name), Elem: elem, Shape: shape}
}

// unique marks a name as taken and returns it: name itself, or name with a number
// appended if it was taken already.
func unique(taken map[string]bool, name string) string {
	free := name
	for i := 2; taken[free]; i++ {
		free = name + "_" + strconv.Itoa(i)
	}
	taken[free] = true
	return free
}

// Append appends a node of the operator and returns it. It gets one output for each type;
// a type whose Elem is 0 stands for an optional output that is left out. If the name is
// taken, a number is appended to it.
func (g *Graph) Append(s *Schema, name string, inputs []*Value, attributes []Attribute, outputs ...Type) *Node {
	n := &Node{Schema: s, Name: unique(g.nodeNames, g.prefix+name), Asked: g.prefix + name, Inputs: inputs, Attributes: attributes}
	if last := len(g.Constants) - 1; last >= 0 {
		n.lastConstant = g.Constants[last]
	}
	for i, t := range outputs {
		if t.Elem == 0 {
			n.Outputs = append(n.Outputs, nil)
			continue
		}
		v := g.value(n.Name+s.suffix(i), t.Elem, t.Shape)
		v.producer = n
		n.Outputs = append(n.Outputs, v)
	}
	g.Nodes = append(g.Nodes, n)
	return n
}

// AddOutput gives a node of the graph one more output.
func (g *Graph) AddOutput(n *Node, suffix string, t Type) *Value {
	v := g.value(n.Name+suffix, t.Elem, t.Shape)
	v.producer = n
	n.Outputs = append(n.Outputs, v)
	return v
}

// Fail records a mistake; the first one is kept.
func (g *Graph) Fail(format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf("build graph %q: "+format, append([]any{g.Name}, args...)...)
	}
}

// ClearErr forgets the mistake, for readers that report each node's mistake and go on.
func (g *Graph) ClearErr() { g.err = nil }

// PeakBytes returns the most bytes that the nodes' results take at any time, if the nodes
// run in their order and each result is freed after its last use. Symbolic dimensions
// count as 1.
func (g *Graph) PeakBytes() int64 {
	last := map[*Value]int{}
	for i, n := range g.Nodes {
		for _, in := range n.Inputs {
			last[in] = i
		}
	}
	for _, out := range g.Outputs {
		last[out] = len(g.Nodes)
	}
	var now, peak int64
	ending := map[int]int64{} // bytes that are freed after a node
	for i, n := range g.Nodes {
		for _, out := range n.Outputs {
			if out == nil {
				continue
			}
			elements, _ := out.Shape.Elements()
			bytes := int64(elements * out.Elem.Size())
			now += bytes
			ending[max(last[out], i)] += bytes
		}
		peak = max(peak, now)
		now -= ending[i]
	}
	return peak
}

package graph

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// Microsoft is the domain of ONNX Runtime's own operators.
const Microsoft = "com.microsoft"

// Graph is a graph under construction. The zero value is not usable; see New.
type Graph struct {
	Name      string
	Inputs    []*Value
	Outputs   []*Value
	Nodes     []*Node
	Constants []*Value

	names  map[string]bool // of values
	nodes  map[string]bool // names of nodes
	prefix string
	err    error
}

// New returns an empty graph.
func New(name string) *Graph {
	return &Graph{Name: name, names: map[string]bool{}, nodes: map[string]bool{}}
}

// Err returns the first mistake that was made in building the graph.
func (g *Graph) Err() error { return g.err }

// Prefix puts s before the names of the nodes that are appended from now on,
// so that parts of a graph can be told apart.
func (g *Graph) Prefix(s string) { g.prefix = s }

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

// Rename gives v another name, for outputs whose names matter outside.
func (g *Graph) Rename(v *Value, name string) {
	if g.names[name] {
		g.Fail("rename %q: the name %q is taken", v.Name, name)
		return
	}
	delete(g.names, v.Name)
	g.names[name] = true
	v.Name = name
}

// Floats appends a constant of the given sizes and elements.
func (g *Graph) Floats(name string, sizes []int, elements []float32) *Value {
	data := make([]byte, 0, 4*len(elements))
	for _, f := range elements {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(f))
	}
	return g.constant(name, Float, sizes, data)
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
	return g.constant(name, Int64, sizes, data)
}

func (g *Graph) constant(name string, elem Elem, sizes []int, data []byte) *Value {
	v := g.value(g.prefix+name, elem, Static(sizes...))
	if n, _ := v.Shape.Elements(); n*elem.Size() != len(data) {
		g.Fail("constant %q: shape %s needs %d elements, got %d", name, v.Shape, n, len(data)/elem.Size())
	}
	v.data = data
	g.Constants = append(g.Constants, v)
	return v
}

// value makes a value with the name, or the name with a number if it is taken.
func (g *Graph) value(name string, elem Elem, shape Shape) *Value {
	return &Value{Name: unique(g.names, name), Elem: elem, Shape: shape}
}

// unique returns the name, with a number if it is taken, and takes it.
func unique(taken map[string]bool, name string) string {
	free := name
	for i := 2; taken[free]; i++ {
		free = name + "_" + strconv.Itoa(i)
	}
	taken[free] = true
	return free
}

// typed is the type and shape of an output that is to be made.
type typed struct {
	suffix string // of the output's name after the node's
	elem   Elem
	shape  Shape
}

func like(suffix string, v *Value) typed { return typed{suffix, v.Elem, v.Shape} }

// node appends a node and returns its outputs; an output of no element type
// is left out.
func (g *Graph) node(domain, op, name string, inputs []*Value, attributes []Attribute, outputs ...typed) []*Value {
	name = unique(g.nodes, g.prefix+name)
	n := &Node{Op: op, Domain: domain, Name: name, Inputs: inputs, Attributes: attributes}
	for _, t := range outputs {
		if t.elem == 0 {
			n.Outputs = append(n.Outputs, nil)
			continue
		}
		v := g.value(name+t.suffix, t.elem, t.shape)
		v.producer = n
		n.Outputs = append(n.Outputs, v)
	}
	g.Nodes = append(g.Nodes, n)
	return n.Outputs
}

// op appends a node of ONNX's own domain with one output.
func (g *Graph) op(op, name string, elem Elem, shape Shape, inputs []*Value, attributes ...Attribute) *Value {
	return g.node("", op, name, inputs, attributes, typed{".out", elem, shape})[0]
}

// Fail records a mistake; the first one is kept.
func (g *Graph) Fail(format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf("build graph %q: "+format, append([]any{g.Name}, args...)...)
	}
}

// expect checks that v is of the element type, or for Float of any that is
// floating, and of the rank, and that its dimensions from `fixed` on have fixed
// sizes. After a failure the caller returns v or any other value: the graph is
// void.
func (g *Graph) expect(op, name string, v *Value, elem Elem, rank, fixed int) bool {
	if g.err != nil || !g.given(op, name, v) {
		return false
	}
	if v.Elem != elem && (elem != Float || !v.Elem.Floating()) || len(v.Shape) != rank {
		g.Fail("%s %q: input %s, want %s of rank %d", op, name, v, elem, rank)
		return false
	}
	for _, d := range v.Shape[min(fixed, rank):] {
		if d.Symbol != "" {
			g.Fail("%s %q: input %s, want fixed sizes from dimension %d on", op, name, v, fixed)
			return false
		}
	}
	return true
}

// given checks that no input is nil.
func (g *Graph) given(op, name string, inputs ...*Value) bool {
	for i, v := range inputs {
		if v == nil {
			g.Fail("%s %q: input %d is nil", op, name, i)
			return false
		}
	}
	return true
}

// has checks that v has the dimension, counted from 0.
func (g *Graph) has(op, name string, v *Value, dimension int) bool {
	if !g.given(op, name, v) {
		return false
	}
	if dimension < 0 || dimension >= len(v.Shape) {
		g.Fail("%s %q: input %s has no dimension %d", op, name, v, dimension)
		return false
	}
	return true
}

// same checks that a and b have one type and shape.
func (g *Graph) same(op, name string, a, b *Value) bool {
	if g.err != nil || !g.given(op, name, a, b) {
		return false
	}
	if a.Elem != b.Elem || !a.Shape.Equal(b.Shape) {
		g.Fail("%s %q: inputs %s and %s differ", op, name, a, b)
		return false
	}
	return true
}

// PeakBytes returns the most bytes that the results of nodes take at a time, if the
// nodes run in their order and what no later one uses is forgotten. Dimensions
// without a fixed size count as 1.
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
	ending := map[int]int64{} // bytes that are forgotten after a node
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

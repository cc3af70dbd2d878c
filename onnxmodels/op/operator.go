package op

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"onnxlab/onnxmodels/graph"
)

// The domains of operators beside ONNX's own, which is "".
const (
	// Microsoft is the domain of ONNX Runtime's own operators.
	Microsoft = "com.microsoft"
	// Marked is the domain of operators that a target replaces: see package lower.
	Marked = graph.Marked
)

// Operator describes one operator.
type Operator struct {
	graph.Schema
	// Infer returns the types of all outputs of a node, given the types of its inputs,
	// or an error if the inputs do not fit. The elements of n.Outputs are still nil; only
	// their number counts.
	Infer func(n *graph.Node) ([]graph.Type, error)
	// Gradient appends the gradients with respect to the inputs, given those with respect
	// to the outputs, dy, which are nil for outputs that do not affect the loss. It returns
	// one value for each input, nil for a gradient of 0. Gradient itself is nil if the
	// operator cannot be differentiated.
	Gradient func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value
	// Cost returns the number of multiply-adds that a node takes, including those of pads.
	// Symbolic dimensions count as 1. Nil means none: the time of such operators depends
	// on the memory that they read and write.
	Cost func(n *graph.Node) int64
	// Eval computes the outputs of a node in pure Go. Inputs that are left out are nil.
	// It must not write to the inputs. Nil means that pure Go cannot compute the operator.
	Eval func(n *graph.Node, in []*Tensor) ([]*Tensor, error)
	// Moves says that the operator only moves elements: every element of the outputs is a
	// copy of an element of the first input (of any input, if they are variadic), and
	// which one depends only on shapes, attributes and the other inputs.
	Moves bool
	// Known returns the elements of the first output, an integer vector or scalar, given
	// the known elements of the inputs: see [graph.Value.Known]. It returns nil if they
	// cannot be told. For most operators, Known itself is nil.
	Known func(n *graph.Node) []graph.Dim
	// From and Until are the first and the last opset in which ONNX has the operator in
	// this variant. From 0 means the oldest known opset, Until 0 the newest. Opset 17, in
	// which graphs are written, is always between them. For other opsets see [Variant].
	From, Until int
}

type key struct{ domain, op string }

// table holds every operator. It does not change after the packages are initialised.
var table = map[key]*Operator{}

// Register adds an operator to the table. It is called while packages are initialised.
func Register(o *Operator) *Operator {
	k := key{o.Domain, o.Op}
	if table[k] != nil {
		panic(fmt.Sprintf("operator %s.%s is declared twice", o.Domain, o.Op))
	}
	table[k] = o
	return o
}

// Lookup returns an operator, nil if it is not known. ONNX's own domain is "" or
// "ai.onnx".
func Lookup(domain, op string) *Operator {
	if domain == "ai.onnx" {
		domain = ""
	}
	return table[key{domain, op}]
}

// Of returns the operator of a node, nil if it is not known.
func Of(n *graph.Node) *Operator { return Lookup(n.Domain, n.Op) }

// All returns every operator, sorted by domain and name.
func All() []*Operator {
	return slices.SortedFunc(maps.Values(table), func(a, b *Operator) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Op, b.Op))
	})
}

// Takes declares inputs by their names. After a name, "?" marks an optional input, "*" a variadic
// one, and "!" one that networks learn.
func Takes(names ...string) []graph.Operand { return operands(names) }

// Gives declares outputs as Takes declares inputs. A space and a suffix may follow the name: the
// suffix is appended to the node's name to name the output's value, and is ".out" by default.
func Gives(names ...string) []graph.Operand { return operands(names) }

func operands(names []string) []graph.Operand {
	list := make([]graph.Operand, len(names))
	for i, name := range names {
		name, suffix, given := strings.Cut(name, " ")
		if !given {
			suffix = ".out"
		}
		list[i] = graph.Operand{
			Name: strings.TrimRight(name, "?*!"), Suffix: suffix,
			Optional: strings.Contains(name, "?"), Variadic: strings.Contains(name, "*"), Learned: strings.Contains(name, "!"),
		}
	}
	return list
}

// Fields declares attributes, by pairs of a name and a default. An attribute whose default is a
// Required has none and must be given.
func Fields(pairs ...any) []graph.Field {
	var list []graph.Field
	for i := 0; i < len(pairs); i += 2 {
		f := graph.Field{Name: pairs[i].(string), Default: pairs[i+1]}
		if r, ok := pairs[i+1].(Required); ok {
			f.Default, f.Required = r.Like, true
		}
		list = append(list, f)
	}
	return list
}

// Required takes the place of the default of an attribute that must be given. Like is any value
// of the attribute's type.
type Required struct{ Like any }

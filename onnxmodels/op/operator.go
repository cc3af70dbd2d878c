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
	// Microsoft is that of ONNX Runtime's own operators.
	Microsoft = "com.microsoft"
	// Marked is that of operators that a target replaces: see package lower.
	Marked = graph.Marked
)

// Operator is what this module knows of one operator.
type Operator struct {
	graph.Schema
	// Infer returns the types of all outputs of a node whose inputs have types, and
	// an error if they do not fit. The node's Outputs are nil: their number is how
	// many there are.
	Infer func(n *graph.Node) ([]graph.Type, error)
	// Gradient appends the gradients by the inputs, given those by the outputs (nil
	// for an output that no gradient reaches): one an input, nil where there is none.
	// It is nil itself for an operator without gradient.
	Gradient func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value
	// Cost returns the multiplications with additions that a node takes, pads
	// included; symbolic dimensions count as 1. Nil means none: such operators take
	// the time of memory.
	Cost func(n *graph.Node) int64
	// Eval computes the outputs of a node from those of its inputs that are there.
	// It must not write to them. Nil means that there is no pure Go form.
	Eval func(n *graph.Node, in []*Tensor) ([]*Tensor, error)
	// Moves tells that every element of the outputs is one of the first input (of any
	// input, if they are variadic), whatever it is, at a place that only shapes,
	// attributes and further inputs decide.
	Moves bool
	// Known tells the elements of the first output where it is a list of integers of
	// which the inputs' are known: see [graph.Value.Known]. It returns nil if they
	// cannot be told. It is nil itself for most operators.
	Known func(n *graph.Node) []graph.Dim
	// From and Until are the first and the last opset in which ONNX has the operator in
	// this form. 0 is the oldest, or the newest, that this module knows; opset 17,
	// in which graphs are written, is always between them. Other opsets have other
	// forms: see [Form].
	From, Until int
}

type key struct{ domain, op string }

// table has every operator. It does not change once the packages are initialised.
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

// All returns every operator, by domain and name.
func All() []*Operator {
	return slices.SortedFunc(maps.Values(table), func(a, b *Operator) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Op, b.Op))
	})
}

// Takes declares inputs by their names. One that ends in "?" is optional, one in "*"
// variadic; "!" marks what networks learn.
func Takes(names ...string) []graph.Operand { return operands(names) }

// Gives declares outputs as Takes does inputs. After the name and a space comes the
// suffix of the names of their values, which is ".out" if there is none.
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

// Fields declares attributes: a name and its default, again and again. A default that
// is a Required is none.
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

// Required is in place of the default of an attribute that must be given. Like has its
// type.
type Required struct{ Like any }

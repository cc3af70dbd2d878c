package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// OldestOpset and NewestOpset are the oldest and the newest opset of models that can be read.
const (
	OldestOpset = 7
	NewestOpset = 28
)

// Variant is an operator as models of some opsets have it, where it differs from the operator that
// graphs have: older versions, newer versions, and operators that graphs do not have at all
// because others compute the same.
type Variant struct {
	graph.Schema
	// From and Until are the first and the last opset that has this variant. From 0 means the
	// oldest known opset, Until 0 the newest. Both count only in ONNX's own domain.
	From, Until int
	// Build appends operators of the table that compute what the node n does, and
	// returns its outputs, nil for those that n does not have. n itself is not part of the
	// graph, but its inputs are and have types. As for Operator.Infer, the elements of
	// n.Outputs are nil, and only their number counts.
	Build func(b Builder, n *graph.Node) ([]*graph.Value, error)
}

// variants holds the variants of each operator, in the order of their opsets.
var variants = map[key][]*Variant{}

// RegisterVariants adds variants of operators. It is called while packages are initialised, and
// returns a value, which means nothing, so that "var _ =" can call it.
func RegisterVariants(list ...*Variant) struct{} {
	for _, v := range list {
		k := key{v.Domain, v.Op}
		variants[k] = append(variants[k], v)
	}
	return struct{}{}
}

// Resolve returns the variant that an operator of a model has in an opset. If it is the variant of the
// table itself, Build is nil. Resolve returns an error if the operator, or its variant in this
// opset, is not known.
func Resolve(domain, name string, opset int) (*Variant, error) {
	if domain == "ai.onnx" {
		domain = ""
	}
	has := func(from, until int) bool { // the opset has a variant with these bounds
		return domain != "" || opset >= from && (until == 0 || opset <= until)
	}
	k := key{domain, name}
	for _, v := range variants[k] {
		if has(v.From, v.Until) {
			return v, nil
		}
	}
	o := table[k]
	switch {
	case o != nil && o.Domain != Marked && has(o.From, o.Until):
		return &Variant{Schema: o.Schema}, nil
	case o == nil && variants[k] == nil:
		return nil, fmt.Errorf("the operator is not known")
	}
	return nil, fmt.Errorf("the version that the operator has in opset %d is not known", opset)
}

// Claims returns the names of ONNX's own operators that are supported in models of some opset,
// in alphabetical order. ONNX's tests of these operators must pass.
func Claims() []string {
	var names []string
	for k, o := range table {
		if k.domain == "" && o.Eval != nil {
			names = append(names, k.op)
		}
	}
	for k := range variants {
		if k.domain == "" && !slices.Contains(names, k.op) {
			names = append(names, k.op)
		}
	}
	slices.Sort(names)
	return names
}

// Express appends the operators of the table that compute a node of a model, which the call
// describes and whose operator has the variant v. It returns the node's outputs, nil for those
// that are not wanted, or an error if inputs or attributes do not fit the variant.
func (b Builder) Express(v *Variant, c Call) ([]*graph.Value, error) {
	if err := checkInputs(v.Takes, c.Inputs); err != nil {
		return nil, err
	}
	if err := CheckAttributes(&v.Schema, c.Attributes); err != nil {
		return nil, err
	}
	if v.Build == nil {
		out := b.Do(v.Domain, v.Op, c)
		return out, b.Err()
	}
	n := &graph.Node{Schema: &v.Schema, Name: c.Name, Inputs: c.Inputs, Attributes: c.Attributes, Outputs: make([]*graph.Value, len(c.Want))}
	out, err := v.Build(b, n)
	if err == nil {
		err = b.Err()
	}
	return out, err
}

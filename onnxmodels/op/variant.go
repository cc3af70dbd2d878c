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

// Form is an operator as models of some opsets have it, where it differs from the operator that
// graphs have: older versions, newer versions, and operators that graphs do not have at all
// because others compute the same.
type Form struct {
	graph.Schema
	// From and Until are the first and the last opset that has this form. From 0 means the
	// oldest known opset, Until 0 the newest. Both count only in ONNX's own domain.
	From, Until int
	// Build appends operators of the table that compute what the node n does, and
	// returns its outputs, nil for those that n does not have. n itself is not part of the
	// graph, but its inputs are and have types. Its Outputs are as for Infer.
	Build func(b Builder, n *graph.Node) ([]*graph.Value, error)
}

// forms holds the forms of each operator, in the order of their opsets.
var forms = map[key][]*Form{}

// RegisterForms adds forms of operators. It is called while packages are initialised.
func RegisterForms(list ...*Form) struct{} {
	for _, f := range list {
		k := key{f.Domain, f.Op}
		forms[k] = append(forms[k], f)
	}
	return struct{}{}
}

// Resolve returns the form that an operator of a model has in an opset. If it is the form of the
// table itself, Build is nil. Resolve returns an error if the operator, or its form in this
// opset, is not known.
func Resolve(domain, name string, opset int) (*Form, error) {
	if domain == "ai.onnx" {
		domain = ""
	}
	in := func(from, until int) bool {
		return domain != "" || opset >= from && (until == 0 || opset <= until)
	}
	k := key{domain, name}
	for _, f := range forms[k] {
		if in(f.From, f.Until) {
			return f, nil
		}
	}
	o := table[k]
	switch {
	case o != nil && o.Domain != Marked && in(o.From, o.Until):
		return &Form{Schema: o.Schema}, nil
	case o == nil && forms[k] == nil:
		return nil, fmt.Errorf("the operator is not known")
	}
	return nil, fmt.Errorf("the form that the operator has in opset %d is not known", opset)
}

// Claims returns the names of ONNX's own operators that are supported in models of some opset,
// in alphabetical order.
func Claims() []string {
	var names []string
	for k, o := range table {
		if k.domain == "" && o.Eval != nil {
			names = append(names, k.op)
		}
	}
	for k := range forms {
		if k.domain == "" && !slices.Contains(names, k.op) {
			names = append(names, k.op)
		}
	}
	slices.Sort(names)
	return names
}

// Express appends the operators that compute a node of a model, described by the call, whose
// operator has the form f. It returns the node's outputs, nil for those that are not wanted.
func (b Builder) Express(f *Form, c Call) ([]*graph.Value, error) {
	if err := checkInputs(f.Takes, c.Inputs); err != nil {
		return nil, err
	}
	if err := CheckAttributes(&f.Schema, c.Attributes); err != nil {
		return nil, err
	}
	if f.Build == nil {
		out := b.Do(f.Domain, f.Op, c)
		return out, b.Err()
	}
	n := &graph.Node{Schema: &f.Schema, Name: c.Name, Inputs: c.Inputs, Attributes: c.Attributes, Outputs: make([]*graph.Value, len(c.Want))}
	out, err := f.Build(b, n)
	if err == nil {
		err = b.Err()
	}
	return out, err
}

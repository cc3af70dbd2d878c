package op

import (
	"fmt"
	"reflect"

	"onnxlab/onnxmodels/graph"
)

// Builder appends operators to a graph. The graph keeps the first mistake (see graph.Graph.Err);
// whatever is built after it is meaningless.
type Builder struct {
	*graph.Graph
	folds bool
}

// On returns a builder for the graph.
func On(g *graph.Graph) Builder { return Builder{Graph: g} }

// Folding returns a builder that evaluates operators at once where their inputs are constants
// or known shapes, and appends the results as constants: see fold.
func Folding(g *graph.Graph) Builder { return Builder{Graph: g, folds: true} }

// Call is one use of an operator.
type Call struct {
	// Name is the name of the node.
	Name string
	// Inputs are in the operator's order; an input that is left out is nil.
	Inputs     []*graph.Value
	Attributes []graph.Attribute
	// Want marks the outputs that the node gets; nil means all that are not optional. If the
	// output is variadic, the length of Want is the number of outputs.
	Want []bool
	// Types, if given, are the types of the outputs. They are needed where types cannot be
	// inferred from the inputs, or where symbols should get other names. They must agree
	// with whatever can be inferred.
	Types []graph.Type
}

// Do appends a node of the operator and returns its outputs, nil for those that are not
// wanted. After a mistake it returns placeholders, which are not nil, so that callers can go on.
func (b Builder) Do(domain, op string, c Call) []*graph.Value {
	o := Lookup(domain, op)
	if o == nil {
		b.Fail("%s %q: there is no such operator", op, c.Name)
		return b.void(c)
	}
	if c.Want == nil {
		for _, out := range o.Gives {
			if !out.Optional {
				c.Want = append(c.Want, true)
			}
		}
	}
	for n := len(c.Inputs); n > 0 && n <= len(o.Takes) && o.Takes[n-1].Optional && c.Inputs[n-1] == nil; n-- {
		c.Inputs = c.Inputs[:n-1]
	}
	if b.Err() != nil {
		return b.void(c)
	}
	types, err := o.typesOf(c)
	if err != nil {
		b.Fail("%s %q: %w", o.Op, c.Name, err)
		return b.void(c)
	}
	if b.folds {
		if constants := b.fold(o, c, types); constants != nil {
			return constants
		}
	}
	for i, want := range c.Want {
		if !want {
			types[i] = graph.Type{}
		}
	}
	n := b.Append(&o.Schema, c.Name, c.Inputs, c.Attributes, types...)
	if b.folds {
		o.setKnown(n)
	}
	return n.Outputs
}

// one is Do for an operator of ONNX's own with one output.
func (b Builder) one(op, name string, inputs []*graph.Value, attributes ...graph.Attribute) *graph.Value {
	return b.in("", op, name, inputs, attributes...)
}

// in is Do for an operator of the domain with one output.
func (b Builder) in(domain, op, name string, inputs []*graph.Value, attributes ...graph.Attribute) *graph.Value {
	return b.Do(domain, op, Call{Name: name, Inputs: inputs, Attributes: attributes})[0]
}

// void returns placeholders for the outputs of a call that failed.
func (b Builder) void(c Call) []*graph.Value {
	v := &graph.Value{Name: c.Name, Elem: graph.Float}
	for _, in := range c.Inputs {
		if in != nil {
			v = in
			break
		}
	}
	values := make([]*graph.Value, max(len(c.Want), 1))
	for i := range values {
		values[i] = v
	}
	return values
}

// typesOf checks the call and returns the types of its outputs.
func (o *Operator) typesOf(c Call) ([]graph.Type, error) {
	if err := checkInputs(o.Takes, c.Inputs); err != nil {
		return nil, err
	}
	if err := CheckAttributes(&o.Schema, c.Attributes); err != nil {
		return nil, err
	}
	n := &graph.Node{Schema: &o.Schema, Name: c.Name, Inputs: c.Inputs, Attributes: c.Attributes, Outputs: make([]*graph.Value, len(c.Want))}
	types, err := o.Infer(n)
	if err != nil {
		return nil, err
	}
	for i := range c.Types {
		if !fits(c.Types[i], types[i]) {
			return nil, fmt.Errorf("its output is %s, not %s", types[i], c.Types[i])
		}
		types[i] = c.Types[i]
	}
	return types[:len(c.Want)], nil
}

// fits reports whether a declared type agrees with the inferred one: dimensions that are fixed
// in both must be equal. An inferred shape of nil agrees with any shape.
func fits(declared, inferred graph.Type) bool {
	if declared.Elem != inferred.Elem {
		return false
	}
	if inferred.Shape == nil {
		return true
	}
	if len(declared.Shape) != len(inferred.Shape) {
		return false
	}
	for i, d := range declared.Shape {
		if e := inferred.Shape[i]; d.Symbol == "" && e.Symbol == "" && d != e {
			return false
		}
	}
	return true
}

// checkInputs checks that no input is missing and that there are not too many.
func checkInputs(takes []graph.Operand, inputs []*graph.Value) error {
	variadic := len(takes) > 0 && takes[len(takes)-1].Variadic
	switch {
	case variadic && len(inputs) < len(takes):
		return fmt.Errorf("there are no inputs")
	case !variadic && len(inputs) > len(takes):
		return fmt.Errorf("%d inputs, want at most %d", len(inputs), len(takes))
	}
	for i, o := range takes {
		if !o.Optional && (i >= len(inputs) || inputs[i] == nil) {
			return fmt.Errorf("input %s is missing", o.Name)
		}
	}
	if variadic {
		for i, v := range inputs {
			if v == nil {
				return fmt.Errorf("input %d is missing", i)
			}
		}
	}
	return nil
}

// CheckAttributes returns an error that names an attribute which the operator does not have,
// which has the wrong type, or which is required and missing.
func CheckAttributes(s *graph.Schema, attributes []graph.Attribute) error {
	given := map[string]bool{}
	for _, a := range attributes {
		field := fieldOf(s, a.Name)
		switch {
		case field == nil:
			return fmt.Errorf("attribute %q is not supported", a.Name)
		case reflect.TypeOf(field.Default) != reflect.TypeOf(a.Value):
			return fmt.Errorf("attribute %q has the wrong type", a.Name)
		}
		given[a.Name] = true
	}
	for _, f := range s.Fields {
		if f.Required && !given[f.Name] {
			return fmt.Errorf("attribute %q is missing", f.Name)
		}
	}
	return nil
}

func fieldOf(s *graph.Schema, name string) *graph.Field {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return &s.Fields[i]
		}
	}
	return nil
}

// The rest of this file holds what Infer functions share: their results and their checks.

// FirstType is the Infer function of operators whose only output has the type of the first
// input.
func FirstType(n *graph.Node) ([]graph.Type, error) {
	return []graph.Type{n.Inputs[0].Type()}, nil
}

// like returns one output type for each of the values: its type.
func like(values ...*graph.Value) ([]graph.Type, error) {
	types := make([]graph.Type, len(values))
	for i, v := range values {
		types[i] = v.Type()
	}
	return types, nil
}

// typed returns the type of a single output.
func typed(elem graph.Elem, shape graph.Shape) ([]graph.Type, error) {
	return []graph.Type{{Elem: elem, Shape: shape}}, nil
}

// wantRank checks the rank of an input and that its elements are floating-point numbers.
func wantRank(v *graph.Value, rank int) error {
	if !v.Elem.Floating() || len(v.Shape) != rank {
		return fmt.Errorf("input %s, want floating-point numbers of rank %d", v, rank)
	}
	return nil
}

// wantFixed checks that the dimensions from i on have fixed sizes.
func wantFixed(v *graph.Value, i int) error {
	for _, d := range v.Shape[min(i, len(v.Shape)):] {
		if d.Symbol != "" {
			return fmt.Errorf("input %s, want fixed sizes from dimension %d on", v, i)
		}
	}
	return nil
}

func errDiffer(a, b *graph.Value) error { return fmt.Errorf("inputs %s and %s differ", a, b) }

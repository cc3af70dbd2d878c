package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// reader builds the graph of a model, node by node.
type reader struct {
	model  *modelfile.Model
	opsets map[string]int
	b      op.Builder
	values map[string]*graph.Value
	// broken holds the names of values that could not be built. Nodes that depend on them
	// are skipped without an error of their own.
	broken map[string]bool
	named  map[*graph.Value]bool // values that already have a name of the file: see keepName
	faults []error
	// float32 converts all floating-point numbers to float32.
	float32 bool
	// parameters are the tensors that become inputs of the graph.
	parameters map[string]bool
	// batch is the batch size that the file fixes, which becomes a symbol here; 0 if the
	// file leaves it open.
	batch int64
}

func newReader(m *modelfile.Model) *reader {
	r := &reader{
		model: m, opsets: map[string]int{}, b: op.Folding(graph.New(m.GetGraph().GetName())),
		values: map[string]*graph.Value{"": nil}, broken: map[string]bool{}, parameters: map[string]bool{}, named: map[*graph.Value]bool{},
	}
	for _, o := range m.GetOpsetImport() {
		domain := o.GetDomain()
		if domain == "ai.onnx" {
			domain = ""
		}
		r.opsets[domain] = int(o.GetVersion())
	}
	return r
}

// checkOpset checks the version of ONNX's own operators.
func (r *reader) checkOpset() error {
	if v := r.opsets[""]; v < op.OldestOpset || v > op.NewestOpset {
		return fmt.Errorf("it has opset %d; opsets %d to %d are supported", v, op.OldestOpset, op.NewestOpset)
	}
	return nil
}

// read appends the initializers and nodes. The inputs are there already.
func (r *reader) read() error {
	if err := r.checkOpset(); err != nil {
		return err
	}
	for _, t := range r.model.GetGraph().GetInitializer() {
		r.tensor(t.GetName(), t)
	}
	r.unknown()
	r.nodes(r.model.GetGraph().GetNode())
	return r.failed()
}

// nodes appends the operators of a list of nodes. It collects their errors in r.faults.
func (r *reader) nodes(list []*onnxpb.Node) {
	for i, n := range list {
		if err := r.node(n); err != nil {
			r.faults = append(r.faults, fmt.Errorf("node %s: %w", describe(n, i), err))
			for _, out := range n.GetOutput() {
				r.broken[out] = true
			}
		}
	}
}

// unknown adds a fault for every node whose operator is not known, even if the node depends on
// another such node.
func (r *reader) unknown() {
	for i, n := range r.model.GetGraph().GetNode() {
		if isConstant(n) || isBranch(n) {
			continue
		}
		if _, err := op.Resolve(n.GetDomain(), n.GetOpType(), r.opsets[""]); err != nil {
			r.faults = append(r.faults, fmt.Errorf("node %s: %w", describe(n, i), err))
			for _, out := range n.GetOutput() {
				r.broken[out] = true
			}
		}
	}
}

func isConstant(n *onnxpb.Node) bool {
	return n.GetOpType() == "Constant" && (n.GetDomain() == "" || n.GetDomain() == "ai.onnx")
}

// failed returns all faults as one error.
func (r *reader) failed() error {
	const most = 20
	list := r.faults
	if more := len(list) - most; more > 0 {
		list = append(list[:most:most], fmt.Errorf("and %d more", more))
	}
	return errors.Join(list...)
}

// describe names a node for a message.
func describe(n *onnxpb.Node, index int) string {
	name := n.GetOpType()
	if d := n.GetDomain(); d != "" && d != "ai.onnx" {
		name = d + "." + name
	}
	if n.GetName() == "" {
		return fmt.Sprintf("%d (%s)", index, name)
	}
	return fmt.Sprintf("%q (%s)", n.GetName(), name)
}

// tensor appends a tensor of the file as a constant, or as an input if it is a parameter.
func (r *reader) tensor(name string, t *onnxpb.Tensor) {
	elem, sizes, data, err := Contents(t)
	if err != nil {
		r.faults = append(r.faults, fmt.Errorf("tensor %q: %w", name, err))
		r.broken[name] = true
		return
	}
	if r.parameters[name] {
		r.values[name] = r.b.Input(name, r.elem(elem), graph.Static(sizes...))
		return
	}
	if to := r.elem(elem); to != elem {
		converted, err := op.Converted(op.FromBytes(elem, sizes, data), to)
		if err != nil {
			r.faults = append(r.faults, fmt.Errorf("tensor %q: %w", name, err))
			return
		}
		elem, data = to, converted.Bytes()
	}
	r.values[name] = r.b.Constant(name, elem, sizes, data)
}

// elem returns the element type in the graph for an element type of the file.
func (r *reader) elem(e graph.Elem) graph.Elem {
	if r.float32 && e.Floating() {
		return graph.Float
	}
	return e
}

// node appends the operators for a node of the file.
func (r *reader) node(n *onnxpb.Node) error {
	isBroken := func(name string) bool { return r.broken[name] }
	if slices.ContainsFunc(n.GetInput(), isBroken) || slices.ContainsFunc(n.GetOutput(), isBroken) {
		for _, out := range n.GetOutput() {
			r.broken[out] = true
		}
		return nil
	}
	if isConstant(n) {
		return r.constant(n)
	}
	if isBranch(n) {
		return r.branch(n)
	}
	variant, err := op.Resolve(n.GetDomain(), n.GetOpType(), r.opsets[""])
	if err != nil {
		return err
	}
	c := op.Call{Name: nodeName(n)}
	if c.Attributes, err = r.attributes(&variant.Schema, n); err != nil {
		return err
	}
	for _, in := range n.GetInput() {
		c.Inputs = append(c.Inputs, r.values[in])
	}
	for _, out := range n.GetOutput() {
		c.Want = append(c.Want, out != "")
	}
	for len(c.Want) > 0 && !c.Want[len(c.Want)-1] {
		c.Want = c.Want[:len(c.Want)-1]
	}
	if len(c.Want) == 0 {
		return nil // nothing uses it
	}
	if len(c.Want) > len(variant.Gives) && !variant.Gives[len(variant.Gives)-1].Variadic {
		return fmt.Errorf("it has %d outputs, want at most %d", len(c.Want), len(variant.Gives))
	}
	r.openBatch(n, &c)
	values := []*graph.Value{r.openGather(n, &c)}
	if values[0] == nil {
		values, err = r.b.Express(variant, c)
	}
	if err == nil {
		err = r.b.Err()
	}
	if err != nil {
		if inner := errors.Unwrap(err); inner != nil && r.b.Err() != nil {
			err = inner // the caller adds the name of the node
		}
		r.b.ClearErr()
		return err
	}
	for i, out := range n.GetOutput() {
		if out == "" {
			continue
		}
		if i >= len(values) || values[i] == nil {
			return fmt.Errorf("its output %d is not supported", i)
		}
		r.values[out] = values[i]
		r.keepName(values[i], out)
	}
	return nil
}

// keepName gives a computed value the name that it has in the file, for messages and comparisons.
func (r *reader) keepName(v *graph.Value, name string) {
	if v.Producer() != nil && !r.named[v] && !r.b.Named(name) {
		r.b.Rename(v, name)
	}
	r.named[v] = true
}

// nodeName returns the node's name, else the name of its first output, else its operator.
func nodeName(n *onnxpb.Node) string {
	if name := n.GetName(); name != "" {
		return name
	}
	for _, out := range n.GetOutput() {
		if out != "" {
			return out
		}
	}
	return strings.ToLower(n.GetOpType())
}

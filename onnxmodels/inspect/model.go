// Package inspect describes models and checkpoints to people.
//
//	m, err := modelfile.Read("model.onnx")
//	err = inspect.Model(m).WriteTable(os.Stdout)
package inspect

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"onnxlab/internal/onnxpb"
	"onnxlab/internal/printable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
)

// ModelReport describes an ONNX model.
type ModelReport struct {
	Producer   string            `json:"producer"`
	IRVersion  int64             `json:"ir_version"`
	Opsets     map[string]int64  `json:"opsets"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	Inputs     []ValueReport     `json:"inputs"`
	Outputs    []ValueReport     `json:"outputs"`
	Operators  []OperatorReport  `json:"operators"`
	Constants  int               `json:"constants"`
	Parameters []ValueReport     `json:"parameters"`
	// Elements counts the elements of all parameters. Parameters are initializers; in
	// training and evaluation models they are the inputs that are not data. Trainable
	// counts the elements of parameters with a gradient.
	Elements  int `json:"elements"`
	Trainable int `json:"trainable"`
	// Training says whether training artifacts can be made of the model; nil if the model
	// is not a classifier of images.
	Training *onnxmodels.Trainability `json:"training,omitempty"`
	// State lists the inputs of a training model that hold optimizer state.
	State []ValueReport `json:"state,omitempty"`
	// Forward and Backward are the costs of both parts for one image.
	Forward  Total `json:"forward"`
	Backward Total `json:"backward"`
	// Nodes are the nodes of the graph, in its order.
	Nodes []NodeReport `json:"nodes"`
}

// ValueReport is one input, output or parameter.
type ValueReport struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// OperatorReport counts the nodes of one operator.
type OperatorReport struct {
	Operator string `json:"operator"`
	Forward  int    `json:"forward"`
	Backward int    `json:"backward"`
}

// Model describes a model that modelfile.Check accepts.
func Model(m *modelfile.Model) *ModelReport {
	g := m.GetGraph()
	r := &ModelReport{
		Producer: m.GetProducerName(), IRVersion: m.GetIrVersion(),
		Opsets: map[string]int64{}, Metadata: map[string]string{}, Operators: operators(g),
	}
	for _, o := range m.GetOpsetImport() {
		r.Opsets[domainName(o.GetDomain())] = o.GetVersion()
	}
	for _, p := range m.GetMetadataProps() {
		r.Metadata[p.GetKey()] = p.GetValue()
	}
	r.Nodes = nodes(g)
	r.Forward, r.Backward = total(r.Nodes, PartForward), total(r.Nodes, PartBackward)
	r.values(g)
	for _, v := range g.GetOutput() {
		if !strings.HasSuffix(v.GetName(), artifact.GradientFlagSuffix) {
			r.Outputs = append(r.Outputs, value(v))
		}
	}
	return r
}

// values sorts the graph's values into parameters, inputs that a user feeds, and
// constants. In training models, parameters are inputs of the graph. The buffers and
// flags of gradient accumulation are left out.
func (r *ModelReport) values(g *onnxpb.Graph) {
	parameters := parametersOf(g)
	for _, v := range g.GetInput() {
		switch name := v.GetName(); {
		case artifact.IsState(name):
			delete(parameters, name)
			r.State = append(r.State, value(v))
		case parameters[name].elements > 0:
			r.Parameters = append(r.Parameters, value(v))
		case !artifact.IsGradientInput(name):
			r.Inputs = append(r.Inputs, value(v))
		}
	}
	for _, t := range g.GetInitializer() {
		if _, ok := parameters[t.GetName()]; ok {
			r.Parameters = append(r.Parameters, ValueReport{t.GetName(), typeOf(graph.Elem(t.GetDataType()), t.GetDims())})
		} else {
			r.Constants++
		}
	}
	for _, p := range parameters {
		r.Elements += p.elements
		if p.trainable {
			r.Trainable += p.elements
		}
	}
}

// elements returns the number of elements of a shape, counting symbols as 1. It returns 0 if
// the number is too large for any parameter.
func elements(s *onnxpb.TensorShape) int {
	var dims []int64
	for _, d := range s.GetDim() {
		dims = append(dims, max(d.GetDimValue(), 1))
	}
	n, _ := product(dims)
	return int(n)
}

func domainName(domain string) string {
	if domain == "" {
		return "ai.onnx"
	}
	return domain
}

// typeOf returns a type in the same notation as value does.
func typeOf[T int | int64](elem graph.Elem, dims []T) string {
	return elem.String() + strings.ReplaceAll(fmt.Sprint(dims), " ", ", ")
}

func value(v *onnxpb.ValueInfo) ValueReport {
	t := v.GetType()
	if s := t.GetSequenceType(); s != nil {
		return ValueReport{v.GetName(), "sequence of " + graph.Elem(s.GetElemType().GetTensorType().GetElemType()).String()}
	}
	var dims []string
	for _, d := range t.GetTensorType().GetShape().GetDim() {
		if p := d.GetDimParam(); p != "" {
			dims = append(dims, p)
		} else {
			dims = append(dims, fmt.Sprint(d.GetDimValue()))
		}
	}
	return ValueReport{v.GetName(), fmt.Sprintf("%s[%s]", graph.Elem(t.GetTensorType().GetElemType()), strings.Join(dims, ", "))}
}

func operators(g *onnxpb.Graph) []OperatorReport {
	counts := map[string]*OperatorReport{}
	for _, n := range g.GetNode() {
		name := operatorName(n)
		if counts[name] == nil {
			counts[name] = &OperatorReport{Operator: name}
		}
		if part(n) == PartBackward {
			counts[name].Backward++
		} else {
			counts[name].Forward++
		}
	}
	var list []OperatorReport
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, *counts[name])
	}
	return list
}

// WriteTable writes the report for people.
func (r *ModelReport) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "ONNX model\tby %s, IR version %d\n", printable.Line(r.Producer), r.IRVersion)
	for _, d := range slices.Sorted(maps.Keys(r.Opsets)) {
		fmt.Fprintf(t, "operators\t%s version %d\n", printable.Line(d), r.Opsets[d])
	}
	fmt.Fprintf(t, "parameters\t%d in %d tensors, and %d constants\n", r.Elements, len(r.Parameters), r.Constants)
	if r.Training == nil { // else writeTraining says it
		fmt.Fprintf(t, "trainable\t%d\n", r.Trainable)
	}
	if len(r.State) > 0 {
		fmt.Fprintf(t, "optimizer\t%d tensors of state\n", len(r.State))
	}
	r.writeTraining(t)
	for _, part := range []struct {
		name string
		Total
	}{{PartForward, r.Forward}, {PartBackward, r.Backward}} {
		if part.Nodes == 0 {
			continue
		}
		fmt.Fprintf(t, "%s\t%d nodes, %d multiply-adds (%.4g GFLOP) and %d bytes of values an image", part.name, part.Nodes,
			part.MultiplyAdds, 2e-9*float64(part.MultiplyAdds), part.Bytes)
		if part.Unknown > 0 {
			fmt.Fprintf(t, ", without %d nodes of unknown shape", part.Unknown)
		}
		fmt.Fprintln(t)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Metadata)) {
		fmt.Fprintf(t, "metadata\t%s: %s\n", printable.Name(k), printable.Line(r.Metadata[k]))
	}
	for _, part := range []struct {
		name string
		list []ValueReport
	}{{"input", r.Inputs}, {"output", r.Outputs}, {"parameter", r.Parameters}} {
		fmt.Fprintf(t, "\n%s\ttype\n", part.name)
		for _, v := range part.list {
			fmt.Fprintf(t, "%s\t%s\n", printable.Name(v.Name), printable.Line(v.Type))
		}
	}
	fmt.Fprintf(t, "\noperator\tforward\tbackward\n")
	for _, o := range r.Operators {
		fmt.Fprintf(t, "%s\t%d\t%d\n", printable.Name(o.Operator), o.Forward, o.Backward)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return r.writeNodes(w)
}

// writeTraining writes what training artifacts of the model would train, or why they cannot be
// made.
func (r *ModelReport) writeTraining(w io.Writer) {
	switch training := r.Training; {
	case training == nil:
	case len(training.Refused) == 0:
		fmt.Fprintf(w, "training\tall %d parameters have gradients, and batch normalisation has %d running statistics\n", training.Parameters, training.Statistics)
	default:
		for i, line := range training.Refused {
			fmt.Fprintf(w, "%s\t%s\n", map[bool]string{true: "training"}[i == 0], printable.Line("cannot: "+line))
		}
	}
}

// writeNodes writes the graph as a table.
func (r *ModelReport) writeNodes(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nnode\toperator\tpart\toutput\tparameters\ttrainable\tmultiply-adds\tbytes\n")
	for _, n := range r.Nodes {
		adds, bytes := "?", "?"
		if n.Cost != nil {
			adds, bytes = fmt.Sprint(n.Cost.MultiplyAdds), fmt.Sprint(n.Cost.Bytes)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", printable.Name(n.Name), printable.Name(n.Operator), n.Part,
			printable.Name(n.Type), n.Parameters, n.Trainable, adds, bytes)
	}
	return t.Flush()
}

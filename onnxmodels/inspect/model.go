// Package inspect tells people what is in a model or a checkpoint.
//
//	m, err := onnxmodels.ReadModel("model.onnx")
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
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
)

// ModelReport is what is in an ONNX model.
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
	// Elements counts the numbers of the parameters: of the initializers, and
	// in training models of the inputs that have a gradient or are updated.
	Elements int `json:"elements"`
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

// Model describes a model that onnxmodels.CheckModel accepts.
func Model(m *onnxpb.Model) *ModelReport {
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
	r.inputs(g)
	for _, v := range g.GetOutput() {
		if !strings.HasSuffix(v.GetName(), onnxmodels.GradientFlagSuffix) {
			r.Outputs = append(r.Outputs, value(v))
		}
	}
	r.initializers(g)
	return r
}

// inputs tells parameters, which training models have as inputs, from what a
// user feeds. The buffers and flags of gradient accumulation are left out.
func (r *ModelReport) inputs(g *onnxpb.Graph) {
	updated := map[string]bool{}
	for _, v := range g.GetOutput() {
		if name, ok := strings.CutSuffix(v.GetName(), onnxmodels.GradientFlagSuffix); ok {
			updated[name] = true
		}
	}
	for _, v := range g.GetInput() {
		switch name := v.GetName(); {
		case updated[name]:
			r.Parameters = append(r.Parameters, value(v))
			r.Elements += elements(v.GetType().GetTensorType().GetShape())
		case !onnxmodels.IsGradientInput(name):
			r.Inputs = append(r.Inputs, value(v))
		}
	}
}

// initializers counts float tensors of one dimension or more as parameters,
// the others as constants.
func (r *ModelReport) initializers(g *onnxpb.Graph) {
	for _, t := range g.GetInitializer() {
		if graph.Elem(t.GetDataType()) != graph.Float || len(t.GetDims()) == 0 || len(r.Parameters) > 0 && updatesInputs(g) {
			r.Constants++
			continue
		}
		n := 1
		for _, d := range t.GetDims() {
			n *= int(d)
		}
		r.Elements += n
		r.Parameters = append(r.Parameters, ValueReport{t.GetName(), fmt.Sprintf("float32%v", t.GetDims())})
	}
}

// updatesInputs tells training models, whose parameters are inputs.
func updatesInputs(g *onnxpb.Graph) bool {
	return slices.ContainsFunc(g.GetOutput(), func(v *onnxpb.ValueInfo) bool {
		return strings.HasSuffix(v.GetName(), onnxmodels.GradientFlagSuffix)
	})
}

func elements(s *onnxpb.TensorShape) int {
	n := 1
	for _, d := range s.GetDim() {
		n *= int(max(d.GetDimValue(), 1))
	}
	return n
}

func domainName(domain string) string {
	if domain == "" {
		return "ai.onnx"
	}
	return domain
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
		name := n.GetOpType()
		if d := n.GetDomain(); d != "" {
			name = d + "." + name
		}
		if counts[name] == nil {
			counts[name] = &OperatorReport{Operator: name}
		}
		if strings.HasPrefix(n.GetName(), onnxmodels.BackwardPrefix) {
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
	fmt.Fprintf(t, "ONNX model\tby %s, IR version %d\n", r.Producer, r.IRVersion)
	for _, d := range slices.Sorted(maps.Keys(r.Opsets)) {
		fmt.Fprintf(t, "operators\t%s version %d\n", d, r.Opsets[d])
	}
	fmt.Fprintf(t, "parameters\t%d in %d tensors, and %d constants\n", r.Elements, len(r.Parameters), r.Constants)
	for _, k := range slices.Sorted(maps.Keys(r.Metadata)) {
		fmt.Fprintf(t, "metadata\t%s: %s\n", k, r.Metadata[k])
	}
	for _, part := range []struct {
		name string
		list []ValueReport
	}{{"input", r.Inputs}, {"output", r.Outputs}, {"parameter", r.Parameters}} {
		fmt.Fprintf(t, "\n%s\ttype\n", part.name)
		for _, v := range part.list {
			fmt.Fprintf(t, "%s\t%s\n", v.Name, v.Type)
		}
	}
	fmt.Fprintf(t, "\noperator\tforward\tbackward\n")
	for _, o := range r.Operators {
		fmt.Fprintf(t, "%s\t%d\t%d\n", o.Operator, o.Forward, o.Backward)
	}
	return t.Flush()
}

// Package inspect describes models and checkpoints to people.
//
//	m, err := modelfile.Read("model.onnx")
//	r := inspect.Model(m)
//	err = r.WriteTable(os.Stdout) // a summary
//	err = r.WriteNodes(os.Stdout)
package inspect

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"onnxlab/internal/onnxpb"
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
	// Elements counts the elements of all parameters. Parameters are initializers or constants;
	// in training and evaluation models they are the inputs that are not data. Trainable counts
	// the elements of parameters with a gradient.
	Elements  int `json:"elements"`
	Trainable int `json:"trainable"`
	// Training says whether training artifacts can be made of the model; nil if the model
	// is not a classifier of images.
	Training *onnxmodels.Trainability `json:"training,omitempty"`
	// AssumedSize is the size of images that shapes and costs are for, if the model leaves it
	// open; else nil.
	AssumedSize *ImageSize `json:"assumed_size,omitempty"`
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
	parameters := parametersOf(m)
	r.Nodes = nodes(g, parameters)
	r.Forward, r.Backward = total(r.Nodes, PartForward), total(r.Nodes, PartBackward)
	r.values(g, parameters)
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
func (r *ModelReport) values(g *onnxpb.Graph, parameters map[string]parameterInfo) {
	initializer, listed := map[string]bool{}, map[string]bool{}
	for _, t := range g.GetInitializer() {
		initializer[t.GetName()] = true
	}
	list := func(name string) {
		if p, ok := parameters[name]; ok && !listed[name] {
			listed[name] = true
			r.Parameters = append(r.Parameters, ValueReport{name, p.typ})
		}
	}
	for _, v := range g.GetInput() {
		switch name := v.GetName(); {
		case initializer[name]: // older models list them as inputs, too
		case artifact.IsState(name):
			delete(parameters, name)
			r.State = append(r.State, value(v))
		case parameters[name].elements > 0:
			list(name)
		case !artifact.IsGradientInput(name):
			r.Inputs = append(r.Inputs, value(v))
		}
	}
	for _, n := range g.GetNode() { // in the order of their use
		for _, in := range n.GetInput() {
			list(in)
		}
	}
	for name := range initializer {
		if _, ok := parameters[name]; !ok {
			r.Constants++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		p := parameters[name]
		list(name) // if nothing uses it
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
		switch p := d.GetDimParam(); {
		case p != "":
			dims = append(dims, p)
		case d.GetValue() == nil:
			dims = append(dims, "?")
		default:
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

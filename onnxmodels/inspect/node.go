package inspect

import (
	"math"
	"slices"
	"strings"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// The parts of a training model. Any other model is all forward.
const (
	PartForward  = "forward"
	PartBackward = "backward"
)

// NodeReport describes one node of a graph and its cost for one image.
type NodeReport struct {
	Name     string `json:"name"`
	Operator string `json:"operator"`
	Part     string `json:"part"`
	// Inputs are the names of the node's inputs, with parameters but without
	// constants. Outputs are the names of its outputs.
	Inputs  []string `json:"inputs"`
	Outputs []string `json:"outputs"`
	// Type is the type of the first output, such as "float32[batch, 64, 32, 32]";
	// "?" if the model does not declare it.
	Type string `json:"type"`
	// Parameters counts the elements of the node's parameters, without those that
	// an earlier node reads too. Trainable counts those that the optimizer changes.
	Parameters int `json:"parameters"`
	Trainable  int `json:"trainable"`
	// Cost is nil if a shape is not known.
	Cost *Cost `json:"cost"`
}

// Cost is the cost of a node for one image. If the batch has a fixed size, it is
// the cost of the batch divided by that size.
type Cost struct {
	// MultiplyAdds counts pairs of a multiplication and an addition, in
	// convolutions, matrix products and their gradients, including those with
	// pads. There are twice as many FLOPs. Other operators count 0: their time
	// is spent on memory.
	MultiplyAdds int64 `json:"multiply_adds"`
	// Bytes is the memory of the node's outputs.
	Bytes int64 `json:"bytes"`
}

// Total is the sum over the nodes of one part.
type Total struct {
	Nodes int `json:"nodes"`
	Cost
	// Unknown is the number of nodes whose cost is unknown and not in the sum.
	Unknown int `json:"unknown"`
}

// nodes describes the nodes of a graph in their order.
func nodes(g *onnxpb.Graph, parameters map[string]parameterInfo) []NodeReport {
	s := newShapes(g)
	constant := map[string]bool{}
	for _, t := range g.GetInitializer() {
		_, parameter := parameters[t.GetName()]
		constant[t.GetName()] = !parameter
	}
	seen := map[string]bool{}
	list := []NodeReport{}
	for _, n := range g.GetNode() {
		r := NodeReport{Name: n.GetName(), Operator: operatorName(n), Part: part(n), Type: "?", Inputs: []string{}, Outputs: []string{}, Cost: s.cost(n)}
		for _, in := range n.GetInput() {
			if in == "" || constant[in] {
				continue
			}
			r.Inputs = append(r.Inputs, in)
			if p, ok := parameters[in]; ok && !seen[in] {
				seen[in] = true
				r.Parameters += p.elements
				if p.trainable {
					r.Trainable += p.elements
				}
			}
		}
		for _, out := range n.GetOutput() {
			if out != "" {
				r.Outputs = append(r.Outputs, out)
			}
		}
		if len(r.Outputs) > 0 && s.infos[r.Outputs[0]] != nil {
			r.Type = value(s.infos[r.Outputs[0]]).Type
		}
		list = append(list, r)
	}
	return list
}

func operatorName(n *onnxpb.Node) string {
	if d := n.GetDomain(); d != "" {
		return d + "." + n.GetOpType()
	}
	return n.GetOpType()
}

func part(n *onnxpb.Node) string {
	if strings.HasPrefix(n.GetName(), artifact.BackwardPrefix) {
		return PartBackward
	}
	return PartForward
}

func total(nodes []NodeReport, part string) Total {
	var t Total
	for _, n := range nodes {
		switch {
		case n.Part != part:
			continue
		case n.Cost == nil, n.Cost.MultiplyAdds > math.MaxInt64-t.MultiplyAdds, n.Cost.Bytes > math.MaxInt64-t.Bytes:
			t.Unknown++
		default:
			t.MultiplyAdds += n.Cost.MultiplyAdds
			t.Bytes += n.Cost.Bytes
		}
		t.Nodes++
	}
	return t
}

// parameterInfo is what a graph states about a parameter.
type parameterInfo struct {
	elements  int
	trainable bool
	typ       string
}

// parametersOf returns the parameters of a model. In an inference model they are what the
// importer takes for parameters, and initializers of quantized integers or of more than
// one floating-point number. In a training or evaluation model they are inputs, and those
// with a gradient are trainable.
func parametersOf(m *modelfile.Model) map[string]parameterInfo {
	g := m.GetGraph()
	if !takesParameters(g) || len(g.GetInput()) == 0 {
		return tensorsOf(m)
	}
	list := map[string]parameterInfo{}
	inputs := map[string]bool{}
	for _, v := range g.GetInput() {
		inputs[v.GetName()] = true
	}
	for _, v := range g.GetInput()[1:] { // the first input is the images, whatever its name
		switch name := v.GetName(); name {
		case onnxmodels.InputLabel, onnxmodels.InputLearningRate, onnxmodels.InputLossScale, onnxmodels.InputDropoutSeed,
			onnxmodels.InputSecondLabel, onnxmodels.InputLabelShare:
		default:
			if !artifact.IsGradientInput(name) {
				list[name] = parameterInfo{elements(v.GetType().GetTensorType().GetShape()), inputs[name+artifact.GradientBufferSuffix], value(v).Type}
			}
		}
	}
	return list
}

// tensorsOf returns the parameters of an inference model.
func tensorsOf(m *modelfile.Model) map[string]parameterInfo {
	list := map[string]parameterInfo{}
	add := func(name string, t *onnxpb.Tensor) {
		n, _ := product(t.GetDims()) // modelfile.Check has bounded it
		list[name] = parameterInfo{elements: int(n), typ: typeOf(graph.Elem(t.GetDataType()), t.GetDims())}
	}
	for _, p := range importer.Parameters(m) {
		add(p.Name, p.Tensor)
	}
	dequantized, scales := quantizedBy(m.GetGraph())
	for _, t := range m.GetGraph().GetInitializer() {
		name := t.GetName()
		if n, _ := product(t.GetDims()); !scales[name] && (dequantized[name] || n > 1 && graph.Elem(t.GetDataType()).Floating()) {
			add(name, t)
		}
	}
	return list
}

// quantizedBy returns the names of the values that are dequantized, and the names of their
// scales and zero points.
func quantizedBy(g *onnxpb.Graph) (dequantized, scales map[string]bool) {
	dequantized, scales = map[string]bool{}, map[string]bool{}
	for _, n := range g.GetNode() {
		if n.GetOpType() != "DequantizeLinear" || len(n.GetInput()) == 0 {
			continue
		}
		dequantized[n.GetInput()[0]] = true
		for _, name := range n.GetInput()[1:] {
			scales[name] = true
		}
	}
	return dequantized, scales
}

// takesParameters reports whether the parameters are inputs, as in training and
// evaluation models. Only these have the loss as an output.
func takesParameters(g *onnxpb.Graph) bool {
	for _, v := range g.GetOutput() {
		if v.GetName() == onnxmodels.OutputLoss {
			return true
		}
	}
	return false
}

// product returns the product of the numbers. ok is false if a number is negative or the
// product is larger than in any real network, as in damaged or hostile models.
func product(numbers ...[]int64) (n int64, ok bool) {
	const most = 1 << 56 // so many elements of 8 bytes still fit into an int64
	n = 1
	for _, d := range slices.Concat(numbers...) {
		if d < 0 || d > 0 && n > most/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

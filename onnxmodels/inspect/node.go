package inspect

import (
	"math"
	"slices"
	"strings"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/graph"
)

// The parts of a training model. All of another model is forward.
const (
	PartForward  = "forward"
	PartBackward = "backward"
)

// NodeReport is one node of a graph, and what it costs for one image.
type NodeReport struct {
	Name     string `json:"name"`
	Operator string `json:"operator"`
	Part     string `json:"part"`
	// Inputs are the names of the values that it takes, parameters among them,
	// but no constants; Outputs are those that it gives.
	Inputs  []string `json:"inputs"`
	Outputs []string `json:"outputs"`
	// Type is that of its first output, such as "float32[batch, 64, 32, 32]";
	// "?" where the model does not say.
	Type string `json:"type"`
	// Parameters counts the elements of the parameters that no node before it
	// takes, and Trainable those that the optimizer changes.
	Parameters int `json:"parameters"`
	Trainable  int `json:"trainable"`
	// Cost is nil where a shape is not known.
	Cost *Cost `json:"cost"`
}

// Cost is what a node takes for one image: where the batch has a fixed size,
// the share of one image.
type Cost struct {
	// MultiplyAdds counts the pairs of a multiplication and an addition of
	// convolutions, matrix products and their gradients, pads included; twice
	// as many are the FLOPs. Other operators count for nothing: they take
	// memory's time.
	MultiplyAdds int64 `json:"multiply_adds"`
	// Bytes is the memory of what it gives.
	Bytes int64 `json:"bytes"`
}

// Total is the sum over the nodes of one part.
type Total struct {
	Nodes int `json:"nodes"`
	Cost
	// Unknown is how many nodes' costs are not in it.
	Unknown int `json:"unknown"`
}

// nodes describes the nodes of a graph in their order.
func nodes(g *onnxpb.Graph) []NodeReport {
	s := newShapes(g)
	parameters := parametersOf(g)
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

// parameterInfo is what a graph tells of a parameter.
type parameterInfo struct {
	elements  int
	trainable bool
}

// parametersOf returns the parameters of an inference model, which are initializers
// of one dimension or more, of floating point numbers or of integers that stand for such,
// or of a training or evaluation model, which are inputs. Those with a gradient are
// trainable.
func parametersOf(g *onnxpb.Graph) map[string]parameterInfo {
	list := map[string]parameterInfo{}
	if !takesParameters(g) || len(g.GetInput()) == 0 {
		dequantized, steps := quantizedBy(g)
		for _, t := range g.GetInitializer() {
			if name := t.GetName(); (graph.Elem(t.GetDataType()).Floating() || dequantized[name]) && !steps[name] && len(t.GetDims()) > 0 {
				n, _ := product(t.GetDims()) // which CheckModel has bounded
				list[t.GetName()] = parameterInfo{elements: int(n)}
			}
		}
		return list
	}
	inputs := map[string]bool{}
	for _, v := range g.GetInput() {
		inputs[v.GetName()] = true
	}
	for _, v := range g.GetInput()[1:] { // the first are the images, whatever their name
		switch name := v.GetName(); name {
		case onnxmodels.InputLabel, onnxmodels.InputLearningRate, onnxmodels.InputLossScale, onnxmodels.InputDropoutSeed,
			onnxmodels.InputSecondLabel, onnxmodels.InputLabelShare:
		default:
			if !artifact.IsGradientInput(name) {
				list[name] = parameterInfo{elements(v.GetType().GetTensorType().GetShape()), inputs[name+artifact.GradientBufferSuffix]}
			}
		}
	}
	return list
}

// quantizedBy returns the values that are dequantized, and those that are the scales and
// zero points of such.
func quantizedBy(g *onnxpb.Graph) (dequantized, steps map[string]bool) {
	dequantized, steps = map[string]bool{}, map[string]bool{}
	for _, n := range g.GetNode() {
		if n.GetOpType() != "DequantizeLinear" || len(n.GetInput()) == 0 {
			continue
		}
		dequantized[n.GetInput()[0]] = true
		for _, name := range n.GetInput()[1:] {
			steps[name] = true
		}
	}
	return dequantized, steps
}

// takesParameters tells training and evaluation models, whose parameters are
// inputs. Both give the loss.
func takesParameters(g *onnxpb.Graph) bool {
	for _, v := range g.GetOutput() {
		if v.GetName() == onnxmodels.OutputLoss {
			return true
		}
	}
	return false
}

// product is not known of negative numbers, nor beyond what any network
// computes: there, a stranger's model has sizes that mean nothing.
func product(numbers ...[]int64) (n int64, ok bool) {
	const most = 1 << 56 // for which the bytes of an element still fit into the type
	n = 1
	for _, d := range slices.Concat(numbers...) {
		if d < 0 || d > 0 && n > most/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

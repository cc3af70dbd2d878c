package importer

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
)

// Untie gives each layer parameters of its own where several use one tensor of equal numbers.
// PyTorch's exporters store equal tensors once, so that all biases of 0 of a model that has not been
// trained are one tensor, and all scales of 1 another. Tensors whose elements differ stay as they are:
// layers that use the same weights share them on purpose, and then also the bias beside them.
func Untie(m *modelfile.Model) { untie(m, true) }

// UntieStatistics does so only for running statistics. Training moves them otherwise than parameters,
// so that a tensor cannot be both.
func UntieStatistics(m *modelfile.Model) { untie(m, false) }

func untie(m *modelfile.Model, all bool) {
	g := m.GetGraph()
	u := &untier{
		graph: g, all: all, shared: sharedTensors(g), weights: map[string]bool{}, names: map[string]string{}, taken: takenNames(g),
		statistics: readAsStatistics(g, names("Identity")), others: map[string]bool{},
	}
	for _, t := range g.GetInitializer() {
		u.weights[t.GetName()] = u.shared[t.GetName()] == nil
	}
	for _, n := range g.GetNode() {
		isName := n.GetOpType() == "Identity" && u.statistics[first(n.GetOutput())]
		for i, in := range n.GetInput() {
			if !isName && !isStatistic(n, i) {
				u.others[in] = true
			}
		}
	}
	g.Node = slices.DeleteFunc(g.Node, u.node)
}

type untier struct {
	graph      *onnxpb.Graph
	all        bool // parameters, too
	shared     map[string]*onnxpb.Tensor
	weights    map[string]bool   // other initializers
	names      map[string]string // what a node gets for a shared tensor, by key
	taken      map[string]bool   // names of values
	statistics map[string]bool   // names that are read as running statistics
	others     map[string]bool   // names that are read as anything else
}

// sharedTensors returns the initializers of which all elements are the same floating-point number,
// and which are read in several places.
func sharedTensors(g *onnxpb.Graph) map[string]*onnxpb.Tensor {
	uses := map[string]int{}
	for _, n := range g.GetNode() {
		for _, in := range n.GetInput() {
			uses[in]++
		}
	}
	for _, in := range g.GetInput() {
		delete(uses, in.GetName())
	}
	shared := map[string]*onnxpb.Tensor{}
	for _, t := range g.GetInitializer() {
		if uses[t.GetName()] > 1 && count(t) > 1 && graph.Elem(t.GetDataType()).Floating() && isUniform(t) {
			shared[t.GetName()] = t
		}
	}
	return shared
}

func isUniform(t *onnxpb.Tensor) bool {
	list := Parameter{Tensor: t}.Floats()
	return len(list) > 0 && !slices.ContainsFunc(list, func(f float32) bool { return f != list[0] })
}

func takenNames(g *onnxpb.Graph) map[string]bool {
	taken := map[string]bool{}
	for _, in := range g.GetInput() {
		taken[in.GetName()] = true
	}
	for _, t := range g.GetInitializer() {
		taken[t.GetName()] = true
	}
	for _, n := range g.GetNode() {
		for _, out := range n.GetOutput() {
			taken[out] = true
		}
	}
	return taken
}

// node gives a node its own copies of shared tensors. It reports whether the node is an Identity
// that gave such a tensor the name of a parameter. A copy of that name takes its place.
func (u *untier) node(n *onnxpb.Node) (replaced bool) {
	out := first(n.GetOutput())
	if t := u.shared[first(n.GetInput())]; t != nil && n.GetOpType() == "Identity" && !u.isOutput(out) && (u.all || u.statistics[out]) {
		u.add(t, out)
		return true
	}
	for i, in := range n.GetInput() {
		if t := u.shared[in]; t != nil && (u.all || isStatistic(n, i)) {
			n.Input[i] = u.own(t, n, i)
		}
	}
	return false
}

// own returns the name of the node's tensor: the shared one for its first parameter, else that of a
// copy. Nodes with the same weights get the same.
func (u *untier) own(t *onnxpb.Tensor, n *onnxpb.Node, i int) string {
	key := fmt.Sprintf("%s of %s %d", t.GetName(), u.weightsOf(n), i)
	if name, known := u.names[key]; known {
		return name
	}
	name := t.GetName()
	if u.names[name] != "" || isStatistic(n, i) && u.others[name] {
		for k := 2; u.taken[name]; k++ {
			name = fmt.Sprintf("%s.%d", t.GetName(), k)
		}
		u.add(t, name)
	}
	u.names[t.GetName()], u.names[key] = name, name
	return name
}

// weightsOf identifies the node by its weights that are not shared tensors of equal numbers or, if
// there are none, by its output.
func (u *untier) weightsOf(n *onnxpb.Node) string {
	for _, in := range n.GetInput() {
		if u.weights[in] {
			return in
		}
	}
	return first(n.GetOutput())
}

// add adds a copy of a tensor to the initializers. It shares the numbers, which nothing changes in
// place.
func (u *untier) add(t *onnxpb.Tensor, name string) {
	u.taken[name] = true
	u.graph.Initializer = append(u.graph.Initializer, &onnxpb.Tensor{
		Name: proto.String(name), Dims: t.Dims, DataType: t.DataType, RawData: t.RawData,
		FloatData: t.FloatData, Int32Data: t.Int32Data, DoubleData: t.DoubleData, Uint64Data: t.Uint64Data,
	})
}

func (u *untier) isOutput(name string) bool {
	return slices.ContainsFunc(u.graph.GetOutput(), func(v *onnxpb.ValueInfo) bool { return v.GetName() == name })
}

// first returns the first name of a list, or "".
func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

package importer

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
)

// Untie gives each layer of a model that has not been trained yet parameters of its own. PyTorch's
// exporters store equal tensors once, so that all biases of 0 of such a model are one tensor, and all
// scales of 1 another. Tensors whose elements differ stay as they are: layers that use the same
// weights share them on purpose.
func Untie(m *modelfile.Model) {
	g := m.GetGraph()
	u := &untier{graph: g, shared: sharedTensors(g), given: map[string]bool{}, taken: takenNames(g)}
	g.Node = slices.DeleteFunc(g.Node, u.node)
}

type untier struct {
	graph  *onnxpb.Graph
	shared map[string]*onnxpb.Tensor
	given  map[string]bool // the shared tensors that a node keeps
	taken  map[string]bool // names of values
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
	if t := u.shared[first(n.GetInput())]; t != nil && n.GetOpType() == "Identity" && !u.isOutput(first(n.GetOutput())) {
		u.add(t, first(n.GetOutput()))
		return true
	}
	for i, in := range n.GetInput() {
		if t := u.shared[in]; t != nil {
			n.Input[i] = u.next(t)
		}
	}
	return false
}

// next returns the name of a tensor that no node has been given yet: the shared one, then copies of it.
func (u *untier) next(t *onnxpb.Tensor) string {
	if !u.given[t.GetName()] {
		u.given[t.GetName()] = true
		return t.GetName()
	}
	for k := 2; ; k++ {
		if name := fmt.Sprintf("%s.%d", t.GetName(), k); !u.taken[name] {
			u.add(t, name)
			return name
		}
	}
}

// add adds a copy of a tensor to the initializers.
func (u *untier) add(t *onnxpb.Tensor, name string) {
	u.taken[name] = true
	c := proto.Clone(t).(*onnxpb.Tensor)
	c.Name = proto.String(name)
	u.graph.Initializer = append(u.graph.Initializer, c)
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

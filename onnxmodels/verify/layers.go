package verify

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/interp"
)

// Layer is the difference of the runtimes in one value of the graph.
type Layer struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
	// Largest and Mean are absolute differences, Scale is the largest absolute
	// value.
	Largest float64 `json:"largest"`
	Mean    float64 `json:"mean"`
	Scale   float64 `json:"scale"`
}

// Exposed returns a copy of the model, which modelfile.Check must accept, whose
// graph outputs are all float32 values that nodes compute, and the names of these
// values in order. It leaves out dequantized weights, which do not depend on the
// image.
func Exposed(m *onnxpb.Model) (*onnxpb.Model, []string) {
	exposed := proto.CloneOf(m)
	g := exposed.GetGraph()
	declared := map[string]*onnxpb.ValueInfo{}
	for _, v := range append(g.GetValueInfo(), g.GetOutput()...) {
		declared[v.GetName()] = v
	}
	var names []string
	g.Output, g.ValueInfo = nil, nil
	constant := map[string]bool{}
	for _, t := range g.GetInitializer() {
		constant[t.GetName()] = true
	}
	for _, n := range g.GetNode() {
		if n.GetOpType() == "DequantizeLinear" && len(n.GetInput()) > 0 && constant[n.GetInput()[0]] {
			continue
		}
		for _, name := range n.GetOutput() {
			v := declared[name]
			if v == nil || graph.Elem(v.GetType().GetTensorType().GetElemType()) != graph.Float {
				continue
			}
			g.Output = append(g.Output, v)
			names = append(names, name)
		}
	}
	return exposed, names
}

// Layers compares the outputs of all nodes: inORT maps the names that Exposed
// returned to ONNX Runtime's values, and values are those of interp.
func Layers(inORT map[string][]float32, values []*interp.Value) ([]Layer, error) {
	var layers []Layer
	for _, v := range values {
		other, ok := inORT[v.Name]
		if !ok || v.Elem != graph.Float {
			continue
		}
		if len(other) != len(v.Floats) {
			return nil, fmt.Errorf("compare %q: %d values by ONNX Runtime, %s by pure Go", v.Name, len(other), v)
		}
		d, at := differ(other, v.Floats)
		if at >= 0 {
			return nil, fmt.Errorf("compare %q: value %d is %v by ONNX Runtime, %v by pure Go, want finite numbers",
				v.Name, at, other[at], v.Floats[at])
		}
		layers = append(layers, Layer{v.Name, v.Shape, d.Largest, d.Mean, d.Scale})
	}
	return layers, nil
}

// Join combines two comparisons of the same model into one for all images: first
// for the first images, which may be nil, and others for the other images.
func Join(first, others []Layer) []Layer {
	if first == nil {
		return others
	}
	joined := slices.Clone(first)
	for i, b := range others {
		l := &joined[i]
		l.Largest, l.Scale = max(l.Largest, b.Largest), max(l.Scale, b.Scale)
		if len(l.Shape) == 0 {
			continue // a scalar does not depend on the images
		}
		n, more := l.Shape[0], b.Shape[0]
		l.Mean += (b.Mean - l.Mean) * float64(more) / float64(n+more)
		l.Shape = slices.Clone(l.Shape)
		l.Shape[0] = n + more
	}
	return joined
}

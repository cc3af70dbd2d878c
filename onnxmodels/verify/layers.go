package verify

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/interp"
)

// Layer is how far the runtimes are apart in one value of the graph.
type Layer struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
	// Largest and Mean are absolute differences, Scale is the largest absolute
	// value.
	Largest float64 `json:"largest"`
	Mean    float64 `json:"mean"`
	Scale   float64 `json:"scale"`
}

// Exposed returns the model, an modelfile.Model that modelfile.Check accepts,
// with every float32 value that a node gives as a graph output, and the names of
// these in order; but for dequantized weights, which hang on no image. The model given
// stays as it is.
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

// Layers compares what each node gives: native maps the names that Exposed
// returned to ONNX Runtime's values, values are interp's.
func Layers(native map[string][]float32, values []*interp.Value) ([]Layer, error) {
	var layers []Layer
	for _, v := range values {
		other, ok := native[v.Name]
		if !ok || v.Elem != graph.Float {
			continue
		}
		if len(other) != len(v.Floats) {
			return nil, fmt.Errorf("compare %q: %d values by ONNX Runtime, %s by pure Go", v.Name, len(other), v)
		}
		d, place := differ(other, v.Floats)
		if place >= 0 {
			return nil, fmt.Errorf("compare %q: value %d is %v by ONNX Runtime, %v by pure Go, want finite numbers",
				v.Name, place, other[place], v.Floats[place])
		}
		layers = append(layers, Layer{v.Name, v.Shape, d.Largest, d.Mean, d.Scale})
	}
	return layers, nil
}

// Join returns the comparison of all images, given that of the first ones, nil if
// there are none, and that of the others, by the same model.
func Join(first, others []Layer) []Layer {
	if first == nil {
		return others
	}
	joined := slices.Clone(first)
	for i, b := range others {
		l := &joined[i]
		l.Largest, l.Scale = max(l.Largest, b.Largest), max(l.Scale, b.Scale)
		if len(l.Shape) == 0 {
			continue // hangs on no image
		}
		n, more := l.Shape[0], b.Shape[0]
		l.Mean += (b.Mean - l.Mean) * float64(more) / float64(n+more)
		l.Shape = slices.Clone(l.Shape)
		l.Shape[0] = n + more
	}
	return joined
}

package importer

import (
	"slices"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/modelfile"
)

// InferTypes declares the types of the values that a model computes but does not declare, as far
// as they can be inferred: older exporters of PyTorch declare only those of inputs and outputs.
func InferTypes(m *modelfile.Model) {
	g := m.GetGraph()
	declared := map[string]bool{}
	for _, v := range slices.Concat(g.GetOutput(), g.GetValueInfo()) {
		declared[v.GetName()] = hasSizes(v)
	}
	var missing []string
	for _, n := range g.GetNode() {
		for _, out := range n.GetOutput() {
			if out != "" && !declared[out] {
				missing = append(missing, out)
			}
		}
	}
	if len(missing) == 0 {
		return
	}
	r := newReader(m)
	if r.declareInputs() != nil {
		return
	}
	_ = r.read() // nodes that cannot be read have no types, and other commands say why
	for _, name := range missing {
		if v := r.values[name]; v != nil {
			g.ValueInfo = append(g.ValueInfo, v.Info(name))
		}
	}
}

// hasSizes reports whether a declared type is complete: each dimension has a size or a symbol.
func hasSizes(v *onnxpb.ValueInfo) bool {
	tensor := v.GetType().GetTensorType()
	if tensor.GetShape() == nil {
		return v.GetType().GetSequenceType() != nil
	}
	return !slices.ContainsFunc(tensor.GetShape().GetDim(), func(d *onnxpb.TensorShape_Dimension) bool {
		return d.GetDimParam() == "" && d.GetDimValue() < 1
	})
}

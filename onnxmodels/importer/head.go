package importer

import (
	"fmt"
	"slices"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
)

// Head is the last layer of a classifier, which turns features into one logit for each class.
type Head struct {
	// Weight and Bias are its parameters; Bias is nil if it has none.
	Weight, Bias *Parameter
	// Features is the number of inputs of each logit.
	Features int

	axis int // the dimension of Weight that counts the classes
}

// Names returns the names of the head's parameters.
func (h *Head) Names() []string {
	names := []string{h.Weight.Name}
	if h.Bias != nil {
		names = append(names, h.Bias.Name)
	}
	return names
}

// Head finds the classifier's last layer: the last Gemm, MatMul or 1×1 Conv before the
// logits.
func (c *Model) Head() (*Head, error) {
	h := &Head{}
	for v := c.Logits; v != nil && v.Producer() != nil; {
		n := v.Producer()
		switch {
		case n.Is("", "Gemm"):
			return h.found(c, n.In("B"), n.In("C"), n.Flag("transB"))
		case n.Is("", "MatMul"):
			return h.found(c, n.In("B"), nil, false)
		case n.Is("", "Conv") && isPointwise(n.In("W")):
			return h.found(c, n.In("W"), n.In("B"), true)
		case n.Is("", "Add"):
			if v = h.behindBias(c, n); v == nil {
				return nil, errNoHead
			}
		case passes[n.Op]:
			v = n.Inputs[0]
		default:
			return nil, errNoHead
		}
	}
	return nil, errNoHead
}

var errNoHead = fmt.Errorf("its last layer is not a Gemm, MatMul or 1×1 Conv with parameters as its weight, so it cannot be replaced")

// passes lists the operators that may stand between the head and the logits.
var passes = names("Flatten", "Reshape", "Squeeze", "Identity", "Cast", "GlobalAveragePool", "ReduceMean", "Relu", "Dropout", "AveragePool", "Transpose")

func isPointwise(weight *graph.Value) bool {
	return weight != nil && len(weight.Shape) == 4 && weight.Size(2) == 1 && weight.Size(3) == 1
}

// behindBias handles an Add of a layer's result and a bias: it keeps the bias and returns
// the layer's result. It returns nil if the Add is something else.
func (h *Head) behindBias(c *Model, n *graph.Node) *graph.Value {
	for i, in := range n.Inputs {
		if p := c.parameterOf(in); p != nil && h.Bias == nil && c.parameterOf(n.Inputs[1-i]) == nil {
			h.Bias = p
			return n.Inputs[1-i]
		}
	}
	return nil
}

// found completes the head. first tells whether the classes are the weight's first dimension.
func (h *Head) found(c *Model, weight, bias *graph.Value, first bool) (*Head, error) {
	if n := weight.Producer(); n.Is("", "Transpose") && len(weight.Shape) == 2 {
		weight, first = n.Inputs[0], !first
	}
	h.Weight = c.parameterOf(weight)
	if bias != nil {
		h.Bias = c.parameterOf(bias)
	}
	if h.Weight == nil || bias != nil && h.Bias == nil || c.Graph.Uses(weight) > 1 || h.Bias != nil && c.Graph.Uses(h.Bias.Value) > 1 {
		return nil, errNoHead
	}
	if h.axis = 1; first {
		h.axis = 0
	}
	h.Features = weight.Size(1 - h.axis)
	return h, nil
}

// parameterOf returns the parameter that the value holds, or nil.
func (c *Model) parameterOf(v *graph.Value) *Parameter {
	for i := range c.Parameters {
		if c.Parameters[i].Value == v {
			return &c.Parameters[i]
		}
	}
	return nil
}

// ReplaceHead changes the model's file: it gives it a new last layer for the given number of
// classes, and returns that layer. The parameters of the new layer are 0 and have the names of the
// old ones. c itself does not change, so the caller must read the file again.
func (c *Model) ReplaceHead(classes int) (*Head, error) {
	h, err := c.Head()
	if err != nil {
		return nil, err
	}
	old := int64(c.Logits.Size(1))
	resize(h.Weight.Tensor, h.axis, int64(classes))
	if h.Bias != nil {
		axis := slices.Index(h.Bias.Tensor.Dims, old)
		if axis < 0 {
			return nil, errNoHead
		}
		resize(h.Bias.Tensor, axis, int64(classes))
	}
	forgetShapes(c.File.GetGraph(), h.Names(), old, int64(classes))
	return h, nil
}

// resize gives a tensor another size along an axis and sets all its elements to 0.
func resize(t *onnxpb.Tensor, axis int, size int64) {
	t.Dims = slices.Clone(t.Dims)
	t.Dims[axis] = size
	setData(t, make([]byte, count(t)*int64(graph.Elem(t.GetDataType()).Size())))
}

// setData replaces the elements of a tensor by raw data.
func setData(t *onnxpb.Tensor, data []byte) {
	t.RawData = data
	t.FloatData, t.Int32Data, t.Int64Data, t.DoubleData, t.Uint64Data = nil, nil, nil, nil, nil
}

// forgetShapes changes the number of classes wherever the graph states it after the head:
// in declared shapes, and in the constant shapes that Reshape takes.
func forgetShapes(g *onnxpb.Graph, head []string, old, classes int64) {
	behind := map[string]bool{}
	for _, name := range head {
		behind[name] = true
	}
	constants := map[string]*onnxpb.Tensor{}
	for _, t := range g.GetInitializer() {
		constants[t.GetName()] = t
	}
	for _, n := range g.GetNode() {
		if isConstant(n) && len(n.GetAttribute()) == 1 && n.GetAttribute()[0].GetT() != nil {
			constants[n.GetOutput()[0]] = n.GetAttribute()[0].GetT()
		}
		if !slices.ContainsFunc(n.GetInput(), func(in string) bool { return behind[in] }) {
			continue
		}
		for _, out := range n.GetOutput() {
			behind[out] = true
		}
		if n.GetOpType() != "Reshape" || len(n.GetInput()) < 2 || constants[n.GetInput()[1]] == nil {
			continue
		}
		t := constants[n.GetInput()[1]]
		if elem, _, data, err := Contents(t); err == nil && elem == graph.Int64 {
			setData(t, replaced(data, old, classes))
		}
	}
	for _, v := range append(slices.Clone(g.GetOutput()), g.GetInput()...) {
		for _, d := range v.GetType().GetTensorType().GetShape().GetDim() {
			if (behind[v.GetName()] || slices.Contains(head, v.GetName())) && d.GetDimValue() == old {
				d.Value = &onnxpb.TensorShape_Dimension_DimValue{DimValue: classes}
			}
		}
	}
	g.ValueInfo = slices.DeleteFunc(g.ValueInfo, func(v *onnxpb.ValueInfo) bool { return behind[v.GetName()] })
}

// replaced returns a little-endian list of int64 in which each element old is replaced by `by`.
func replaced(data []byte, old, by int64) []byte {
	list := slices.Clone(data)
	for i := 0; i+8 <= len(list); i += 8 {
		v := int64(0)
		for k := 7; k >= 0; k-- {
			v = v<<8 | int64(list[i+k])
		}
		if v == old {
			for k := range 8 {
				list[i+k] = byte(by >> (8 * k))
			}
		}
	}
	return list
}

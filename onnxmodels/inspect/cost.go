package inspect

import (
	"math"
	"slices"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
)

// shapes knows the types of the values of a graph.
type shapes struct {
	infos map[string]*onnxpb.ValueInfo
	fixed map[string]*onnxpb.Tensor // initializers
	// images is how many images the graph takes at once, if that is fixed, or
	// 1: a symbol then stands for one image.
	images int64
	// shares is the part of an image that the symbols of replicas stand for.
	shares map[string]int64
}

func newShapes(g *onnxpb.Graph) *shapes {
	s := &shapes{map[string]*onnxpb.ValueInfo{}, map[string]*onnxpb.Tensor{}, 1, map[string]int64{onnxmodels.BatchSymbol: 1}}
	for _, v := range slices.Concat(g.GetInput(), g.GetOutput(), g.GetValueInfo()) {
		s.infos[v.GetName()] = v
	}
	for _, t := range g.GetInitializer() {
		s.fixed[t.GetName()] = t
	}
	if d := s.infos[onnxmodels.InputImage].GetType().GetTensorType().GetShape().GetDim(); len(d) > 0 && d[0].GetDimValue() > 0 {
		s.images = d[0].GetDimValue()
	}
	for _, n := range g.GetNode() {
		if n.GetOpType() != "Split" || len(n.GetOutput()) == 0 {
			continue
		}
		parts := s.infos[n.GetOutput()[0]].GetType().GetTensorType().GetShape().GetDim()
		if len(parts) > 0 && parts[0].GetDimParam() != "" {
			s.shares[parts[0].GetDimParam()] = int64(len(n.GetOutput()))
		}
	}
	return s
}

// sizes returns the dimensions of a value for one image, and what their product
// is to be divided by. They are not known if a symbol stands for anything else
// than images.
func (s *shapes) sizes(name string) (dims []int64, by int64, ok bool) {
	if t := s.fixed[name]; t != nil {
		return t.GetDims(), 1, true
	}
	v := s.infos[name]
	if v == nil || v.GetType().GetTensorType().GetShape() == nil {
		return nil, 1, false
	}
	var divisors []int64
	for _, d := range v.GetType().GetTensorType().GetShape().GetDim() {
		n := d.GetDimValue()
		if p := d.GetDimParam(); p != "" {
			share, known := s.shares[p]
			if !known {
				return nil, 1, false
			}
			n = 1
			divisors = append(divisors, share)
		}
		dims = append(dims, n)
	}
	by, ok = product(divisors)
	return dims, by, ok
}

// cost returns what a node takes, or nil.
func (s *shapes) cost(n *onnxpb.Node) *Cost {
	var c Cost
	for _, out := range n.GetOutput() {
		if out == "" {
			continue
		}
		dims, by, ok := s.sizes(out)
		if !ok {
			return nil
		}
		elements, ok := product(dims)
		if !ok {
			return nil
		}
		elem := graph.Elem(s.infos[out].GetType().GetTensorType().GetElemType())
		bytes := elements * int64(elem.Size()) / by / s.images
		if bytes > math.MaxInt64-c.Bytes {
			return nil
		}
		c.Bytes += bytes
	}
	adds, by, ok := s.multiplyAdds(n)
	if !ok {
		return nil
	}
	c.MultiplyAdds = adds / by / s.images
	return &c
}

// multiplyAdds is 0 for operators that are not counted. Shapes of the blocked
// layout say what the plain ones would.
func (s *shapes) multiplyAdds(n *onnxpb.Node) (count, by int64, ok bool) {
	// The product of the dimensions of one value, by those of the weight that
	// each of its elements meets.
	slide := func(over, weight string) (int64, int64, bool) {
		dims, by, ok := s.sizes(over)
		w, _, known := s.sizes(weight)
		if !ok || !known || len(w) < 2 {
			return 0, 1, false
		}
		count, ok := product(dims, w[1:])
		return count, by, ok
	}
	in, out := n.GetInput(), n.GetOutput()
	if len(in) < 2 || len(out) == 0 {
		return 0, 1, true
	}
	switch n.GetOpType() {
	case "Conv":
		return slide(out[0], in[1])
	case "ConvTranspose":
		return slide(in[0], in[1])
	case "ConvGrad": // of dy, x, weight: dx, dweight, dbias
		count, by, ok = slide(in[0], in[2])
		wanted := int64(0)
		for i, name := range out {
			if name != "" && i < 2 {
				wanted++
			}
		}
		return count * wanted, by, ok
	case "Gemm", "MatMul", "FusedMatMul":
		return s.matrixProduct(n)
	}
	return 0, 1, true
}

// matrixProduct is the elements of the output by the length of the sums.
func (s *shapes) matrixProduct(n *onnxpb.Node) (count, by int64, ok bool) {
	a, _, known := s.sizes(n.GetInput()[0])
	y, by, ok := s.sizes(n.GetOutput()[0])
	if !known || !ok || len(a) < 2 {
		return 0, 1, false
	}
	inner := a[len(a)-1]
	for _, attribute := range n.GetAttribute() {
		if attribute.GetName() == "transA" && attribute.GetI() != 0 {
			inner = a[len(a)-2]
		}
	}
	count, ok = product(y, []int64{inner})
	return count, by, ok
}

package inspect

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
	_ "onnxlab/onnxmodels/lower/native" // whose operators are counted, too
	"onnxlab/onnxmodels/op"
)

// shapes holds the types of the values of a graph.
type shapes struct {
	infos map[string]*onnxpb.ValueInfo
	fixed map[string]*onnxpb.Tensor // initializers
	// images is the batch size if it is fixed. Otherwise it is 1, and the symbol of the
	// batch counts as one image.
	images int64
	// shares maps each symbol that counts images to a divisor: the symbol counts as 1/divisor
	// of an image. It is above 1 for the parts into which a Split cuts the batch.
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
	image := s.infos[onnxmodels.InputImage]
	if image == nil && len(g.GetInput()) > 0 {
		image = g.GetInput()[0] // a given model may have another name for it
	}
	if d := image.GetType().GetTensorType().GetShape().GetDim(); len(d) > 0 {
		switch {
		case d[0].GetDimParam() != "":
			s.shares[d[0].GetDimParam()] = 1
		case d[0].GetDimValue() > 0:
			s.images = d[0].GetDimValue()
		default:
			s.infos[image.GetName()] = withBatch(image)
		}
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

// withBatch returns the declaration of images whose number is left open and has no name.
func withBatch(image *onnxpb.ValueInfo) *onnxpb.ValueInfo {
	named := proto.Clone(image).(*onnxpb.ValueInfo)
	first := named.GetType().GetTensorType().GetShape().GetDim()[0]
	first.Value = &onnxpb.TensorShape_Dimension_DimParam{DimParam: onnxmodels.BatchSymbol}
	return named
}

// sizes returns the dimensions of a value for one image; the number of elements is their product
// divided by `by`. ok is false if the shape is unknown, or if a symbol stands for anything else
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
		if d.GetValue() == nil {
			return nil, 1, false
		}
		if p := d.GetDimParam(); p != "" {
			factor, symbol := multiple(p)
			share, known := s.shares[symbol]
			if !known {
				return nil, 1, false
			}
			n = factor
			divisors = append(divisors, share)
		}
		dims = append(dims, n)
	}
	by, ok = product(divisors)
	return dims, by, ok
}

// multiple splits a dimension such as "3*batch" into the factor and the symbol. The factor of a
// mere symbol is 1.
func multiple(dim string) (factor int64, symbol string) {
	if before, after, ok := strings.Cut(dim, "*"); ok {
		if n, err := strconv.ParseInt(before, 10, 64); err == nil {
			return n, after
		}
	}
	return 1, dim
}

// cost returns the cost of a node, or nil if a shape is unknown.
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

// multiplyAdds returns the multiply-adds of a node: count divided by `by`. They are 0 for
// operators without a cost. ok is false if a shape is unknown.
func (s *shapes) multiplyAdds(n *onnxpb.Node) (count, by int64, ok bool) {
	o := op.Lookup(n.GetDomain(), n.GetOpType())
	if o == nil || o.Cost == nil {
		return 0, 1, true
	}
	node := &graph.Node{Schema: &o.Schema, Name: n.GetName()}
	by = 1
	for _, values := range []struct {
		names []string
		to    *[]*graph.Value
	}{{n.GetInput(), &node.Inputs}, {n.GetOutput(), &node.Outputs}} {
		for _, name := range values.names {
			v, share, known := s.value(name)
			if !known {
				return 0, 1, false
			}
			by = max(by, share)
			*values.to = append(*values.to, v)
		}
	}
	for _, a := range n.GetAttribute() {
		if a.GetType() == onnxpb.Attribute_INT {
			node.Attributes = append(node.Attributes, graph.Attribute{Name: a.GetName(), Value: a.GetI()})
		}
	}
	count, ok = safeCost(o, node)
	return count, by, ok
}

// safeCost returns the cost of a node. ok is false if the node does not have the operands that
// its operator needs: the model has not been checked for that.
func safeCost(o *op.Operator, n *graph.Node) (count int64, ok bool) {
	var fault error
	func() {
		defer op.Recovered(&fault)
		count = o.Cost(n)
	}()
	return count, fault == nil && count >= 0 && count < math.MaxInt64
}

// value returns a value with its shape for one image; the number of its elements is to be divided
// by `by`. The value is nil if it is left out.
func (s *shapes) value(name string) (v *graph.Value, by int64, ok bool) {
	if name == "" {
		return nil, 1, true
	}
	dims, by, ok := s.sizes(name)
	if !ok {
		return nil, 1, false
	}
	if _, ok = product(dims); !ok {
		return nil, 1, false
	}
	v = &graph.Value{Name: name}
	for _, d := range dims {
		v.Shape = append(v.Shape, graph.Dim{Size: d})
	}
	return v, by, true
}

package lower

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Half makes a graph of portable operators compute in float16, from its start up to the
// node last, which converts to float32. Constants are rounded to nearest, and the other
// conversions to float32 become conversions to float16. The inputs of the graph keep their
// types, so a conversion must follow each float32 input. A constant beyond 65504 is a mistake
// of the graph.
func Half(g *graph.Graph, last *graph.Node) {
	equalRanks(g)
	single := float32Constants(g)
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			if in != nil && in.Constant() && in.Elem == graph.Float && !single[in] {
				halve(g, in)
			}
		}
		if n == last {
			return
		}
		for i, a := range n.Attributes {
			if n.Is("", "Cast") && a.Value == int64(graph.Float) {
				n.Attributes[i].Value = int64(graph.Float16)
			}
		}
		for _, out := range n.Outputs {
			if out != nil && out.Elem == graph.Float {
				out.Elem = graph.Float16
			}
		}
	}
}

// equalRanks rewrites products so that both inputs have the same rank: a product by a matrix
// becomes a Gemm, and other inputs get leading dimensions of 1.
//
// It works around a crash of ONNX Runtime 1.23 to 1.31 on processors without float16, while they
// load a product of a Transpose that moves the first dimension and a value of another rank. ONNX
// Runtime inserts a Cast between Transpose and product, swaps the two in order to fuse the
// Transpose with the product, notices only then that the ranks differ, and leaves a node without
// an operator (MatmulTransposeFusion). If TestHalfProducts passes without equalRanks, the
// workaround is no longer needed.
func equalRanks(g *graph.Graph) {
	Products(g)
	Each(g, "", "MatMul", func(n *graph.Node) {
		x, y := n.In("A"), n.In("B")
		if len(x.Shape) == len(y.Shape) {
			return
		}
		g.Substitute(n, func() []*graph.Value {
			b, rank := op.On(g), max(len(x.Shape), len(y.Shape))
			return []*graph.Value{b.MatMul(n.Name, withRank(b, n.Name+".a", x, rank), withRank(b, n.Name+".b", y, rank))}
		})
	})
}

// withRank appends x with leading dimensions of size 1 up to the rank.
func withRank(b op.Builder, name string, x *graph.Value, rank int) *graph.Value {
	var axes []int64
	for i := range rank - len(x.Shape) {
		axes = append(axes, int64(i))
	}
	if axes == nil {
		return x
	}
	return b.Do("", "Unsqueeze", op.Call{Name: name, Inputs: []*graph.Value{x, b.Ints(name+".axes", axes...)}})[0]
}

// float32Constants returns the constants that must stay float32 because of the operators that
// take them: the statistics of batch normalisation and the scales of Resize.
func float32Constants(g *graph.Graph) map[*graph.Value]bool {
	single := map[*graph.Value]bool{}
	for _, n := range g.Nodes {
		if n.Is("", "BatchNormalization") || n.Is("", "Resize") {
			for _, in := range n.Inputs[1:] {
				single[in] = true
			}
		}
	}
	return single
}

// halve rounds a constant to float16.
func halve(g *graph.Graph, v *graph.Value) {
	var data []byte
	for _, f := range v.Floats() {
		h := float16.Fromfloat32(f)
		if h.IsInf(0) && !math.IsInf(float64(f), 0) {
			g.Fail("%s: %v is beyond 65504, the largest number in float16", v.Name, f)
		}
		data = binary.LittleEndian.AppendUint16(data, h.Bits())
	}
	v.SetData(graph.Float16, data)
}

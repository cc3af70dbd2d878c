package native

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
)

// Gemm is a product of matrices, A·B + C, for A [rows, k], B [k, n] and C [n], which may be
// left out. With transB, B is [n, k]. With transA, the product is Aᵀ·B for A [rows, m] and B
// [rows, n], without C. All sizes except rows are multiples of the block. "constant" means
// the same as for Conv.
var _ = op.Register(&op.Operator{
	Schema: graph.Schema{
		Domain: Domain, Op: "Gemm", Takes: op.Takes("A", "B", "C?"), Gives: op.Gives("Y"),
		Fields: op.Fields("block", int64(0), "transA", int64(0), "transB", int64(0), "constant", int64(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		a, b := n.In("A"), n.In("B")
		rows, columns := a.Shape[0], b.Shape[1]
		if n.Flag("transA") {
			rows = a.Shape[1]
		}
		if n.Flag("transB") {
			columns = b.Shape[0]
		}
		return []graph.Type{{Elem: graph.Float, Shape: graph.Shape{rows, columns}}}, nil
	},
	Cost: func(n *graph.Node) int64 { return op.Lookup("", "Gemm").Cost(n) },
})

// products replaces products of matrices by native operators, forward and in gradients.
func (b Builder) products() {
	lower.Each(b.Graph, "", "Gemm", func(n *graph.Node) {
		if !b.fitsProduct(n) {
			return
		}
		b.Substitute(n, func() []*graph.Value {
			y := b.Do(Domain, "Gemm", op.Call{Name: n.Name + ".native", Inputs: n.Inputs, Attributes: []graph.Attribute{
				b.block(), {Name: "transA", Value: n.Int("transA")}, {Name: "transB", Value: n.Int("transB")},
			}})[0]
			if n.In("B").Constant() && !n.Flag("transA") {
				y.Producer().Set("constant", int64(1))
			}
			return []*graph.Value{y}
		})
	})
}

// fitsProduct tells whether onnxlab's operator can compute a product.
func (b Builder) fitsProduct(n *graph.Node) bool {
	x, y, bias := n.In("A"), n.In("B"), n.In("C")
	if x.Elem != graph.Float || n.Float("alpha") != 1 || bias != nil && (len(bias.Shape) != 1 || n.Float("beta") != 1) {
		return false
	}
	whole := func(d graph.Dim) bool { return d.Symbol == "" && d.Size > 0 && d.Size%int64(b.Block) == 0 }
	if n.Flag("transA") {
		return bias == nil && !n.Flag("transB") && whole(x.Shape[1]) && whole(y.Shape[1])
	}
	fits := whole(y.Shape[0]) && whole(y.Shape[1])
	return fits && (bias == nil || bias.Shape[0] == n.Out("Y").Shape[1])
}

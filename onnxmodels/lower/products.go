package lower

import (
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Products turns products of matrices into Gemm, so that no matrix has to be transposed.
// Exporters write a dense layer as the product of [..., k] and a transposed weight, plus a bias.
// Its gradient transposes the weight again, and the gradient with respect to the transposed
// weight, too.
//
//	MatMul by a matrix, Add of a vector    Gemm of the rows, with C
//	Gemm of a Transpose                    Gemm of the matrix before it
//	Transpose of a Gemm                    Gemm of its matrices in reverse order
func Products(g *graph.Graph) {
	Each(g, "", "MatMul", func(n *graph.Node) { denseLayer(g, n) })
	Each(g, "", "Gemm", func(n *graph.Node) {
		withoutTranspose(n, "A", "transA")
		withoutTranspose(n, "B", "transB")
	})
	Each(g, "", "Transpose", func(n *graph.Node) { reverseProduct(g, n) })
	g.Prune()
}

// denseLayer replaces a product by a matrix, together with the addition of a vector if nothing
// else uses the product.
func denseLayer(g *graph.Graph, n *graph.Node) {
	x, w, end := n.In("A"), n.In("B"), n
	if x.Elem != graph.Float || len(w.Shape) != 2 || symbols(x.Shape[:len(x.Shape)-1]) > 1 {
		return
	}
	add, bias := addedVector(g, n.Out("Y"), w.Shape[1])
	if add != nil {
		end = add
	}
	g.Substitute(end, func() []*graph.Value {
		b := op.On(g)
		y := b.Gemm(n.Name+".product", b.Rows(n.Name+".x", x), w, bias, op.GemmOptions{})
		return []*graph.Value{b.Shaped(n.Name+".shaped", y, end.Outputs[0].Shape)}
	})
}

// addedVector returns the only node that uses y, if it adds a vector [size] to each row of y,
// and that vector. Otherwise it returns nil.
func addedVector(g *graph.Graph, y *graph.Value, size graph.Dim) (add *graph.Node, vector *graph.Value) {
	users := g.Users(y)
	if len(users) != 1 || g.Uses(y) != 1 || !users[0].Is("", "Add") {
		return nil, nil
	}
	for _, in := range users[0].Inputs {
		if in != y && in.Shape.Equal(graph.Shape{size}) {
			return users[0], in
		}
	}
	return nil, nil
}

// withoutTranspose lets a Gemm read a matrix directly if it reads its Transpose.
func withoutTranspose(n *graph.Node, input, flag string) {
	if t := n.In(input).Producer(); isTurned(t) {
		n.SetIn(input, t.In("data"))
		n.Set(flag, 1-n.Int(flag))
	}
}

// reverseProduct replaces the Transpose of a product, if nothing else uses the product: (A·B)ᵀ =
// Bᵀ·Aᵀ.
func reverseProduct(g *graph.Graph, n *graph.Node) {
	gemm := n.In("data").Producer()
	if !isTurned(n) || !gemm.Is("", "Gemm") || gemm.In("C") != nil || g.Uses(n.In("data")) != 1 {
		return
	}
	g.Substitute(n, func() []*graph.Value {
		return []*graph.Value{op.On(g).Gemm(n.Name, gemm.In("B"), gemm.In("A"), nil, op.GemmOptions{
			TransposeA: !gemm.Flag("transB"), TransposeB: !gemm.Flag("transA"), Alpha: gemm.Float("alpha"),
		})}
	})
}

// isTurned tells whether a node is the Transpose of a matrix.
func isTurned(n *graph.Node) bool {
	return n.Is("", "Transpose") && len(n.In("data").Shape) == 2 && !slices.Equal(n.Ints("perm"), []int64{0, 1})
}

// symbols counts the symbolic dimensions of a shape.
func symbols(s graph.Shape) int {
	n := 0
	for _, d := range s {
		if d.Symbol != "" {
			n++
		}
	}
	return n
}

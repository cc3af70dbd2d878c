// Package graph is a typed graph of ONNX operators: every value has an element type and
// a shape whose dimensions are fixed sizes or symbols such as "batch". Package op defines
// the operators and what they do; its Builder appends them:
//
//	b := op.On(graph.New("example"))
//	x := b.Input("x", graph.Float, graph.Shape{graph.Symbol("batch"), graph.Fixed(4)})
//	w := b.Input("w", graph.Float, graph.Static(4, 10))
//	b.Output(b.Gemm("dense", x, w, nil, op.GemmOptions{}))
//	model, err := b.Model()
//
// A node is appended after the nodes that compute its inputs, so nodes are always in
// topological order. The first mistake is kept and reported by Err and by Model; whatever
// is built after it is meaningless.
package graph

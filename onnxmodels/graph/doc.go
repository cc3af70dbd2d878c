// Package graph is a typed graph of ONNX operators: every value has an element
// type and a shape whose dimensions are fixed sizes or symbols such as
// "batch".
//
// A graph is built by calling one method an operator, which checks its inputs,
// infers its outputs and appends a node:
//
//	g := graph.New("example")
//	x := g.Input("x", graph.Float, graph.Shape{graph.Symbol("batch"), graph.Fixed(4)})
//	w := g.Input("w", graph.Float, graph.Static(4, 10))
//	y := g.Gemm("dense", x, w, nil, graph.GemmOptions{})
//	g.Output(y)
//	model, err := g.Model()
//
// Nodes are therefore always in topological order. The first mistake is kept
// and reported by Err and by Model; what is built after it does not count.
// The operators follow the ONNX operator set of Opset, and the domain
// com.microsoft of ONNX Runtime.
package graph

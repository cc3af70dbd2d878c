// Package op is the one place where an operator is described. A file has one family; an
// [Operator] in it states once what all others ask:
//
//   - its domain and name, its operands and its attributes with their defaults;
//   - the types of its outputs, from a node alone, with symbolic dimensions kept (Infer);
//   - its gradient, as further operators (Gradient);
//   - what it costs, in multiplications with additions (Cost);
//   - how it is computed in pure Go (Eval).
//
// [Lookup] finds an operator by its name. To add one, declare it with [Register] in the
// file of its family: the builder of graphs, the gradient pass, importing, costs and the
// pure Go runtime all ask that table. Its tests are vectors beside package gradient, and the
// official ones of the package onnx that package interp runs.
//
// Graphs have operators as opset 17 has them. Models have those of other opsets too: where
// the operator had other attributes or operands, where it is newer, or where others say the
// same, a [Form] beside it tells how to say it in those of the table. [Resolve] finds the
// form that a model's node has.
//
// A [Builder] appends operators to a graph, with a method for those that networks and
// gradients use most:
//
//	b := op.On(graph.New("example"))
//	x := b.Input("x", graph.Float, graph.Shape{graph.Symbol("batch"), graph.Fixed(4)})
//	w := b.Input("w", graph.Float, graph.Static(4, 10))
//	b.Output(b.Gemm("dense", x, w, nil, op.GemmOptions{}))
//
// Besides ONNX's own operators and those of ONNX Runtime (com.microsoft) there are marked
// ones, of the domain [Marked]: batch normalisation, the gradients of pools and the image
// input stand in a graph as what they are until package lower turns them into the
// operators that a target is fast at. No model is written with them.
package op

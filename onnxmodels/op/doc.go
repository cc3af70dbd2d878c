// Package op is the one place where operators are described, one family to a file. An
// [Operator] states once what all other packages need to know of it:
//
//   - its domain and name, its operands and its attributes with their defaults;
//   - the types of its outputs, from a node alone, with symbolic dimensions kept (Infer);
//   - its gradient, as further operators (Gradient);
//   - what it costs, in multiply-adds (Cost);
//   - how it is computed in pure Go (Eval).
//
// [Lookup] finds an operator by its name. To add one, declare it with [Register] in the
// file of its family: the builder of graphs, the gradient pass, the importer, the costs and the
// pure Go runtime all ask that table. It is tested with the vectors beside package gradient,
// and with the official test cases of ONNX, which package interp runs.
//
// Graphs have the operators of opset 17. A model may be of another opset, in which an operator
// has other attributes or operands or exists only there. For each such case, a [Variant] beside
// the operator builds the same computation from operators of the table. [Resolve] finds the
// variant of a model's node.
//
// A [Builder] appends operators to a graph. It has a method for each operator that networks and
// gradients use often:
//
//	b := op.On(graph.New("example"))
//	x := b.Input("x", graph.Float, graph.Shape{graph.Symbol("batch"), graph.Fixed(4)})
//	w := b.Input("w", graph.Float, graph.Static(4, 10))
//	b.Output(b.Gemm("dense", x, w, nil, op.GemmOptions{}))
//
// Besides ONNX's own operators and those of ONNX Runtime (com.microsoft) there are marked
// operators, in the domain [Marked]: batch normalisation, the gradients of pools and the image
// input. They stay in a graph until package lower replaces each by the operators that a target
// runs fastest. No model is written with marked operators.
package op

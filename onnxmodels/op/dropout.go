package op

import "onnxlab/onnxmodels/graph"

// dropoutOperator is Dropout. What it drops in training is told by its ratio; without
// training_mode it leaves its input as it is. Training replaces it: see
// onnxlab/onnxmodels.Dropout, which draws by a seed.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "Dropout", Takes: Takes("data", "ratio?", "training_mode?"), Gives: Gives("output", "mask? .mask"),
		Fields: Fields("seed", int64(0)),
	},
	From: 12,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("data")
		return []graph.Type{x.Type(), {Elem: graph.Bool, Shape: x.Shape}}, nil
	},
})

// Until opset 11 the ratio was an attribute, and a model did not say whether it trains.
var _ = RegisterForms(&Form{
	Schema: graph.Schema{Op: "Dropout", Takes: Takes("data"), Gives: Gives("output", "mask?"), Fields: Fields("ratio", float32(0.5))},
	Until:  11,
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		c := Call{Name: n.Name, Inputs: []*graph.Value{n.In("data"), b.Scalar(n.Name+".ratio", n.Float("ratio"))}}
		for range n.Outputs {
			c.Want = append(c.Want, true)
		}
		return b.Do("", "Dropout", c), nil
	},
})

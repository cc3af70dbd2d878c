package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// softmaxOperator is Softmax along one axis.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Softmax", Takes: Takes("input"), Gives: Gives("output"), Fields: Fields("axis", int64(-1))},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		if _, err := axisOf(n.In("input"), n.Int("axis")); err != nil {
			return nil, err
		}
		return same(n)
	},
	// dx = y·(dy − Σ dy·y)
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		y, name := n.Out("output"), n.Name
		axis, _ := axisOf(y, n.Int("axis"))
		sum := b.ReduceSum(name+".sum", b.Binary("Mul", name+".dot", dy[0], y), true, int64(axis))
		return []*graph.Value{b.Binary("Mul", name, y, b.Binary("Sub", name+".centred", dy[0], sum))}
	},
	Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
		x := in[0]
		if err := x.want("input", graph.Float, -1); err != nil {
			return nil, err
		}
		d, err := axisIn(n.Int("axis"), len(x.Shape))
		if err != nil {
			return nil, err
		}
		y, err := newFloats(x.Shape...)
		if err != nil {
			return nil, err
		}
		length, step := x.Shape[d], product(x.Shape[d+1:])
		for outer := range product(x.Shape[:d]) {
			for inner := range step {
				from := outer*length*step + inner
				softmaxOf(y.Floats[from:], x.Floats[from:], length, step)
			}
		}
		return one(y)
	},
})

// Softmax appends the softmax of x over its last dimension.
func (b Builder) Softmax(name string, x *graph.Value) *graph.Value {
	return b.one("Softmax", name, []*graph.Value{x}, graph.Attribute{Name: "axis", Value: int64(-1)})
}

// softmaxOf sets n elements of y, step apart, to the softmax of those of x.
func softmaxOf(y, x []float32, n, step int) {
	largest := float32(math.Inf(-1))
	for i := range n {
		largest = max(largest, x[i*step])
	}
	sum := 0.0
	for i := range n {
		sum += math.Exp(float64(x[i*step]) - float64(largest))
	}
	for i := range n {
		y[i*step] = float32(math.Exp(float64(x[i*step])-float64(largest)) / sum)
	}
}

// softmaxCrossEntropy is SoftmaxCrossEntropyLoss of scores [n, classes] against labels
// [n]: the mean, a scalar, and the log-probabilities.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "SoftmaxCrossEntropyLoss", Takes: Takes("scores", "labels", "weights?"),
		Gives: Gives("output .loss", "log_prob? .log_probabilities"), Fields: Fields("reduction", "mean"),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		scores, labels := n.In("scores"), n.In("labels")
		if err := wantRank(scores, 2); err != nil {
			return nil, err
		}
		if labels.Elem != graph.Int64 || len(labels.Shape) != 1 {
			return nil, fmt.Errorf("input %s, want int64 of rank 1", labels)
		}
		return []graph.Type{{Elem: scores.Elem, Shape: graph.Shape{}}, scores.Type()}, nil
	},
	// dx = dy·(softmax − one-hot)/n, and if the log-probabilities are used their
	// gradient, dlp − softmax·Σ dlp.
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		logProbabilities, name := n.Out("log_prob"), n.Name
		var parts []*graph.Value
		if dy[0] != nil {
			parts = append(parts, b.SoftmaxCrossEntropyGrad(name, dy[0], logProbabilities, n.In("labels")))
		}
		if dlp := dy[1]; dlp != nil {
			sum := b.ReduceSum(name+".sum", dlp, true, 1)
			share := b.Binary("Mul", name+".share", b.Unary("Exp", name+".softmax", logProbabilities), sum)
			parts = append(parts, b.Binary("Sub", name+".log_probabilities", dlp, share))
		}
		if len(parts) == 2 {
			parts = []*graph.Value{b.Sum(name+".total", parts...)}
		}
		return []*graph.Value{parts[0], nil}
	},
})

// SoftmaxCrossEntropy appends the mean cross-entropy of logits [n, classes]
// against labels [n], a scalar, and the log-probabilities.
func (b Builder) SoftmaxCrossEntropy(name string, logits, labels *graph.Value) (loss, logProbabilities *graph.Value) {
	out := b.Do("", "SoftmaxCrossEntropyLoss", Call{
		Name: name, Inputs: []*graph.Value{logits, labels}, Want: []bool{true, true},
		Attributes: []graph.Attribute{{Name: "reduction", Value: "mean"}},
	})
	return out[0], out[1]
}

// softmaxCrossEntropyGrad is the gradient of the loss by the scores (com.microsoft).
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Microsoft, Op: "SoftmaxCrossEntropyLossGrad", Takes: Takes("dY", "log_prob", "label", "weight?"),
		Gives: Gives("d_logits"), Fields: Fields("reduction", "mean"),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) { return like(n.In("log_prob")) },
})

// SoftmaxCrossEntropyGrad appends the gradient of the loss of
// SoftmaxCrossEntropy by the logits (com.microsoft).
func (b Builder) SoftmaxCrossEntropyGrad(name string, dloss, logProbabilities, labels *graph.Value) *graph.Value {
	return b.in(Microsoft, "SoftmaxCrossEntropyLossGrad", name, []*graph.Value{dloss, logProbabilities, labels},
		graph.Attribute{Name: "reduction", Value: "mean"})
}

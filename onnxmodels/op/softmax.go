package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// Softmax and its relatives along one axis.
var (
	// dx = y·(dy − Σ dy·y)
	_ = alongAxis("Softmax", softmaxGradient, softmaxOf)
	// dx = dy − exp(y)·Σ dy
	_ = alongAxis("LogSoftmax", logSoftmaxGradient, logSoftmaxOf)
	_ = alongAxis("Hardmax", nil, hardmaxOf)
)

// alongAxis declares an operator that works on lines along one axis. f computes one line of n
// elements, which begins at offset from and whose elements are step apart.
func alongAxis(name string, gradient func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value, f func(y, x *Tensor, from, n, step int)) *Operator {
	schema := graph.Schema{Op: name, Takes: Takes("input"), Gives: Gives("output"), Fields: Fields("axis", int64(-1))}
	flat := schema
	flat.Fields = Fields("axis", int64(1))
	RegisterVariants(&Variant{Schema: flat, Until: 12, Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) { return b.overRows(name, n) }})
	return Register(&Operator{
		Schema: schema, From: 13,
		Infer: func(n *graph.Node) ([]graph.Type, error) {
			if _, err := axisOf(n.In("input"), n.Int("axis")); err != nil {
				return nil, err
			}
			return FirstType(n)
		},
		Gradient: gradient,
		Eval: func(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
			x := in[0]
			d, err := axisIn(n.Int("axis"), len(x.Shape))
			if err != nil {
				return nil, err
			}
			y, err := newTensor(x.Elem, x.Shape...)
			if err != nil {
				return nil, err
			}
			length, step := x.Shape[d], product(x.Shape[d+1:])
			for outer := range product(x.Shape[:d]) {
				for inner := range step {
					f(y, x, outer*length*step+inner, length, step)
				}
			}
			return one(y)
		},
	})
}

// overRows builds the variant of opsets before 13, which flattens x to a matrix, with the dimensions
// from the axis on as columns, and works on its rows.
func (b Builder) overRows(name string, n *graph.Node) ([]*graph.Value, error) {
	x := n.In("input")
	axis, err := flattenAxis(n.Int("axis"), len(x.Shape))
	if err != nil {
		return nil, err
	}
	last := graph.Attribute{Name: "axis", Value: int64(-1)}
	if axis == len(x.Shape)-1 {
		return []*graph.Value{b.one(name, n.Name, []*graph.Value{x}, last)}, nil
	}
	matrix := b.one("Flatten", n.Name+".rows", []*graph.Value{x}, graph.Attribute{Name: "axis", Value: int64(axis)})
	return []*graph.Value{b.Shaped(n.Name+".back", b.one(name, n.Name, []*graph.Value{matrix}, last), x.Shape)}, nil
}

// SoftmaxGrad_13 and LogSoftmaxGrad_13 compute the gradients of Softmax and LogSoftmax from their
// outputs (com.microsoft).
var (
	_ = softmaxGrad("SoftmaxGrad_13")
	_ = softmaxGrad("LogSoftmaxGrad_13")
)

func softmaxGrad(name string) *Operator {
	return Register(&Operator{
		Schema: graph.Schema{Domain: Microsoft, Op: name, Takes: Takes("dY", "Y"), Gives: Gives("dX"), Fields: Fields("axis", int64(-1))},
		Infer:  FirstType,
	})
}

func softmaxGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	axis := graph.Attribute{Name: "axis", Value: n.Int("axis")}
	return []*graph.Value{b.in(Microsoft, "SoftmaxGrad_13", n.Name, []*graph.Value{dy[0], n.Out("output")}, axis)}
}

func logSoftmaxGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	axis := graph.Attribute{Name: "axis", Value: n.Int("axis")}
	return []*graph.Value{b.in(Microsoft, "LogSoftmaxGrad_13", n.Name, []*graph.Value{dy[0], n.Out("output")}, axis)}
}

// Softmax appends the softmax of x over its last dimension.
func (b Builder) Softmax(name string, x *graph.Value) *graph.Value {
	return b.one("Softmax", name, []*graph.Value{x}, graph.Attribute{Name: "axis", Value: int64(-1)})
}

// exponents returns the largest of n elements, and the sum of exp(x − largest) over them.
func exponents(x *Tensor, from, n, step int) (largest, sum float64) {
	largest = math.Inf(-1)
	for i := range n {
		largest = max(largest, x.At(from+i*step))
	}
	for i := range n {
		sum += math.Exp(x.At(from+i*step) - largest)
	}
	return largest, sum
}

func softmaxOf(y, x *Tensor, from, n, step int) {
	largest, sum := exponents(x, from, n, step)
	for i := range n {
		y.set(from+i*step, math.Exp(x.At(from+i*step)-largest)/sum)
	}
}

func logSoftmaxOf(y, x *Tensor, from, n, step int) {
	largest, sum := exponents(x, from, n, step)
	for i := range n {
		y.set(from+i*step, x.At(from+i*step)-largest-math.Log(sum))
	}
}

// hardmaxOf sets the first of the largest elements to 1 and leaves the others 0.
func hardmaxOf(y, x *Tensor, from, n, step int) {
	at := 0
	for i := range n {
		if x.At(from+i*step) > x.At(from+at*step) {
			at = i
		}
	}
	if n > 0 {
		y.set(from+at*step, 1)
	}
}

// SoftmaxCrossEntropyLoss is the loss of scores [n, classes] against labels
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
	// dx = dy·(softmax − one-hot)/n; if the log-probabilities are used too, plus
	// dlp − softmax·Σ dlp, where dlp is the gradient with respect to them.
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

// SoftmaxCrossEntropyLossGrad computes the gradient of the loss with respect to the scores
// (com.microsoft).
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Microsoft, Op: "SoftmaxCrossEntropyLossGrad", Takes: Takes("dY", "log_prob", "label", "weight?"),
		Gives: Gives("d_logits"), Fields: Fields("reduction", "mean"),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) { return like(n.In("log_prob")) },
})

// SoftmaxCrossEntropyGrad appends the gradient of the loss of SoftmaxCrossEntropy with respect to
// the logits (com.microsoft).
func (b Builder) SoftmaxCrossEntropyGrad(name string, dloss, logProbabilities, labels *graph.Value) *graph.Value {
	return b.in(Microsoft, "SoftmaxCrossEntropyLossGrad", name, []*graph.Value{dloss, logProbabilities, labels},
		graph.Attribute{Name: "reduction", Value: "mean"})
}

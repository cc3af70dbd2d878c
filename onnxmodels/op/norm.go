package op

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// batchNormalization is BatchNormalization for inference over [n, c, …]:
// (X − mean)·scale/√(var + epsilon) + B, for each channel.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "BatchNormalization", Takes: Takes("X", "scale!", "B!", "input_mean!", "input_var!"), Gives: Gives("Y"),
		Fields: Fields("epsilon", float32(1e-5), "momentum", float32(0.9), "training_mode", int64(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		if err := checkChannels(n); err != nil {
			return nil, err
		}
		return same(n)
	},
	Eval: evalBatchNormalization,
})

// Models may have it in the form that trains, whose running statistics are further outputs
// and, until opset 8, per element. What is taken here is the normalisation and that it
// trains: moving the statistics is left to training.
var _ = RegisterForms(
	batchNormalizationForm(0, 8, "spatial", int64(1)),
	batchNormalizationForm(9, 13),
	batchNormalizationForm(14, 0, "training_mode", int64(0)),
)

func batchNormalizationForm(from, until int, fields ...any) *Form {
	return &Form{
		Schema: graph.Schema{
			Op: "BatchNormalization", Takes: Takes("X", "scale!", "B!", "input_mean!", "input_var!"),
			Gives:  Gives("Y", "running_mean?", "running_var?", "saved_mean?", "saved_var?"),
			Fields: Fields(append([]any{"epsilon", float32(1e-5), "momentum", float32(0.9)}, fields...)...),
		},
		From: from, Until: until,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			if len(fields) > 0 && fields[0] == "spatial" && n.Int("spatial") == 0 {
				return nil, fmt.Errorf("attribute \"spatial\" is 0, of which only 1 is supported")
			}
			training := len(n.Outputs) > 1
			if from >= 14 {
				training = n.Flag("training_mode")
			}
			y := b.one("BatchNormalization", n.Name, n.Inputs,
				graph.Attribute{Name: "epsilon", Value: n.Float("epsilon")}, graph.Attribute{Name: "momentum", Value: n.Float("momentum")},
				graph.Attribute{Name: "training_mode", Value: flag(training)})
			mean, variance := n.In("input_mean"), n.In("input_var")
			return []*graph.Value{y, mean, variance, mean, variance}[:max(len(n.Outputs), 1)], nil
		},
	}
}

// checkChannels checks that the inputs after the first are vectors of its channels.
func checkChannels(n *graph.Node) error {
	x := n.In("X")
	if err := images(x); err != nil {
		return err
	}
	for _, v := range n.Inputs[1:] {
		if v != nil && (len(v.Shape) != 1 || v.Shape[0] != x.Shape[1]) {
			return fmt.Errorf("%s does not fit input %s", v, x)
		}
	}
	return nil
}

// BatchNormInference appends x [n, c, h, w] normalised by the given mean and
// variance.
func (b Builder) BatchNormInference(name string, x, scale, bias, mean, variance *graph.Value, epsilon float32) *graph.Value {
	return b.one("BatchNormalization", name, []*graph.Value{x, scale, bias, mean, variance}, graph.Attribute{Name: "epsilon", Value: epsilon})
}

// batchNorm is a normalisation by the statistics of the batch, which stands in a graph
// until a target replaces it. The running statistics are inputs that it leaves as they
// are.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Marked, Op: "BatchNorm", Takes: Takes("X", "Scale", "Bias", "RunningMean", "RunningVariance"),
		Gives:  Gives("Y", "Mean .mean", "InverseDeviation .inverse_deviation", "Variance .variance"),
		Fields: Fields("epsilon", Required{float32(0)}),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		if err := checkChannels(n); err != nil {
			return nil, err
		}
		mean := n.In("RunningMean")
		return like(n.In("X"), mean, mean, mean)
	},
	// dX, dScale, dBias by BatchNormalizationGrad
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		dx, dscale, dbias := b.BatchNormGrad(n.Name, dy[0], n.In("X"), n.In("Scale"), n.Out("Mean"), n.Out("InverseDeviation"), n.Float("epsilon"))
		return []*graph.Value{dx, dscale, dbias, nil, nil}
	},
})

// BatchNorm is the values that a normalisation by the batch's statistics makes.
type BatchNorm struct {
	Y *graph.Value
	// Mean and Variance, the biased one, are those of the batch: [c].
	// InverseDeviation is 1/√(variance + epsilon).
	Mean, InverseDeviation, Variance *graph.Value
}

// BatchNormTraining appends x [n, c, h, w] normalised by the batch's own mean and
// biased variance, then scaled and shifted. The running statistics are inputs of the
// operator but left as they are.
func (b Builder) BatchNormTraining(name string, x, scale, bias, mean, variance *graph.Value, epsilon float32) BatchNorm {
	out := b.Do(Marked, "BatchNorm", Call{
		Name: name, Inputs: []*graph.Value{x, scale, bias, mean, variance},
		Attributes: []graph.Attribute{{Name: "epsilon", Value: epsilon}},
	})
	return BatchNorm{out[0], out[1], out[2], out[3]}
}

// batchNormInternal is ONNX Runtime's normalisation by the statistics of the batch
// (com.microsoft). With momentum 1 it leaves the running ones as they are.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Microsoft, Op: "BatchNormInternal", Takes: Takes("X", "scale", "B", "input_mean", "input_var"),
		Gives:  Gives("Y", "running_mean? .running_mean", "running_var? .running_var", "saved_mean? .mean", "saved_inv_std? .inverse_deviation"),
		Fields: Fields("epsilon", float32(1e-5), "momentum", float32(0.9), "training_mode", int64(0)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		if err := checkChannels(n); err != nil {
			return nil, err
		}
		mean, variance := n.In("input_mean"), n.In("input_var")
		return like(n.In("X"), mean, variance, mean, mean)
	},
})

// BatchNormInternal appends the operator in place of the marked one (com.microsoft),
// and returns what it gives, but for the variance.
func (b Builder) BatchNormInternal(name string, marked *graph.Node) BatchNorm {
	out := b.Do(Microsoft, "BatchNormInternal", Call{
		Name: name, Inputs: marked.Inputs, Want: []bool{true, true, true, true, true},
		Attributes: []graph.Attribute{
			{Name: "epsilon", Value: marked.Float("epsilon")}, {Name: "momentum", Value: float32(1)}, {Name: "training_mode", Value: int64(1)},
		},
	})
	return BatchNorm{Y: out[0], Mean: out[3], InverseDeviation: out[4]}
}

// batchNormGrad is the gradients of a normalisation by the batch's statistics
// (com.microsoft).
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Microsoft, Op: "BatchNormalizationGrad", Takes: Takes("dY", "X", "scale", "mean", "inv_std"),
		Gives:  Gives("dX .dx", "dScale .dscale", "dB .dbias"),
		Fields: Fields("epsilon", float32(1e-5)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		scale := n.In("scale")
		return like(n.In("X"), scale, scale)
	},
})

// BatchNormGrad appends the gradients of y = BatchNormTraining(x)
// (com.microsoft BatchNormalizationGrad).
func (b Builder) BatchNormGrad(name string, dy, x, scale, mean, inverseDeviation *graph.Value, epsilon float32) (dx, dscale, dbias *graph.Value) {
	out := b.Do(Microsoft, "BatchNormalizationGrad", Call{
		Name: name, Inputs: []*graph.Value{dy, x, scale, mean, inverseDeviation},
		Attributes: []graph.Attribute{{Name: "epsilon", Value: epsilon}},
	})
	return out[0], out[1], out[2]
}

func evalBatchNormalization(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	if n.Flag("training_mode") {
		return nil, fmt.Errorf("attribute \"training_mode\" is 1, of which only 0 is supported")
	}
	x, epsilon := in[0], float64(n.Float("epsilon"))
	if err := x.want("input", graph.Float, 4); err != nil {
		return nil, err
	}
	channels, area := x.Shape[1], x.Shape[2]*x.Shape[3]
	for i, what := range []string{"scale", "bias", "mean", "variance"} {
		if err := in[i+1].wantVector(what, channels); err != nil {
			return nil, err
		}
	}
	factor, shift := make([]float32, channels), make([]float32, channels)
	for c := range channels {
		f := float64(in[1].Floats[c]) / math.Sqrt(float64(in[4].Floats[c])+epsilon)
		factor[c], shift[c] = float32(f), float32(float64(in[2].Floats[c])-float64(in[3].Floats[c])*f)
	}
	y, err := newFloats(x.Shape...)
	if err != nil {
		return nil, err
	}
	return []*Tensor{y}, parallel(x.Shape[0], func(image int) {
		for c := range channels {
			from := (image*channels + c) * area
			to := y.Floats[from : from+area]
			for i, v := range x.Floats[from : from+area] {
				to[i] = v*factor[c] + shift[c]
			}
		}
	})
}

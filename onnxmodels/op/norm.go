package op

import (
	"fmt"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// BatchNormalization is for inference, over [n, c, …]:
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
		return FirstType(n)
	},
	Gradient: batchNormalizationGradient,
	Eval:     evalBatchNormalization,
})

// batchNormalizationGradient is the gradient of BatchNormalization for inference. With
// r = 1/√(var + epsilon), the sums over the elements of a channel are
//
//	dX = dy·scale·r          dmean = −scale·r·dB
//	dB = Σ dy                dvar = −scale·r²/2·dscale
//	dscale = r·Σ dy·(X − mean)
//
// Statistics have a gradient if they are computed, as in convolutions whose weights are standardised.
func batchNormalizationGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, scale, mean, variance := n.In("X"), n.In("scale"), n.In("input_mean"), n.In("input_var")
	d, name, grads := dy[0], n.Name, make([]*graph.Value, 5)
	column := graph.Shape{scale.Shape[0]}
	axes := []int64{0}
	for i := range x.Shape[2:] {
		column, axes = append(column, graph.Fixed(1)), append(axes, int64(2+i))
	}
	positive := b.Binary("Add", name+".positive", variance, b.As(variance.Elem, b.Scalar(name+".epsilon", n.Float("epsilon"))))
	deviation := b.Unary("Sqrt", name+".deviation", positive)
	factor := b.Binary("Div", name+".factor", scale, deviation)
	minus := func(name string, v *graph.Value) *graph.Value { return b.Unary("Neg", name, v) }
	if b.Wants(x) {
		grads[0] = b.Binary("Mul", name+".dx", d, b.Shaped(name+".column", factor, column))
	}
	if slices.ContainsFunc(n.Inputs[1:], b.Wants) {
		grads[2] = b.ReduceSum(name+".db", d, false, axes...)
	}
	if b.Wants(scale) || b.Wants(variance) {
		dot := b.ReduceSum(name+".dot", b.Binary("Mul", name+".products", d, x), false, axes...)
		centred := b.Binary("Sub", name+".centred", dot, b.Binary("Mul", name+".shift", mean, grads[2]))
		grads[1] = b.Binary("Div", name+".dscale", centred, deviation)
	}
	if b.Wants(mean) {
		grads[3] = minus(name+".dmean", b.Binary("Mul", name+".mean_shift", factor, grads[2]))
	}
	if b.Wants(variance) {
		half := b.As(variance.Elem, b.Scalar(name+".half", 0.5))
		slope := b.Binary("Div", name+".slope", b.Binary("Mul", name+".half_scale", scale, half), positive)
		grads[4] = minus(name+".dvar", b.Binary("Mul", name+".var_slope", slope, grads[1]))
	}
	return grads
}

// Models may have BatchNormalization in training mode, in which the updated running statistics
// are further outputs. Until opset 8 the statistics could be for each element instead of each
// channel, which is not supported. The importer keeps the normalisation and the fact that it
// trains; when such a model is trained, package onnxmodels updates the statistics itself.
var _ = RegisterVariants(
	batchNormalizationVariant(0, 8, "spatial", int64(1)),
	batchNormalizationVariant(9, 13),
	batchNormalizationVariant(14, 0, "training_mode", int64(0)),
)

func batchNormalizationVariant(from, until int, fields ...any) *Variant {
	return &Variant{
		Schema: graph.Schema{
			Op: "BatchNormalization", Takes: Takes("X", "scale!", "B!", "input_mean!", "input_var!"),
			Gives:  Gives("Y", "running_mean?", "running_var?", "saved_mean?", "saved_var?"),
			Fields: Fields(append([]any{"epsilon", float32(1e-5), "momentum", float32(0.9)}, fields...)...),
		},
		From: from, Until: until,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			if len(fields) > 0 && fields[0] == "spatial" && n.Int("spatial") == 0 {
				return nil, fmt.Errorf("attribute \"spatial\" is 0, but only 1 is supported")
			}
			training := len(n.Outputs) > 1
			if from >= 14 {
				training = n.Flag("training_mode")
			}
			y := b.one("BatchNormalization", n.Name, n.Inputs,
				graph.Attribute{Name: "epsilon", Value: n.Float("epsilon")}, graph.Attribute{Name: "momentum", Value: n.Float("momentum")},
				graph.Attribute{Name: "training_mode", Value: flag(training)})
			mean, variance := n.In("input_mean"), n.In("input_var")
			if training && len(n.Outputs) > 1 {
				mean, variance = b.updatedStatistics(n)
			}
			return []*graph.Value{y, mean, variance, mean, variance}[:max(len(n.Outputs), 1)], nil
		},
	}
}

// updatedStatistics appends the running mean and variance after a step, as ONNX defines them: with
// the biased variance of the batch. They are used only if such a model is run as it is.
func (b Builder) updatedStatistics(n *graph.Node) (mean, variance *graph.Value) {
	batchMean, batchVariance := b.batchMoments(n.Name+".moved", n.In("X"))
	keep := b.Scalar(n.Name+".keep", n.Float("momentum"))
	take := b.Scalar(n.Name+".take", 1-n.Float("momentum"))
	move := func(name string, running, batch *graph.Value) *graph.Value {
		batch = b.Shaped(name+".flat", batch, running.Shape)
		return b.Binary("Add", name, b.Binary("Mul", name+".kept", running, b.As(running.Elem, keep)),
			b.Binary("Mul", name+".taken", b.As(running.Elem, batch), b.As(running.Elem, take)))
	}
	return move(n.Name+".running_mean", n.In("input_mean"), batchMean), move(n.Name+".running_var", n.In("input_var"), batchVariance)
}

// batchMoments appends the mean and the biased variance of each channel of x [n, c, …], as
// [1, c, 1, …].
func (b Builder) batchMoments(name string, x *graph.Value) (mean, variance *graph.Value) {
	axes := []int64{0}
	for i := range x.Shape[2:] {
		axes = append(axes, int64(2+i))
	}
	mean = b.ReduceMean(name+".mean", x, true, axes...)
	centred := b.Binary("Sub", name+".centred", x, mean)
	return mean, b.ReduceMean(name+".variance", b.Binary("Mul", name+".squares", centred, centred), true, axes...)
}

// BatchNormByBatch appends the output of the node n, a BatchNormalization in training mode,
// computed by ordinary operators.
func (b Builder) BatchNormByBatch(n *graph.Node) *graph.Value {
	x, name := n.In("X"), n.Name
	mean, variance := b.batchMoments(name+".batch", x)
	column := graph.Shape{n.In("scale").Shape[0]}
	for range x.Shape[2:] {
		column = append(column, graph.Fixed(1))
	}
	deviation := b.Unary("Sqrt", name+".deviation", b.Binary("Add", name+".positive", variance, b.As(x.Elem, b.Scalar(name+".epsilon", n.Float("epsilon")))))
	normalised := b.Binary("Div", name+".normalised", b.Binary("Sub", name+".centred", x, mean), deviation)
	scaled := b.Binary("Mul", name+".scaled", normalised, b.As(x.Elem, b.Shaped(name+".scale", n.In("scale"), column)))
	return b.Binary("Add", name, scaled, b.As(x.Elem, b.Shaped(name+".bias", n.In("B"), column)))
}

// checkChannels checks that each input after the first is a vector with one number for each of
// its channels.
func checkChannels(n *graph.Node) error {
	x := n.In("X")
	if !x.Elem.Floating() || len(x.Shape) < 2 {
		return fmt.Errorf("input %s, want floating-point numbers [n, channels, …]", x)
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

// BatchNorm is a marked operator, which a target replaces. It normalises by the
// statistics of the batch. The running statistics are inputs that it does not change.
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
	// BatchNormalizationGrad computes dX, dScale and dBias.
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		dx, dscale, dbias := b.BatchNormGrad(n.Name, dy[0], n.In("X"), n.In("Scale"), n.Out("Mean"), n.Out("InverseDeviation"), n.Float("epsilon"))
		return []*graph.Value{dx, dscale, dbias, nil, nil}
	},
})

// BatchNorm holds the outputs of a normalisation by the batch's statistics.
type BatchNorm struct {
	Y *graph.Value
	// Mean and Variance (biased) are the statistics of the batch: [c].
	// InverseDeviation is 1/√(variance + epsilon).
	Mean, InverseDeviation, Variance *graph.Value
}

// BatchNormTraining appends x [n, c, h, w] normalised by the batch's own mean and
// biased variance, then scaled and shifted. The running statistics mean and variance are inputs
// that the operator does not change.
func (b Builder) BatchNormTraining(name string, x, scale, bias, mean, variance *graph.Value, epsilon float32) BatchNorm {
	out := b.Do(Marked, "BatchNorm", Call{
		Name: name, Inputs: []*graph.Value{x, scale, bias, mean, variance},
		Attributes: []graph.Attribute{{Name: "epsilon", Value: epsilon}},
	})
	return BatchNorm{out[0], out[1], out[2], out[3]}
}

// BatchNormInternal is ONNX Runtime's normalisation by the statistics of the batch
// (com.microsoft). With momentum 1 it does not change the running statistics.
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

// BatchNormInternal appends ONNX Runtime's operator in place of the marked BatchNorm
// (com.microsoft). It returns all outputs but the variance, which that operator does not have.
func (b Builder) BatchNormInternal(name string, marked *graph.Node) BatchNorm {
	out := b.Do(Microsoft, "BatchNormInternal", Call{
		Name: name, Inputs: marked.Inputs, Want: []bool{true, true, true, true, true},
		Attributes: []graph.Attribute{
			{Name: "epsilon", Value: marked.Float("epsilon")}, {Name: "momentum", Value: float32(1)}, {Name: "training_mode", Value: int64(1)},
		},
	})
	return BatchNorm{Y: out[0], Mean: out[3], InverseDeviation: out[4]}
}

// BatchNormalizationGrad computes the gradients of a normalisation by the batch's statistics
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
	x, epsilon := in[0], float64(n.Float("epsilon"))
	if len(x.Shape) < 2 {
		return nil, fmt.Errorf("input is %s, want [n, channels, …]", x)
	}
	channels, area := x.Shape[1], product(x.Shape[2:])
	for i, what := range []string{"scale", "bias", "mean", "variance"} {
		if v := in[i+1]; v == nil || len(v.Shape) != 1 || v.Shape[0] != channels || !v.Elem.Floating() {
			return nil, fmt.Errorf("%s is %v, want [%d]", what, v, channels)
		}
	}
	mean, variance := in[3], in[4]
	factor, shift := make([]float64, channels), make([]float64, channels)
	for c := range channels {
		factor[c] = in[1].At(c) / math.Sqrt(variance.At(c)+epsilon)
		shift[c] = in[2].At(c) - mean.At(c)*factor[c]
	}
	y, err := newTensor(x.Elem, x.Shape...)
	if err != nil {
		return nil, err
	}
	return []*Tensor{y}, parallel(x.Shape[0], func(image int) {
		for c := range channels {
			from := (image*channels + c) * area
			if y.Elem == graph.Float {
				f, s, to := float32(factor[c]), float32(shift[c]), y.Floats[from:from+area]
				for i, v := range x.Floats[from : from+area] {
					to[i] = v*f + s
				}
				continue
			}
			for i := from; i < from+area; i++ {
				y.set(i, x.At(i)*factor[c]+shift[c])
			}
		}
	})
}

package onnxmodels

import "onnxlab/onnxmodels/graph"

// BatchNormOptions describe a batch normalisation; zero values are Keras's
// defaults.
type BatchNormOptions struct {
	// Momentum is the share of the running statistics that a step keeps, in 0..1; 0
	// means 0.99.
	Momentum float32
	// Epsilon is added to the variance, in 0..1; 0 means 1e-3.
	Epsilon float32
	// Corrected removes the influence of the first values from the running statistics:
	// see [StepCounter].
	Corrected bool
}

// StepCounter is the parameter that counts training steps in networks with corrected
// running statistics, float32 [1]. It is frozen and starts at 0. The training model
// increments it, so that every client of the artifacts gets the same statistics. Step n
// keeps the share min(momentum, 1 − 1/n) of the statistics: the first step replaces them,
// and as long as 1 − 1/n is below the momentum they are the plain mean over the steps.
//
// The counter is a parameter because the training model cannot see the optimizer's step.
// The statistics are correct after every step, so code that exports or folds them need not
// know of the counter; a debiased moving average, as in Adam, would need a division there.
// Beyond 2²⁴ steps a float32 counter stops, but by then 1/n no longer matters.
const StepCounter = "batchnorm.steps"

// BatchNorm normalises each channel of [n, c, h, w] by the batch's statistics
// while training and by the running ones after (Ioffe and Szegedy 2015), with
// the parameters "<name>.weight" (Keras's gamma), "<name>.bias" (beta),
// "<name>.running_mean" and "<name>.running_var".
//
// A training step updates the running statistics as Keras's fused kernel does:
// r ← momentum·r + (1 − momentum)·b, where b is the batch's mean or its
// unbiased variance. With several ghost batches or micro-batches, b is the mean over
// them, and a step still updates the statistics once. Corrected statistics keep
// less than the momentum at first.
func BatchNorm(name string, o BatchNormOptions) Layer {
	if o.Momentum == 0 {
		o.Momentum = 0.99
	}
	if o.Epsilon == 0 {
		o.Epsilon = 1e-3
	}
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		if len(x.Shape) != 4 {
			b.Fail("batch normalisation %q: input %s, want [n, c, h, w]", b.Name(name), x)
			return x
		}
		if !(o.Momentum >= 0 && o.Momentum <= 1 && o.Epsilon >= 0 && o.Epsilon <= 1) {
			b.Fail("batch normalisation %q: momentum %v or epsilon %v is outside 0..1", b.Name(name), o.Momentum, o.Epsilon)
			return x
		}
		n := &norm{Builder: b, name: b.Name(name), BatchNormOptions: o}
		if o.Corrected && b.constants == nil && !b.stateless {
			n.steps = b.countSteps()
		}
		if !o.Corrected {
			b.keeps = max(b.keeps, o.Momentum)
		}
		b.in(name, func() { n.declare(int(x.Shape[1].Size)) })
		if b.measuring {
			return n.measure(x)
		}
		if !b.Training {
			return b.BatchNormInference(n.name, x, n.scale, n.bias, n.mean, n.variance, o.Epsilon)
		}
		return n.train(x)
	})
}

// norm is one BatchNorm layer being built.
type norm struct {
	*Builder
	BatchNormOptions
	name                        string
	scale, bias, mean, variance *graph.Value
	steps                       *graph.Value // the number of steps including this one; nil if not corrected
}

func (n *norm) declare(channels int) {
	shape := []int{channels}
	n.scale = n.Parameter(Parameter{Name: "weight", Shape: shape, Trainable: true}, Ones)
	n.bias = n.Parameter(Parameter{Name: "bias", Shape: shape, Trainable: true}, Zeros)
	n.mean = n.Parameter(Parameter{Name: "running_mean", Shape: shape}, Zeros)
	n.variance = n.Parameter(Parameter{Name: "running_var", Shape: shape}, Ones)
}

// train normalises each ghost batch by itself (Hoffer et al. 2017).
func (n *norm) train(x *graph.Value) *graph.Value {
	if n.interleaved {
		return n.trainInterleaved(x)
	}
	parts := []*graph.Value{x}
	if n.ghosts > 1 {
		parts = n.Split(n.name+".ghosts", x, n.ghosts, ghostSymbol)
	}
	var outputs, means, variances []*graph.Value
	for _, part := range parts {
		bn := n.BatchNormTraining(n.name, part, n.scale, n.bias, n.mean, n.variance, n.Epsilon)
		outputs, means = append(outputs, bn.Y), append(means, bn.Mean)
		variances = append(variances, bn.Variance)
	}
	if !n.stateless {
		n.move(n.mean, n.sum("mean", means), 1, nil)
		factor, unknown := n.besselFactor(parts[0])
		n.move(n.variance, n.sum("variance", variances), factor, unknown)
	}
	if len(outputs) == 1 {
		return outputs[0]
	}
	return n.Concat(n.name+".joined", outputs, 0, x.Shape[0])
}

// trainInterleaved does the same if the images of the ghost batches alternate in the batch.
// Then one image of each ghost batch lie side by side. Without copying, the batch can be
// viewed as a shorter one with more channels: the number of channels times the number of
// ghost batches.
func (n *norm) trainInterleaved(x *graph.Value) *graph.Value {
	channels, height, width := x.Shape[1].Size, x.Shape[2].Size, x.Shape[3].Size
	wide := n.ghosts * int(channels)
	together := func(name string, v *graph.Value, images graph.Dim, channels int64) *graph.Value {
		return n.Reshape(name, v, n.Ints(name+".sizes", -1, channels, height, width),
			graph.Shape{images, graph.Fixed(int(channels)), v.Shape[2], v.Shape[3]})
	}
	part := together(n.name+".ghosts", x, n.partOf(x.Shape[0]), int64(wide))
	bn := n.BatchNormTraining(n.name, part, n.repeat(n.scale), n.repeat(n.bias), n.unused("mean", wide), n.unused("variance", wide), n.Epsilon)
	over := func(what string, v *graph.Value) *graph.Value {
		rows := n.View(n.name+"."+what+".ghosts", v, n.ghosts, int(channels))
		return n.ReduceSum(n.name+"."+what+".sum", rows, false, 0)
	}
	if !n.stateless {
		n.move(n.mean, over("mean", bn.Mean), 1, nil)
		factor, unknown := n.besselFactor(part)
		n.move(n.variance, over("variance", bn.Variance), factor, unknown)
	}
	return together(n.name+".joined", bn.Y, x.Shape[0], channels)
}

// unused returns zeros for the inputs of running statistics, which the operator does not use.
func (n *norm) unused(what string, channels int) *graph.Value {
	return n.Floats(n.name+"."+what+".unused", []int{channels}, make([]float32, channels))
}

// repeat returns the vector repeated once for each ghost batch.
func (n *norm) repeat(v *graph.Value) *graph.Value {
	channels := int(v.Shape[0].Size)
	zeros := n.Floats(v.Name+".zeros", []int{n.ghosts, channels}, make([]float32, n.ghosts*channels))
	return n.View(v.Name+".repeated", n.Binary("Add", v.Name+".rows", zeros, v), n.ghosts*channels)
}

func (n *norm) sum(what string, values []*graph.Value) *graph.Value {
	if len(values) == 1 {
		return values[0]
	}
	return n.Sum(n.name+"."+what+".sum", values...)
}

// besselFactor returns Bessel's correction count/(count − 1), where count is the number of
// elements in a channel, or 1 for a single element. If the count is only known at run time,
// the float32 is 1 and the factor is the value, which is nil otherwise.
func (n *norm) besselFactor(part *graph.Value) (float32, *graph.Value) {
	if elements, static := part.Shape.Elements(); static {
		count := float32(elements) / float32(part.Shape[1].Size)
		return count / max(count-1, 1), nil
	}
	name := n.name + ".bessel"
	size := n.Cast(name+".float", n.SizeOf(name+".size", part), graph.Float)
	channels := n.Scalar(name+".channels", float32(part.Shape[1].Size))
	one := n.Scalar(name+".one", 1)
	count := n.Binary("Div", name+".count", size, channels)
	less := n.Binary("Max", name+".less", n.Binary("Sub", name+".minus", count, one), one)
	return 1, n.Binary("Div", name, count, less)
}

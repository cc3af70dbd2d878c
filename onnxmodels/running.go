package onnxmodels

import (
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/graph"
)

// move adds (1 − momentum)·(share·factor·unknown·b − r) to the running statistic
// r in place, where b is the mean over the ghost batches and share is the share of this
// micro-batch in the batch. sum is the sum over the ghost batches. factor and unknown are those
// of besselFactor: one of them is Bessel's correction, and the other is 1 or nil. The term −r
// must count once in a step, so it is only present in the step's first micro-batch, which the
// reset flag marks.
func (n *norm) move(running, sum *graph.Value, factor float32, unknown *graph.Value) {
	if n.steps != nil {
		n.moveCorrected(running, sum, factor, unknown)
		return
	}
	name, keep := running.Name, 1-n.Momentum
	share := n.Scalar(name+".share", keep*n.share*factor/float32(n.ghosts))
	b := n.Binary("Mul", name+".batch", sum, share)
	if unknown != nil {
		b = n.Binary("Mul", name+".unbiased", b, unknown)
	}
	delta := n.Binary("Sub", name+".delta", b, n.Binary("Mul", name+".forgotten", running, n.forget(keep)))
	n.updated = append(n.updated, n.Accumulate(running.Name+artifact.GradientFlagSuffix, running, delta, nil))
}

// forget returns the share of the running statistics that a micro-batch removes: the
// step's whole share in its first micro-batch, and 0 in the others. Layers with the same share
// use the same node.
func (n *norm) forget(share float32) *graph.Value {
	rate, known := n.forgets[share]
	if !known {
		name := artifact.InputResetGrad + ".forget"
		rate = n.Binary("Mul", name, n.resetFlag, n.Scalar(name+".share", share))
		n.forgets[share] = rate
	}
	return rate
}

// moveCorrected sets the running statistic r to (1 − w)·r + w·share·factor·unknown·b,
// where w is the weight of this step. The step's first micro-batch, which the reset flag
// marks, overwrites r, and the others add their shares. So no trace of the first values is
// left, not even by rounding.
func (n *norm) moveCorrected(running, sum *graph.Value, factor float32, unknown *graph.Value) {
	name, weight := running.Name, n.weightOf(1-n.Momentum)
	share := n.Binary("Mul", name+".share", weight.new, n.Scalar(name+".part", n.share*factor/float32(n.ghosts)))
	if unknown != nil {
		share = n.Binary("Mul", name+".unbiased", share, unknown)
	}
	value := n.Binary("Add", name+".moved", n.Binary("Mul", name+".kept", running, weight.old), n.Binary("Mul", name+".batch", sum, share))
	n.updated = append(n.updated, n.Accumulate(name+artifact.GradientFlagSuffix, running, value, n.reset))
}

// weights are the weights of this step in running statistics: new for the batch's statistics,
// old for the running ones. old is 0 except in the step's first micro-batch.
type weights struct{ new, old *graph.Value }

// weightOf returns the weights for statistics of which a step replaces at least the share
// `least`: new is max(least, 1/n) in step n. Layers with the same share use the same nodes.
func (n *norm) weightOf(least float32) weights {
	w, known := n.weights[least]
	if !known {
		const name = StepCounter
		w.new = n.Binary("Max", name+".weight", n.Unary("Reciprocal", name+".inverse", n.steps), n.Scalar(name+".least", least))
		w.old = n.Binary("Mul", name+".rest", n.resetFlag, n.Binary("Sub", name+".complement", n.Scalar(name+".one", 1), w.new))
		n.weights[least] = w
	}
	return w
}

// countSteps declares the network's step counter, once, and returns the number of steps including
// this one. Graphs that are not for training declare the counter too if their parameters are
// inputs, because ONNX Runtime feeds these in the order of the training model.
func (b *Builder) countSteps() *graph.Value {
	if b.steps != nil {
		return b.steps
	}
	var counter *graph.Value
	b.atTop(func() { counter = b.Parameter(Parameter{Name: StepCounter, Shape: []int{1}}, Zeros) })
	if b.steps = counter; b.Training {
		// Only b.steps reads the counter. The new value depends on b.steps, so the counter is
		// read before it is overwritten.
		b.steps = b.Binary("Add", StepCounter+".now", counter, b.resetFlag)
		moved := b.Binary("Mul", StepCounter+".moved", b.steps, b.resetFlag)
		b.updated = append(b.updated, b.Accumulate(StepCounter+artifact.GradientFlagSuffix, counter, moved, b.reset))
	}
	return b.steps
}

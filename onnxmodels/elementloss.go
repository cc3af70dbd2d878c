package onnxmodels

import (
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/graph"
)

// elementLoss appends the mean over images and classes of the binary cross-entropy,
// log(1 + eˣ) − t·x for a logit x and its target t, or of the squared error (x − t)².
func (b *Builder) elementLoss(logits, label *graph.Value, o TrainingOptions) *graph.Value {
	target := b.smoothed(b.target(logits, label, o), o)
	var each *graph.Value
	if o.Loss == artifact.LossBinaryCrossEntropy {
		each = b.Binary("Sub", "loss.each", b.Unary("Softplus", "loss.softplus", logits), b.Binary("Mul", "loss.hit", logits, target))
	} else {
		difference := b.Binary("Sub", "loss.difference", logits, target)
		each = b.Binary("Mul", "loss.each", difference, difference)
	}
	return b.ReduceMean("loss.mean", each, false, 0, 1)
}

// target appends the targets [batch, classes] that the labels stand for.
func (b *Builder) target(logits, label *graph.Value, o TrainingOptions) *graph.Value {
	if o.MultiLabel {
		return label
	}
	classes := int(logits.Shape[1].Size)
	target := b.oneHot("target", label, classes)
	if o.Mixes {
		target = b.mixedTarget(target, classes)
	}
	return target
}

// smoothed spreads the share s of the target evenly. If each image has one label, the
// share is spread over all classes. Otherwise, as in Keras, it is spread over yes and no
// for each class.
func (b *Builder) smoothed(target *graph.Value, o TrainingOptions) *graph.Value {
	s := o.LabelSmoothing
	if s == 0 {
		return target
	}
	spread := s / 2
	if !o.MultiLabel {
		spread = s / float32(target.Shape[1].Size)
	}
	return b.Binary("Add", "smoothing", b.Binary("Mul", "smoothing.hard", target, b.Scalar("smoothing.rest", 1-s)), b.Scalar("smoothing.share", spread))
}

// allRight appends the number of images for which every class is right: a class counts as
// predicted if its logit means more than even odds, and as present if its target is above
// 0.5.
func (b *Builder) allRight(logits, target *graph.Value, loss string) *graph.Value {
	even := float32(0)
	if loss == artifact.LossMeanSquaredError {
		even = 0.5
	}
	yes := b.Cast("correct.yes", b.Compare("Less", "correct.above", b.Scalar("correct.even", even), logits), graph.Float)
	want := b.Cast("correct.want", b.Compare("Less", "correct.target", b.Scalar("correct.half", 0.5), target), graph.Float)
	wrong := b.ReduceSum("correct.wrong", b.Unary("Abs", "correct.differs", b.Binary("Sub", "correct.difference", yes, want)), false, 1)
	hit := b.Compare("Less", "correct.hit", wrong, b.Scalar("correct.none", 0.5))
	return b.ReduceSum("correct.sum", b.Cast("correct.float", hit, graph.Float), false, 0)
}

// probabilities appends the probabilities that the logits stand for: their softmax or,
// with the other losses, the probability of each class by itself.
func (b *Builder) probabilities(logits *graph.Value, loss string) *graph.Value {
	switch loss {
	case artifact.LossBinaryCrossEntropy:
		return b.Unary("Sigmoid", OutputProbabilities, logits)
	case artifact.LossMeanSquaredError: // the logit that minimises it is the probability itself
		return b.Binary("Max", OutputProbabilities, b.Binary("Min", "probabilities.most", logits, b.Scalar("probabilities.one", 1)), b.Scalar("probabilities.zero", 0))
	}
	return b.Softmax(OutputProbabilities, logits)
}

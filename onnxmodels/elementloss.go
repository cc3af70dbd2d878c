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

// target appends [batch, classes]: what the labels say of each class.
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

// smoothed spreads the share s of the target evenly: over the classes where there is one
// label an image, and else, as Keras does, over yes and no of each class.
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

// allRight appends how many images have the right answer for every class: a logit above
// the one that stands for even odds where the target is above a half.
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

// probabilities appends what the logits stand for: their softmax, or with other losses the
// probability of each class by itself.
func (b *Builder) probabilities(logits *graph.Value, loss string) *graph.Value {
	switch loss {
	case artifact.LossBinaryCrossEntropy:
		return b.Unary("Sigmoid", OutputProbabilities, logits)
	case artifact.LossMeanSquaredError: // which the share of images with the class minimises
		return b.Binary("Max", OutputProbabilities, b.Binary("Min", "probabilities.most", logits, b.Scalar("probabilities.one", 1)), b.Scalar("probabilities.zero", 0))
	}
	return b.Softmax(OutputProbabilities, logits)
}

package onnxmodels

import (
	"onnxlab/onnxmodels/graph"
)

// trainingLoss appends the loss that the options ask for.
func (b *Builder) trainingLoss(logits, label *graph.Value, o TrainingOptions) *graph.Value {
	switch {
	case !o.CrossEntropy():
		return b.elementLoss(logits, label, o)
	case len(o.ClassWeights) == 0 && !o.Mixes:
		return b.loss(logits, label, o.LabelSmoothing)
	}
	return b.softLoss(logits, label, o)
}

// softLoss appends the mean of the cross-entropy −Σₖ tₖ·log pₖ against soft targets t. t is the
// one-hot label, or the mixture of both labels by their shares, multiplied by the class weights.
// Label smoothing then spreads a share of t over all classes.
func (b *Builder) softLoss(logits, label *graph.Value, o TrainingOptions) *graph.Value {
	_, logProbabilities := b.SoftmaxCrossEntropy("cross_entropy", logits, label)
	classes := int(logits.Shape[1].Size)
	target := b.oneHot("target", label, classes)
	if o.Mixes {
		target = b.mixedTarget(target, classes)
	}
	if len(o.ClassWeights) > 0 {
		target = b.Binary("Mul", "target.weighted", target, b.Floats("target.weights", []int{1, classes}, o.ClassWeights))
	}
	if s := o.LabelSmoothing; s > 0 {
		mass := b.ReduceSum("smoothing.mass", target, true, 1)
		hard := b.Binary("Mul", "smoothing.hard", target, b.Scalar("smoothing.rest", 1-s))
		target = b.Binary("Add", "smoothing", hard, b.Binary("Mul", "smoothing.soft", mass, b.Scalar("smoothing.share", s/float32(classes))))
	}
	mean := b.ReduceMean("cross_entropy.mean", b.Binary("Mul", "cross_entropy.parts", logProbabilities, target), false, 0, 1)
	return b.Binary("Mul", "cross_entropy.loss", mean, b.Scalar("cross_entropy.factor", -float32(classes)))
}

// mixedTarget appends share·target + (1 − share)·(one-hot second label).
func (b *Builder) mixedTarget(target *graph.Value, classes int) *graph.Value {
	share := b.column("target.share", b.turns(InputLabelShare, b.labelShare, b.batch, 1))
	rest := b.Binary("Sub", "target.rest", b.Scalar("target.whole", 1), share)
	second := b.oneHot("target.second", b.turns(InputSecondLabel, b.secondLabel, b.batch, 1), classes)
	return b.Binary("Add", "target.mixed", b.Binary("Mul", "target.first", target, share), b.Binary("Mul", "target.other", second, rest))
}

// column appends a view of [batch] as [batch, 1].
func (b *Builder) column(name string, v *graph.Value) *graph.Value {
	return b.Reshape(name, v, b.Ints(name+".sizes", -1, 1), graph.Shape{b.batch, graph.Fixed(1)})
}

// oneHot appends [batch, classes] with 1 at each label and 0 elsewhere.
func (b *Builder) oneHot(name string, label *graph.Value, classes int) *graph.Value {
	numbers := make([]int64, classes)
	for i := range numbers {
		numbers[i] = int64(i)
	}
	return b.Cast(name, b.Compare("Equal", name+".hit", b.column(name+".column", label), b.Ints(name+".classes", numbers...)), graph.Float)
}

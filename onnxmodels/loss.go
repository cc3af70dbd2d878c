package onnxmodels

import (
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// validateWeights tells what is wrong with weights of so many classes.
func (o TrainingOptions) validateWeights(classes int) error {
	if len(o.ClassWeights) == 0 {
		return nil
	}
	if len(o.ClassWeights) != classes {
		return fmt.Errorf("training artifacts: %d class weights for %d classes", len(o.ClassWeights), classes)
	}
	largest := float32(0)
	for class, w := range o.ClassWeights {
		if !(w >= 0 && w <= math.MaxFloat32) {
			return fmt.Errorf("training artifacts: weight %v of class %d is no finite number of 0 or more", w, class)
		}
		largest = max(largest, w)
	}
	if largest == 0 {
		return fmt.Errorf("training artifacts: all class weights are 0")
	}
	return nil
}

// trainingLoss appends the loss that the options ask for.
func (b *Builder) trainingLoss(logits, label *graph.Value, o TrainingOptions) *graph.Value {
	if len(o.ClassWeights) == 0 {
		return b.loss(logits, label, o.LabelSmoothing)
	}
	return b.softLoss(logits, label, o)
}

// softLoss appends the mean cross-entropy against targets that are no single classes:
// −Σₖ tₖ·log pₖ, where t is the one-hot label times its class's weight, of which the
// smoothing then spreads a share over all classes.
func (b *Builder) softLoss(logits, label *graph.Value, o TrainingOptions) *graph.Value {
	_, logProbabilities := b.SoftmaxCrossEntropy("cross_entropy", logits, label)
	classes := int(logits.Shape[1].Size)
	target := b.oneHot("target", label, classes)
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

// oneHot appends [batch, classes], 1 at each label and else 0.
func (b *Builder) oneHot(name string, label *graph.Value, classes int) *graph.Value {
	numbers := make([]int64, classes)
	for i := range numbers {
		numbers[i] = int64(i)
	}
	column := b.Reshape(name+".column", label, b.Ints(name+".column.sizes", -1, 1), graph.Shape{b.batch, graph.Fixed(1)})
	return b.Cast(name, b.Compare("Equal", name+".hit", column, b.Ints(name+".classes", numbers...)), graph.Float)
}

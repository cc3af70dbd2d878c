package artifact

import (
	"fmt"
	"math"
)

// Options say how a network is trained.
type Options struct {
	// Optimizer is the rule by which gradients change parameters: OptimizerSGD (the
	// default) or another of Optimizers.
	Optimizer string
	// Momentum of OptimizerSGD and OptimizerLARS, in [0, 1).
	Momentum float32
	// Nesterov takes the step of Nesterov's momentum (Sutskever et al. 2013, as Keras
	// and PyTorch have it): v ← μ·v − lr·g, w ← w + μ·v − lr·g.
	Nesterov bool
	// MomentumCorrection leaves the learning rate out of the velocity: v ← μ·v + g,
	// w ← w − lr·v, as in PyTorch (Goyal et al. 2017, equation 9).
	MomentumCorrection bool
	// Beta1 and Beta2, in [0, 1), are the decay rates of the moving averages of the
	// gradients and of their squares in Adam, AdamW and LAMB. Epsilon, in (0, 1], is added
	// to the root of the second. 0.9, 0.999 and 1e-8 (1e-6 for OptimizerLAMB) are usual.
	Beta1, Beta2, Epsilon float64
	// TrustCoefficient of OptimizerLARS is the share of a layer's norm that its step has
	// at rate 1, above 0; 0.001 is usual. LARS and LAMB scale the steps of the parameters
	// that are subject to weight decay (of all parameters if DecayAll), even if the weight
	// decay is 0.
	TrustCoefficient float32
	// EMADecay, if above 0 and below 1, keeps an exponential moving average of each
	// trainable parameter, which starts at the parameter's value: a ← a + (1 − d)·(w − a)
	// after each step, where d is EMADecay. With EMAWarmup, d is
	// min(EMADecay, (1 + t)/(10 + t)) after t steps, as in TensorFlow's
	// ExponentialMovingAverage, so that the initial values have no weight even after a
	// short run. The evaluation model computes with the averages instead of the
	// parameters. See [Averaged].
	EMADecay  float64
	EMAWarmup bool
	// ClipNorm, if above 0, is the largest L2 norm that all gradients of a step may have
	// together; larger gradients are scaled down to it (Pascanu et al. 2013, as PyTorch's
	// clip_grad_norm_ does). That happens after the micro-batches are summed and before
	// weight decay.
	ClipNorm float32
	// RateMultipliers multiply the learning rate of some parameters, and so also their
	// weight decay, which is part of the step.
	RateMultipliers []RateMultiplier
	// GhostBatches is the number of equal parts of a micro-batch that BatchNorm normalises
	// separately (ghost batch normalisation, Hoffer et al. 2017); 0 means 1.
	GhostBatches int
	// MicroBatches is the number of micro-batches in one optimizer step; 0 means
	// 1. The caller feeds each of them the learning rate divided by this number.
	MicroBatches int
	// Loss is LossCrossEntropy, the default, LossBinaryCrossEntropy or
	// LossMeanSquaredError.
	Loss string
	// MultiLabel makes the input label float32 [batch, classes]: the targets, 1 for the
	// classes that an image has and 0 for the others, so that an image can have several
	// classes. Only the last two losses support it. Without it, these losses compute such
	// targets from labels of single classes.
	MultiLabel bool
	// LabelSmoothing is the share s in [0, 1) of each target that is spread
	// over all classes (Szegedy et al. 2016, section 7); the loss includes it.
	LabelSmoothing float32
	// ClassWeights, if not empty, has one factor for each class, 0 or more, by which the
	// losses of its images are multiplied. As in Keras (class_weight), the loss is still
	// divided by the number of images and not by the sum of their weights.
	ClassWeights []float32
	// Mixes computes the loss of an image against two labels, each with its share, as
	// mixup and CutMix need it. The training model then has the inputs second_label and
	// label_share.
	Mixes bool
	// WeightDecay λ adds λ·w to the gradient of each parameter w that decays,
	// or of every trainable one if DecayAll; the loss does not include it.
	// OptimizerAdamW subtracts rate·λ·w from the parameter instead.
	WeightDecay float32
	DecayAll    bool
	// Rates, if not empty, are the learning rates of all steps, stored in the
	// optimizer model. The caller then feeds learning_rate 1. The velocity does not
	// contain the rates, as with MomentumCorrection. Rates are for momentum SGD only.
	// Steps beyond the last have the last rate. A step that the caller skips, as in
	// mixed precision, does not use up a rate.
	Rates []float32
	// Batch is the fixed number of images in each micro-batch; 0 leaves it open.
	// A fixed number makes TargetCPU faster and saves TargetCUDA the computation of
	// shapes.
	Batch int
	// Mixed computes images and their gradients in float16, with parameters,
	// statistics, sums and the loss in float32 (Micikevicius et al. 2018). The
	// training model then has the input loss_scale and the output gradient_norm,
	// which is not finite if the scale is too large. TargetCPU and TargetNative
	// have no operators for it.
	Mixed bool
	// Target is what the training model's graph is lowered to. TargetPortable, the default,
	// runs everywhere.
	Target string
	// Block is the number of channels in a block for onnxlab's own operators, which
	// TargetNative uses: see session.Block. With 0 it does not use them.
	Block int
}

// maxBatch is the largest number of images in a batch, of its ghost batches and of its
// micro-batches.
const maxBatch = 1 << 20

// Validate returns an error if the options contradict each other or are out of range. The target
// and the network are checked by Network.Artifacts of package onnxmodels.
func (o Options) Validate() error {
	for _, f := range []struct {
		name  string
		value float32
	}{{"momentum", o.Momentum}, {"label smoothing", o.LabelSmoothing}} {
		if !(f.value >= 0 && f.value < 1) {
			return fmt.Errorf("training artifacts: %s %v is outside 0..1 (1 excluded)", f.name, f.value)
		}
	}
	if !(o.WeightDecay >= 0 && o.WeightDecay <= math.MaxFloat32) {
		return fmt.Errorf("training artifacts: weight decay %v is not a finite number of 0 or more", o.WeightDecay)
	}
	for step, rate := range o.Rates {
		if !(rate >= 0 && rate <= math.MaxFloat32) {
			return fmt.Errorf("training artifacts: rate %v of step %d is not a finite number of 0 or more", rate, step)
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"ghost batches", o.GhostBatches}, {"micro-batches", o.MicroBatches}, {"images in a batch", o.Batch}} {
		if n.value < 0 || n.value > maxBatch {
			return fmt.Errorf("training artifacts: %d %s are outside 0..%d", n.value, n.name, maxBatch)
		}
	}
	if o.Batch%max(o.GhostBatches, 1) != 0 {
		return fmt.Errorf("training artifacts: a batch of %d images cannot be cut into %d equal ghost batches", o.Batch, max(o.GhostBatches, 1))
	}
	if err := o.validateLoss(); err != nil {
		return err
	}
	return o.validateOptimizer()
}

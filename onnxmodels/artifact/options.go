package artifact

import (
	"fmt"
	"math"
)

// Options say how a network is trained.
type Options struct {
	// Optimizer is the rule by which gradients change parameters: OptimizerSGD, the
	// default, or another of Optimizers.
	Optimizer string
	// Momentum of OptimizerSGD and OptimizerLARS, in [0, 1).
	Momentum float32
	// Nesterov takes the step of Nesterov's momentum (Sutskever et al. 2013, as Keras
	// and PyTorch have it): v ← μ·v − lr·g, w ← w + μ·v − lr·g.
	Nesterov bool
	// MomentumCorrection makes the velocity one of gradients, v ← μ·v + g, whose steps
	// are lr·v: that of PyTorch, and equation 9 of Goyal et al. 2017.
	MomentumCorrection bool
	// Beta1 and Beta2, in [0, 1), are what the forms of Adam keep of the averages of
	// the gradients and of their squares, and Epsilon, in (0, 1], is added to the root of
	// the second. 0.9, 0.999 and 1e-8 are usual, for OptimizerLAMB 1e-6.
	Beta1, Beta2, Epsilon float64
	// TrustCoefficient of OptimizerLARS is the share of a layer's norm that its step has
	// at rate 1, above 0; 0.001 is usual. LARS and LAMB scale the steps of parameters that
	// decay, and of all if DecayAll, whether or not there is a weight decay.
	TrustCoefficient float32
	// EMADecay, if above 0 and below 1, keeps an exponential moving average of each
	// trainable parameter, which begins as the parameter: a ← a + (1 − d)·(w − a) after
	// each step, where d is EMADecay. With EMAWarmup, d is min(EMADecay, (1 + t)/(10 + t))
	// after t steps, as in TensorFlow's ExponentialMovingAverage, so that short runs keep
	// nothing of the first values. The evaluation model takes the averages in place of the
	// parameters. See [Averaged].
	EMADecay  float64
	EMAWarmup bool
	// ClipNorm, if above 0, is the L2 norm of all gradients of a step together down to
	// which larger ones are scaled (Pascanu et al. 2013, in PyTorch's form
	// clip_grad_norm_): before any weight decay, after the micro-batches are summed.
	ClipNorm float32
	// RateMultipliers multiply the learning rate of some parameters; with weight decay they
	// multiply that too, as it is a part of the step.
	RateMultipliers []RateMultiplier
	// Replicas is into how many equal parts each micro-batch is cut for
	// BatchNorm, each normalised by itself; 0 means 1.
	Replicas int
	// MicroBatches is how many micro-batches make one optimizer step; 0 means
	// 1. The caller feeds each with the learning rate divided by it.
	MicroBatches int
	// Loss is LossCrossEntropy, the default, LossBinaryCrossEntropy or
	// LossMeanSquaredError.
	Loss string
	// MultiLabel makes the input label float32 [batch, classes], 1 for the classes that an
	// image has and 0 for the others, as images of several classes need it. They are for
	// the last two losses, with which labels of single classes become such targets too.
	MultiLabel bool
	// LabelSmoothing is the share s in [0, 1) of each target that is spread
	// over all classes (Szegedy et al. 2016, section 7); the loss includes it.
	LabelSmoothing float32
	// ClassWeights, if not empty, has for each class the factor, of 0 or more, of the
	// losses of its images. The loss is divided by the number of images as without, as
	// Keras does with class_weight, and not by the sum of their weights.
	ClassWeights []float32
	// Mixes makes the loss of an image one against two labels, each by its share, as
	// mixup and CutMix need it. The training model then has the inputs second_label and
	// label_share.
	Mixes bool
	// WeightDecay λ adds λ·w to the gradient of each parameter w that decays,
	// or of every trainable one if DecayAll; the loss does not include it.
	// OptimizerAdamW subtracts rate·λ·w from the parameter instead.
	WeightDecay float32
	DecayAll    bool
	// Rates, if not empty, are the learning rates of the steps, kept in the
	// optimizer model, and the input learning_rate is fed 1 in place of the
	// rate. The velocity then is of gradients and not of gradients times
	// rates: another form of MomentumCorrection, for momentum SGD alone.
	// Steps beyond the last have its rate; one that the caller leaves out, as it
	// does in mixed precision, takes none.
	Rates []float32
	// Batch is how many images each micro-batch has, if the training model is
	// for that number alone; 0 leaves it open. TargetCPU is faster with it, and
	// TargetCUDA then computes no shapes.
	Batch int
	// Mixed computes images and their gradients in float16, with parameters,
	// statistics, sums and the loss in float32 (Micikevicius et al. 2018). The
	// training model then has the input loss_scale and the output gradient_norm,
	// which is not finite where the scale is too large. TargetCPU and TargetNative
	// have no operators for it.
	Mixed bool
	// Target is the device that the training model is for: TargetPortable, the
	// default, runs everywhere.
	Target string
	// Block is how many channels make a block for onnxlab's own operators, which
	// TargetNative uses: session.Block. With 0 it uses none.
	Block int
}

// maxBatch is the most of anything that a batch is made of.
const maxBatch = 1 << 20

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
		return fmt.Errorf("training artifacts: weight decay %v is no finite number of 0 or more", o.WeightDecay)
	}
	for step, rate := range o.Rates {
		if !(rate >= 0 && rate <= math.MaxFloat32) {
			return fmt.Errorf("training artifacts: rate %v of step %d is no finite number of 0 or more", rate, step)
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"replicas", o.Replicas}, {"micro-batches", o.MicroBatches}, {"images in a batch", o.Batch}} {
		if n.value < 0 || n.value > maxBatch {
			return fmt.Errorf("training artifacts: %d %s are outside 0..%d", n.value, n.name, maxBatch)
		}
	}
	if o.Batch%max(o.Replicas, 1) != 0 {
		return fmt.Errorf("training artifacts: a batch of %d images has no %d equal replicas", o.Batch, max(o.Replicas, 1))
	}
	if err := o.validateLoss(); err != nil {
		return err
	}
	return o.validateOptimizer()
}

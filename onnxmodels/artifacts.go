package onnxmodels

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/gradient"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/lower/cpu"
	"onnxlab/onnxmodels/lower/cuda"
	"onnxlab/onnxmodels/lower/native"
	"onnxlab/onnxmodels/modelfile"
)

// The names of the files of training artifacts.
const (
	TrainingModelFile  = "training_model.onnx"
	EvalModelFile      = "eval_model.onnx"
	OptimizerModelFile = "optimizer_model.onnx"
	CheckpointFile     = "checkpoint"
)

// TrainingOptions say how a network is trained.
type TrainingOptions struct {
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
	// gradients and of their squares in the forms of Adam. Epsilon, in (0, 1], is added
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
	// Replicas is the number of equal parts into which each micro-batch is cut for
	// BatchNorm, each normalised by itself; 0 means 1.
	Replicas int
	// MicroBatches is the number of micro-batches in one optimizer step; 0 means
	// 1. The caller feeds each of them the learning rate divided by this number.
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
	// Target is the device that the training model is for. TargetPortable, the
	// default, runs everywhere.
	Target string
	// Block is the number of channels in a block for onnxlab's own operators, which
	// TargetNative uses: see session.Block. With 0 it does not use them.
	Block int
}

// The targets of models.
const (
	// TargetPortable uses operators that every ONNX Runtime has.
	TargetPortable = "portable"
	// TargetCPU computes the same with operators that are faster on CPUs.
	TargetCPU = "cpu"
	// TargetNative is TargetCPU with onnxlab's own operators, which only sessions
	// of package session can run.
	TargetNative = "native"
	// TargetCUDA computes the same in fewer passes over the images on a GPU.
	// ONNX Runtime 1.28.0's CUDA provider has a kernel for each of its operators, in
	// its version and types, including the integers of Dropout and the indices of
	// MaxPool and ArgMax. The same is true for the operators of the optimizer. A
	// test holds the list of these operators, and tests run them in the provider.
	//
	// Some operands stay on the CPU by design: the sizes that Reshape, Expand,
	// ConstantOfShape and Range take, the axes of ReduceSum, and the flags of
	// InPlaceAccumulatorV2, which the trainer sets and the optimizer waits for. With
	// an open batch the sizes are computed on the CPU in every step, and the factors
	// of BatchNorm's variance are copied from there. With [TrainingOptions.Batch] all
	// of these are constants.
	TargetCUDA = "cuda"
)

// Targets lists the targets.
func Targets() []string { return []string{TargetPortable, TargetCPU, TargetCUDA} }

// maxBatch is the largest number of images in a batch, of its replicas and of its
// micro-batches.
const maxBatch = 1 << 20

func (o TrainingOptions) validate() error {
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
	if err := checkTarget(o.Target); err != nil {
		return fmt.Errorf("training artifacts: %w", err)
	}
	if o.Mixed && (o.Target == TargetCPU || o.Target == TargetNative) {
		return fmt.Errorf("training artifacts: target %q has no mixed precision; %s and %s have", o.Target, TargetPortable, TargetCUDA)
	}
	if err := o.validateLoss(); err != nil {
		return err
	}
	return o.validateOptimizer()
}

func checkTarget(target string) error {
	if target != "" && target != TargetNative && !slices.Contains(Targets(), target) {
		return fmt.Errorf("target %q is none of %s", target, strings.Join(Targets(), ", "))
	}
	return nil
}

// Artifacts are the models that ONNX Runtime's training API runs.
type Artifacts struct {
	// Training computes the loss and accumulates the gradients. Its inputs are
	// image, label and learning_rate, which scales the gradients, and
	// dropout_seed if the network has dropout.
	Training *modelfile.Model
	// Image is the name of the input of images: InputImage, except for models from
	// elsewhere that keep their own input.
	Image string
	// Eval computes loss and correct without training.
	Eval *modelfile.Model
	// Logits is the name of the value of Eval that is the network's output, float32
	// [batch, classes], before softmax: "dense.out" if its last layer is
	// Dense("dense", …). It is not an output of Eval. Pass it to ONNX Runtime's
	// ExportModelForInferencing to export a trained model.
	Logits string
	// Optimizer applies the accumulated gradients, or the step that the training model
	// has computed from them.
	Optimizer *modelfile.Model
	// State holds the optimizer's state that is part of the training model, with its
	// values before the first step: zeros, except that averages of parameters start at
	// the values of the parameters. A checkpoint has these tensors among its
	// frozen parameters ([Artifacts.Complete]), with names that begin with
	// StatePrefix. Momentum SGD has none: ONNX Runtime keeps its velocity.
	State []checkpoint.Tensor
	// Drops says that Training has the input dropout_seed.
	Drops bool
	// Mixes says that Training has the inputs second_label and label_share.
	Mixes bool
	// MultiLabel says that the label is float32 [batch, classes].
	MultiLabel bool
	// Mixed says that Training has the input loss_scale.
	Mixed bool
	// Batch and MicroBatches are copied from the options: the number of images that
	// Training takes at once, 0 for any number, and the number of micro-batches in a step.
	Batch, MicroBatches int
}

// Artifacts differentiates the network and returns its training models.
//
// The learning rate is an input of the training model; the optimizer's own rate is
// a constant. With momentum SGD it scales the gradient of the loss, which gives Keras's
// form, v ← μ·v − lr·g, w ← w + v. For all other rules the training model computes the
// step itself, in the last micro-batch of a batch, and the optimizer subtracts it.
func (n *Network) Artifacts(o TrainingOptions) (*Artifacts, error) {
	o.MultiLabel = o.MultiLabel || n.multiLabel
	if err := o.validate(); err != nil {
		return nil, err
	}
	a := &Artifacts{Mixes: o.Mixes, MultiLabel: o.MultiLabel, Mixed: o.Mixed, Image: n.InputName(), Batch: o.Batch, MicroBatches: max(o.MicroBatches, 1)}
	b, err := n.trainingGraph(o)
	if err != nil {
		return nil, err
	}
	a.Drops, a.State = b.dropoutSeed != nil, b.state
	if a.Training, err = b.Model(); err != nil {
		return nil, err
	}
	if a.Eval, a.Logits, err = n.evalModel(a.State, o); err != nil {
		return nil, err
	}
	a.Optimizer, err = optimizerModel(o)
	return a, err
}

// StepBytes returns the peak memory, in bytes, of the values of one micro-batch in a training
// step. It does not count the parameters, their gradients and the optimizer's state. The
// options must have a Batch.
func (n *Network) StepBytes(o TrainingOptions) (int64, error) {
	o.MultiLabel = o.MultiLabel || n.multiLabel
	if err := o.validate(); err != nil {
		return 0, err
	}
	if o.Batch == 0 {
		return 0, errors.New("memory of a training step: the options have no batch")
	}
	b, err := n.trainingGraph(o)
	if err != nil {
		return 0, err
	}
	return b.PeakBytes(), nil
}

func (n *Network) trainingGraph(o TrainingOptions) (*Builder, error) {
	if err := o.validateWeights(n.classes); err != nil {
		return nil, err
	}
	multipliers, err := n.Multipliers(o.RateMultipliers)
	if err != nil {
		return nil, fmt.Errorf("training artifacts: rate multipliers: %w", err)
	}
	b := newBuilder("training")
	b.multipliers, b.averages = multipliers, o.averages()
	logits, label, err := n.trainingForward(b, o)
	if err != nil {
		return nil, err
	}
	loss := b.trainingLoss(logits, label, o)
	b.finish(loss, logits, label, o)
	if err := b.backward(loss, b.rate, o); err != nil {
		return nil, err
	}
	for _, flag := range b.updated {
		b.Output(flag)
	}
	b.lower(o.Target, o.Block, n.given != nil)
	return b, b.Err()
}

// trainingForward declares the inputs of a graph that trains, and appends the layers to it.
func (n *Network) trainingForward(b *Builder, o TrainingOptions) (logits, label *graph.Value, err error) {
	b.Training = true
	b.replicas, b.share = max(o.Replicas, 1), 1/float32(max(o.MicroBatches, 1))
	// Only the image input of our own networks can reorder the images like that.
	b.interleaved = o.Target == TargetCUDA && b.replicas > 1 && n.given == nil && n.features == 0
	if o.Batch > 0 {
		b.batch = graph.Fixed(o.Batch)
	}
	image, label := n.input(b, InputUint8NHWC), b.labelInput(n.classes, o.MultiLabel)
	if !b.stateless {
		b.rate = b.Input(InputLearningRate, graph.Float, graph.Static(1))
	}
	if o.Mixes {
		b.secondLabel = b.Input(InputSecondLabel, graph.Int64, graph.Shape{b.batch})
		b.labelShare = b.Input(InputLabelShare, graph.Float, graph.Shape{b.batch})
	}
	if o.Mixed {
		b.compute = graph.Float16
		b.lossScale = b.Input(InputLossScale, graph.Float, graph.Static(1))
	}
	if !b.stateless {
		b.takeReset()
	}

	logits = b.As(graph.Float, n.forward(b, n.prepare(b, image)))
	if logits.Shape[0] != b.batch {
		b.Fail("the layers change the batch: logits %s", logits.Shape)
	}
	entries := 1
	if o.MultiLabel {
		entries = n.classes
	}
	return logits, b.turns(InputLabel, label, b.batch, entries), b.Err()
}

// takeReset declares the input that is true in the first micro-batch of a step.
func (b *Builder) takeReset() {
	b.reset = b.Input(InputResetGrad, graph.Bool, graph.Static(1))
	b.resetFlag = b.Cast(InputResetGrad+".float", b.reset, graph.Float)
}

// lower replaces operators of the graph by those that the target runs. given reports whether
// the graph is that of a model from outside.
func (b *Builder) lower(target string, block int, given bool) {
	switch {
	case b.Err() != nil:
	case target == TargetCPU:
		cpu.Lower(b.Graph)
	case target == TargetNative && given:
		native.LowerGiven(b.Graph, block)
	case target == TargetNative:
		native.Lower(b.Graph, block)
	case target == TargetCUDA:
		cuda.Lower(b.Graph)
	default:
		lower.Portable(b.Graph)
	}
}

// labelInput declares the labels, which are targets or numbers of classes.
func (b *Builder) labelInput(classes int, targets bool) *graph.Value {
	if targets {
		return b.Input(InputLabel, graph.Float, graph.Shape{b.batch, graph.Fixed(classes)})
	}
	return b.Input(InputLabel, graph.Int64, graph.Shape{b.batch})
}

// loss appends the mean cross-entropy against labels smoothed by s: the target is
// 1 − s + s/K for the true one of K classes and s/K for the others.
func (b *Builder) loss(logits, label *graph.Value, s float32) *graph.Value {
	loss, logProbabilities := b.SoftmaxCrossEntropy("cross_entropy", logits, label)
	if s == 0 {
		return loss
	}
	uniform := b.ReduceMean("smoothing.mean", logProbabilities, false, 0, 1)
	hard := b.Binary("Mul", "smoothing.hard", loss, b.Scalar("smoothing.rest", 1-s))
	return b.Binary("Sub", "smoothing", hard,
		b.Binary("Mul", "smoothing.soft", uniform, b.Scalar("smoothing.share", s)))
}

// finish makes the outputs loss and correct.
func (b *Builder) finish(loss, logits, label *graph.Value, o TrainingOptions) {
	var correct *graph.Value
	if o.MultiLabel {
		correct = b.allRight(logits, label, o.Loss)
	} else {
		hit := b.Compare("Equal", "correct.hit", b.ArgMax("correct.prediction", logits), label)
		correct = b.ReduceSum("correct.sum", b.Cast("correct.float", hit, graph.Float), false, 0)
	}
	b.Rename(loss, OutputLoss)
	b.Rename(correct, OutputCorrect)
	b.Output(loss)
	b.Output(correct)
}

// backward appends the gradients with respect to the trainable parameters. For momentum SGD
// it multiplies them by the learning rate and accumulates them over micro-batches; for other
// rules it appends the computation of the step.
func (b *Builder) backward(loss, rate *graph.Value, o TrainingOptions) error {
	trainable, targets := b.trainable()
	b.Prefix(BackwardPrefix)
	defer b.Prefix("")
	factor := rate // multiplies all gradients
	if o.updates() {
		factor = b.Floats("share", []int{1}, []float32{b.share})
	}
	seed := factor
	if b.lossScale != nil {
		seed = b.lossScale
	}
	seed = b.Reshape("seed", seed, b.Ints("seed.shape"), graph.Shape{})
	gradients, err := gradient.Append(b.Graph, loss, seed, targets)
	if err != nil {
		return err
	}
	if b.lossScale != nil {
		b.unscale(gradients, targets, factor)
	}
	if o.updates() {
		if err := checkState(b.parameters); err != nil {
			return err
		}
		b.appendRule(trainable, targets, gradients, rate, b.reset, o)
		return b.Err()
	}
	for i, w := range targets {
		g := gradients[w]
		if o.WeightDecay > 0 && (trainable[i].Decay || o.DecayAll) {
			g = b.decayed(w, g, rate, o.WeightDecay)
		}
		g = b.multiplied(w.Name, g)
		buffer := b.Input(w.Name+GradientBufferSuffix, w.Elem, w.Shape)
		b.updated = append(b.updated, b.Accumulate(w.Name+GradientFlagSuffix, buffer, g, b.reset))
	}
	return b.Err()
}

// trainable returns the parameters that are trained, and their values.
func (b *Builder) trainable() (trainable []Parameter, values []*graph.Value) {
	for _, p := range b.parameters {
		if p.Trainable {
			trainable, values = append(trainable, p), append(values, b.values[p.Name])
		}
	}
	return trainable, values
}

// unscale multiplies the gradients of the scaled loss by factor/lossScale, and makes their norm
// an output.
func (b *Builder) unscale(gradients map[*graph.Value]*graph.Value, targets []*graph.Value, factor *graph.Value) {
	factor = b.Binary("Div", "unscale", factor, b.lossScale)
	var all []*graph.Value
	for _, w := range targets {
		gradients[w] = b.Binary("Mul", w.Name+".unscaled", gradients[w], factor)
		all = append(all, gradients[w])
	}
	norm := b.L2Norm(OutputGradientNorm, all...)
	b.Rename(norm, OutputGradientNorm)
	b.Output(norm)
}

// decayed returns g + rate·decay·w.
func (b *Builder) decayed(w, g, rate *graph.Value, decay float32) *graph.Value {
	name := w.Name + ".decay"
	factor := b.Binary("Mul", name+".rate", rate, b.Scalar(name+".factor", decay))
	return b.Binary("Add", name+".sum", g, b.Binary("Mul", name, w, factor))
}

// BackwardPrefix begins the names of all nodes of the backward pass.
const BackwardPrefix = "backward/"

// evalModel returns the evaluation model and the name of its logits. It takes the optimizer's
// state as inputs, although it does not use it: ONNX Runtime feeds it all parameters of the
// training model, in their order. Only the averages of parameters, if there are any, are used:
// the model computes with them instead of the parameters.
func (n *Network) evalModel(state []checkpoint.Tensor, o TrainingOptions) (m *modelfile.Model, logitsName string, err error) {
	b := newBuilder("eval")
	b.averages = o.averages()
	image, label := n.input(b, InputUint8NHWC), b.labelInput(n.classes, o.MultiLabel)
	logits := n.forward(b, n.prepare(b, image))
	b.finish(b.trainingLoss(logits, label, TrainingOptions{Loss: o.Loss, MultiLabel: o.MultiLabel}), logits, label, o)
	for _, t := range state {
		if averagedName(t.Name) != "" {
			continue // beside its parameter
		}
		b.Input(t.Name, graph.Float, graph.Static(t.Shape...))
	}
	b.lower(TargetPortable, 0, false)
	m, err = b.Model()
	return m, logits.Name, err
}

// Write writes the artifacts and the checkpoint into dir under their usual names. It creates dir
// if it does not exist. The checkpoint must belong to the network. If it has no optimizer state,
// the state before the first step is added.
func (a *Artifacts) Write(dir string, c *checkpoint.Checkpoint) error {
	c = a.Complete(c)
	if err := a.fits(c); err != nil {
		return fmt.Errorf("write training artifacts: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write training artifacts: %w", err)
	}
	for name, m := range map[string]*modelfile.Model{
		TrainingModelFile: a.Training, EvalModelFile: a.Eval, OptimizerModelFile: a.Optimizer,
	} {
		if err := modelfile.Write(filepath.Join(dir, name), m); err != nil {
			return err
		}
	}
	return checkpoint.Write(filepath.Join(dir, CheckpointFile), c)
}

// fits returns an error if the checkpoint lacks a parameter of the evaluation model.
func (a *Artifacts) fits(c *checkpoint.Checkpoint) error {
	if c == nil {
		return errors.New("there is no checkpoint (Network.Initialize makes one)")
	}
	for _, v := range a.Eval.GetGraph().GetInput() {
		name := v.GetName()
		if name == a.Image || name == InputLabel {
			continue
		}
		if t, want := c.Parameter(name), sizesOf(v); t == nil || !slices.Equal(t.Shape, want) {
			return fmt.Errorf("the checkpoint has no parameter %q of shape %v: it is of another network", name, want)
		}
	}
	return nil
}

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
	"onnxlab/onnxmodels/op"
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
	// Momentum of the optimizer, in [0, 1).
	Momentum float32
	// Replicas is into how many equal parts each micro-batch is cut for
	// BatchNorm, each normalised by itself; 0 means 1.
	Replicas int
	// MicroBatches is how many micro-batches make one optimizer step; 0 means
	// 1. The caller feeds each with the learning rate divided by it.
	MicroBatches int
	// LabelSmoothing is the share s in [0, 1) of each target that is spread
	// over all classes (Szegedy et al. 2016, section 7); the loss includes it.
	LabelSmoothing float32
	// WeightDecay λ adds λ·w to the gradient of each parameter w that decays,
	// or of every trainable one if DecayAll; the loss does not include it.
	WeightDecay float32
	DecayAll    bool
	// Rates, if not empty, are the learning rates of the steps, kept in the
	// optimizer model, and the input learning_rate is fed 1 in place of the
	// rate. The velocity then is of gradients and not of gradients times
	// rates, which is the momentum correction of Goyal et al. 2017 (remark 2).
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

// The targets of models.
const (
	// TargetPortable is the graph as it was differentiated.
	TargetPortable = "portable"
	// TargetCPU computes the same with operators that are faster on CPUs.
	TargetCPU = "cpu"
	// TargetNative is TargetCPU with onnxlab's own operators, which only sessions
	// of package session have.
	TargetNative = "native"
	// TargetCUDA computes the same in fewer passes over the images of a GPU.
	// Each of its operators has a kernel of ONNX Runtime 1.28.0's CUDA provider
	// for its version and types, the integers of Dropout and the indices of
	// MaxPool and ArgMax included, and so have those of the optimizer. Tests keep
	// the list of them, and run them in the provider.
	//
	// Not on the GPU by design are, with these kernels, operands that say how
	// much there is to do: the sizes that Reshape, Expand, ConstantOfShape and
	// Range take, the axes of ReduceSum, and the flags of InPlaceAccumulatorV2,
	// which the trainer sets and the optimizer waits for. With an open batch
	// the sizes are computed on the CPU, by Shape and Size and what follows
	// them, and the factors of BatchNorm's variance are copied from there in
	// every step; with [TrainingOptions.Batch] all of these are constants.
	TargetCUDA = "cuda"
)

// Targets lists the targets.
func Targets() []string { return []string{TargetPortable, TargetCPU, TargetCUDA} }

// maxBatch is the most of anything that a batch is made of.
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
	return nil
}

func checkTarget(target string) error {
	if target != "" && target != TargetNative && !slices.Contains(Targets(), target) {
		return fmt.Errorf("target %q is none of %s", target, strings.Join(Targets(), ", "))
	}
	return nil
}

// Artifacts are the models that ONNX Runtime's training API runs.
type Artifacts struct {
	// Training computes the loss and accumulates the gradients; its inputs are
	// image, label and learning_rate, which scales the gradients, and
	// dropout_seed if the network drops.
	Training *modelfile.Model
	// Image is the name of the input of images: InputImage, but for models from outside
	// that keep their own input.
	Image string
	// Eval computes loss and correct without training.
	Eval *modelfile.Model
	// Logits names the value of Eval that is the network's output, float32 [batch,
	// classes], before softmax: "dense.out" if its last layer is Dense("dense", …).
	// It is no output of Eval, but what ONNX Runtime is told to export a trained
	// model with (ExportModelForInferencing).
	Logits string
	// Optimizer applies the accumulated gradients.
	Optimizer *modelfile.Model
	// Drops tells that Training has the input dropout_seed.
	Drops bool
	// Mixed tells that Training has the input loss_scale.
	Mixed bool
}

// Artifacts differentiates the network and returns its training models.
//
// The learning rate is an input of the training model and scales the loss's
// gradient, so that the optimizer's own rate is a constant: together they are
// momentum SGD in Keras's form, v ← μ·v − lr·g, w ← w + v.
func (n *Network) Artifacts(o TrainingOptions) (*Artifacts, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	a := &Artifacts{Mixed: o.Mixed, Image: n.InputName()}
	var err error
	if a.Training, a.Drops, err = n.trainingModel(o); err != nil {
		return nil, err
	}
	if a.Eval, a.Logits, err = n.evalModel(); err != nil {
		return nil, err
	}
	a.Optimizer, err = optimizerModel(o.Momentum, o.Rates)
	return a, err
}

// StepBytes returns the most memory that the values of a training step's micro-batch
// take at a time, without the parameters and what belongs to them. The options
// have a batch.
func (n *Network) StepBytes(o TrainingOptions) (int64, error) {
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

func (n *Network) trainingModel(o TrainingOptions) (m *modelfile.Model, drops bool, err error) {
	b, err := n.trainingGraph(o)
	if err != nil {
		return nil, false, err
	}
	m, err = b.Model()
	return m, b.dropoutSeed != nil, err
}

func (n *Network) trainingGraph(o TrainingOptions) (*Builder, error) {
	b := newBuilder("training")
	b.Training = true
	b.replicas, b.share = max(o.Replicas, 1), 1/float32(max(o.MicroBatches, 1))
	// Only our own input of images brings them into that order.
	b.interleaved = o.Target == TargetCUDA && b.replicas > 1 && n.given == nil && n.features == 0
	if o.Batch > 0 {
		b.batch = graph.Fixed(o.Batch)
	}
	image, label := n.input(b, InputUint8NHWC), b.labelInput()
	rate := b.Input(InputLearningRate, graph.Float, graph.Static(1))
	if o.Mixed {
		b.compute = graph.Float16
		b.lossScale = b.Input(InputLossScale, graph.Float, graph.Static(1))
	}
	b.reset = b.Input(InputResetGrad, graph.Bool, graph.Static(1))
	b.resetFlag = b.Cast(InputResetGrad+".float", b.reset, graph.Float)

	logits := b.As(graph.Float, n.forward(b, n.prepare(b, image)))
	if logits.Shape[0] != b.batch {
		b.Fail("the layers change the batch: logits %s", logits.Shape)
	}
	label = b.turns(InputLabel, label, b.batch, 1)
	loss := b.loss(logits, label, o.LabelSmoothing)
	b.finish(loss, logits, label)
	if err := b.backward(loss, rate, o); err != nil {
		return nil, err
	}
	for _, flag := range b.updated {
		b.Output(flag)
	}
	b.lower(o.Target, o.Block)
	return b, b.Err()
}

// lower makes of the graph what the target runs.
func (b *Builder) lower(target string, block int) {
	switch {
	case b.Err() != nil:
	case target == TargetCPU:
		cpu.Lower(b.Graph)
	case target == TargetNative:
		native.Lower(b.Graph, block)
	case target == TargetCUDA:
		cuda.Lower(b.Graph)
	default:
		lower.Portable(b.Graph)
	}
}

func (b *Builder) labelInput() *graph.Value {
	return b.Input(InputLabel, graph.Int64, graph.Shape{b.batch})
}

// loss appends the mean cross-entropy against labels smoothed by s: each is
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
func (b *Builder) finish(loss, logits, label *graph.Value) {
	hit := b.Compare("Equal", "correct.hit", b.ArgMax("correct.prediction", logits), label)
	correct := b.ReduceSum("correct.sum", b.Cast("correct.float", hit, graph.Float), false, 0)
	b.Rename(loss, OutputLoss)
	b.Rename(correct, OutputCorrect)
	b.Output(loss)
	b.Output(correct)
}

// backward appends the gradients by the trainable parameters, times the
// learning rate, and their accumulation over micro-batches.
func (b *Builder) backward(loss, rate *graph.Value, o TrainingOptions) error {
	var trainable []Parameter
	var targets []*graph.Value
	for _, p := range b.parameters {
		if p.Trainable {
			trainable, targets = append(trainable, p), append(targets, b.values[p.Name])
		}
	}
	b.Prefix(BackwardPrefix)
	defer b.Prefix("")
	seed := rate
	if b.lossScale != nil {
		seed = b.lossScale
	}
	seed = b.Reshape("seed", seed, b.Ints("seed.shape"), graph.Shape{})
	gradients, err := gradient.Append(b.Graph, loss, seed, targets)
	if err != nil {
		return err
	}
	if b.lossScale != nil {
		b.unscale(gradients, targets, rate)
	}
	for i, w := range targets {
		g := gradients[w]
		if o.WeightDecay > 0 && (trainable[i].Decay || o.DecayAll) {
			g = b.decayed(w, g, rate, o.WeightDecay)
		}
		buffer := b.Input(w.Name+GradientBufferSuffix, w.Elem, w.Shape)
		b.updated = append(b.updated, b.Accumulate(w.Name+GradientFlagSuffix, buffer, g, b.reset))
	}
	return b.Err()
}

// unscale makes gradients of the scaled loss such of the loss, times the rate,
// and their norm an output.
func (b *Builder) unscale(gradients map[*graph.Value]*graph.Value, targets []*graph.Value, rate *graph.Value) {
	factor := b.Binary("Div", "unscale", rate, b.lossScale)
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

func (n *Network) evalModel() (m *modelfile.Model, logitsName string, err error) {
	b := newBuilder("eval")
	image, label := n.input(b, InputUint8NHWC), b.labelInput()
	logits := n.forward(b, n.prepare(b, image))
	b.finish(b.loss(logits, label, 0), logits, label)
	b.lower(TargetPortable, 0)
	m, err = b.Model()
	return m, logits.Name, err
}

// optimizerModel is one AdamWOptimizer whose constants make it momentum SGD:
// with beta 1 its second moment stays 0, with epsilon 1 its divisor is 1, and
// the factor 1/(1 − μ) in its rate undoes the factor 1 − μ on each gradient.
// Its inputs are those that ONNX Runtime expects by name; the rate among them
// is not used.
func optimizerModel(momentum float32, rates []float32) (*modelfile.Model, error) {
	sequences := []string{"params", "gradients", "first_order_moments", "second_order_moments"}
	g := op.On(graph.New("optimizer"))
	g.Input(InputLearningRate, graph.Float, graph.Static(1))
	step := g.Input("step", graph.Int64, graph.Static(1))
	g.Optimizer("updated", optimizerRate(g, step, momentum, rates), step, sequences, []graph.Attribute{
		{Name: "alpha", Value: momentum},
		{Name: "beta", Value: float32(1)},
		{Name: "epsilon", Value: float32(1)},
		{Name: "weight_decay", Value: float32(0)},
		{Name: "adam_mode", Value: int64(1)},
		{Name: "correct_bias", Value: int64(0)},
	})
	return g.Model()
}

// optimizerRate is 1/(1 − μ), times the rate of the step if there are rates;
// the first step is 1.
func optimizerRate(g op.Builder, step *graph.Value, momentum float32, rates []float32) *graph.Value {
	if len(rates) == 0 {
		return g.Floats("rate", []int{1}, []float32{1 / (1 - momentum)})
	}
	scaled := make([]float32, len(rates))
	for i, r := range rates {
		scaled[i] = r / (1 - momentum)
	}
	index := g.Binary("Sub", "rate.index", step, g.Ints("rate.first", 1))
	index = g.Binary("Min", "rate.clamped", index, g.Ints("rate.last", int64(len(rates)-1)))
	return g.Gather("rate", g.Floats("rates", []int{len(rates)}, scaled), index, 0)
}

// Write writes the artifacts and the checkpoint into dir, which is made if it
// does not exist, under their usual names. The checkpoint is one of the network's.
func (a *Artifacts) Write(dir string, c *checkpoint.Checkpoint) error {
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

// fits tells whether the checkpoint has the evaluation model's parameters.
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

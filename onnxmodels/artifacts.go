package onnxmodels

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/gradient"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/lower/cpu"
	"onnxlab/onnxmodels/lower/cuda"
	"onnxlab/onnxmodels/lower/native"
	"onnxlab/onnxmodels/modelfile"
)

// TrainingOptions say how a network is trained.
type TrainingOptions = artifact.Options

// Artifacts are the models that ONNX Runtime's training API runs.
type Artifacts = artifact.Artifacts

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

// checkTraining returns an error if the options are not possible.
func checkTraining(o TrainingOptions) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if err := checkTarget(o.Target); err != nil {
		return fmt.Errorf("training artifacts: %w", err)
	}
	if o.Mixed && (o.Target == TargetCPU || o.Target == TargetNative) {
		return fmt.Errorf("training artifacts: target %q does not support mixed precision; %s and %s do", o.Target, TargetPortable, TargetCUDA)
	}
	return nil
}

func checkTarget(target string) error {
	if target != "" && target != TargetNative && !slices.Contains(Targets(), target) {
		return fmt.Errorf("target %q is none of %s", target, strings.Join(Targets(), ", "))
	}
	return nil
}

// Artifacts differentiates the network and returns its training models.
//
// The learning rate is an input of the training model; the optimizer's own rate is a
// constant. With momentum SGD, the training model multiplies the gradient of the loss by the
// rate, which gives Keras's form, v ← μ·v − lr·g, w ← w + v. For all other rules the training
// model computes the step itself, in the last micro-batch of a batch, and the optimizer model
// subtracts it.
func (n *Network) Artifacts(o TrainingOptions) (*Artifacts, error) {
	o.MultiLabel = o.MultiLabel || n.multiLabel
	if err := checkTraining(o); err != nil {
		return nil, err
	}
	a := &Artifacts{Mixes: o.Mixes, MultiLabel: o.MultiLabel, Mixed: o.Mixed, Image: n.InputName(), Batch: o.Batch, MicroBatches: max(o.MicroBatches, 1)}
	b, err := n.trainingGraph(o)
	if err != nil {
		return nil, err
	}
	a.HasDropout, a.State = b.dropoutSeed != nil, b.state
	if a.Training, err = b.Model(); err != nil {
		return nil, err
	}
	if a.Eval, a.Logits, err = n.evalModel(a.State, o); err != nil {
		return nil, err
	}
	a.Optimizer, err = artifact.OptimizerModel(o)
	return a, err
}

// StepBytes returns the peak memory, in bytes, of the values of one micro-batch in a training
// step. It does not count the parameters, their gradients and the optimizer's state. The
// options must have a Batch.
func (n *Network) StepBytes(o TrainingOptions) (int64, error) {
	o.MultiLabel = o.MultiLabel || n.multiLabel
	if err := checkTraining(o); err != nil {
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
	if err := o.ValidateWeights(n.classes); err != nil {
		return nil, err
	}
	multipliers, err := n.Multipliers(o.RateMultipliers)
	if err != nil {
		return nil, fmt.Errorf("training artifacts: rate multipliers: %w", err)
	}
	b := newBuilder("training")
	b.multipliers, b.averages = multipliers, o.Averages()
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
	b.ghosts, b.share = max(o.GhostBatches, 1), 1/float32(max(o.MicroBatches, 1))
	// Only the image input of our own networks can reorder the images like that.
	b.interleaved = o.Target == TargetCUDA && b.ghosts > 1 && n.given == nil && n.features == 0
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
	b.reset = b.Input(artifact.InputResetGrad, graph.Bool, graph.Static(1))
	b.resetFlag = b.Cast(artifact.InputResetGrad+".float", b.reset, graph.Float)
}

// lower replaces operators of the graph by those that the target runs. given reports whether
// the graph is that of a given model.
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
	b.Prefix(artifact.BackwardPrefix)
	defer b.Prefix("")
	factor := rate // multiplies all gradients
	if o.Updates() {
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
	if o.Updates() {
		return b.appendUpdate(trainable, gradients, rate, o)
	}
	for i, w := range targets {
		g := gradients[w]
		if o.WeightDecay > 0 && (trainable[i].Decay || o.DecayAll) {
			g = b.decayed(w, g, rate, o.WeightDecay)
		}
		g = artifact.Multiplied(b.Builder, w.Name, g, b.multiplier(w.Name))
		buffer := b.Input(w.Name+artifact.GradientBufferSuffix, w.Elem, w.Shape)
		b.updated = append(b.updated, b.Accumulate(w.Name+artifact.GradientFlagSuffix, buffer, g, b.reset))
	}
	return b.Err()
}

// appendUpdate appends the rule by which the optimizer changes parameters.
func (b *Builder) appendUpdate(trainable []Parameter, gradients map[*graph.Value]*graph.Value, rate *graph.Value, o TrainingOptions) error {
	for _, p := range b.parameters {
		if err := artifact.CheckName(p.Name); err != nil {
			return err
		}
	}
	u := artifact.Update{Builder: b.Builder, Rate: rate, Reset: b.reset}
	for _, p := range trainable {
		v := b.values[p.Name]
		u.Weights = append(u.Weights, artifact.Weight{
			Value: v, Gradient: gradients[v], Average: b.averageValues[p.Name], Decay: p.Decay, Multiplier: b.multiplier(p.Name),
		})
	}
	updated, state := u.Append(o)
	b.updated, b.state = append(b.updated, updated...), append(b.state, state...)
	return b.Err()
}

// multiplier returns the factor by which a parameter's learning rate is multiplied.
func (b *Builder) multiplier(name string) float32 {
	if factor, given := b.multipliers[name]; given {
		return factor
	}
	return 1
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

// evalModel returns the evaluation model and the name of its logits. The optimizer's state is
// among its inputs, because ONNX Runtime feeds it all parameters of the training model in
// their order. The model ignores that state, except for the averages of parameters, if there
// are any: it computes with these instead of the parameters.
func (n *Network) evalModel(state []checkpoint.Tensor, o TrainingOptions) (m *modelfile.Model, logitsName string, err error) {
	b := newBuilder("eval")
	b.averages = o.Averages()
	image, label := n.input(b, InputUint8NHWC), b.labelInput(n.classes, o.MultiLabel)
	logits := n.forward(b, n.prepare(b, image))
	b.finish(b.trainingLoss(logits, label, TrainingOptions{Loss: o.Loss, MultiLabel: o.MultiLabel}), logits, label, o)
	for _, t := range state {
		if artifact.AveragedName(t.Name) != "" {
			continue // beside its parameter
		}
		b.Input(t.Name, graph.Float, graph.Static(t.Shape...))
	}
	b.lower(TargetPortable, 0, false)
	m, err = b.Model()
	return m, logits.Name, err
}

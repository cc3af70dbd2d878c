package onnxmodels

import (
	"slices"

	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// The names of the inputs and outputs of training artifacts and inference
// models, and of the symbolic batch size.
const (
	// InputImage is uint8 [batch, height, width, channels], 0..255; an inference model
	// may have it as float32 [batch, channels, height, width], 0..1. There are 3 channels,
	// or 1 if images are grey.
	InputImage = "image"
	// InputLabel is int64 [batch], the class of each image, counted from 0, or with
	// TrainingOptions.MultiLabel float32 [batch, classes].
	InputLabel = artifact.InputLabel
	// InputLearningRate is float32 [1].
	InputLearningRate = artifact.InputLearningRate
	// InputDropoutSeed is int64 [1], in 0..2³¹−2. It exists only if the network
	// has a Dropout layer.
	InputDropoutSeed = "dropout_seed"
	// InputSecondLabel is int64 [batch], the class of the image that is mixed into each
	// image. InputLabelShare is float32 [batch], 0..1, the share of the first label; the
	// second label has the rest. They exist only in training models of mixed images.
	InputSecondLabel = "second_label"
	InputLabelShare  = "label_share"

	// InputLossScale is float32 [1], by which the loss is multiplied before it is
	// differentiated. It exists only in training models of mixed precision.
	InputLossScale = "loss_scale"

	// OutputLoss is the mean loss, by default the cross-entropy, a float32 scalar.
	OutputLoss = "loss"
	// OutputCorrect is the number of images that were classified correctly (with
	// TrainingOptions.MultiLabel: correctly for all classes), a float32 scalar.
	OutputCorrect = "correct"
	// OutputGradientNorm is the L2 norm of all gradients together, times the
	// learning rate, a float32 scalar. It exists with InputLossScale.
	OutputGradientNorm = "gradient_norm"
	// OutputLogits and OutputProbabilities are float32 [batch, classes].
	OutputLogits        = "logits"
	OutputProbabilities = "probabilities"

	// BatchSymbol is the symbol of the batch dimension of inputs and outputs.
	BatchSymbol = "batch"
)

// Layer is one part of a network.
type Layer interface {
	// Build appends the layer to the graph and returns its output for the
	// input x. It is called once for each graph that is built from the network.
	Build(b *Builder, x *graph.Value) *graph.Value
}

// Parameter is an array that a layer owns.
type Parameter struct {
	Name  string
	Shape []int
	// Trainable parameters are changed by the optimizer; the others are the
	// running statistics of BatchNorm and the counter of their steps.
	Trainable bool
	// Decay says that weight decay applies: to the weights of convolutions and
	// dense layers, but not to biases and BatchNorm.
	Decay bool

	initial Initializer
}

// Builder builds one graph of a network. Layers append operators to it with the
// methods of op.Builder and declare their parameters with Parameter and Weight.
type Builder struct {
	op.Builder

	// Training says that the graph is for training: BatchNorm uses the batch's
	// statistics, and Dropout drops values.
	Training bool

	compute    graph.Elem // the type of images and gradients; parameters are float32
	scope      string
	parameters []Parameter
	values     map[string]*graph.Value
	// constants, if set, holds the values of the parameters, which then are initializers
	// instead of inputs.
	constants *checkpoint.Checkpoint
	// measuring makes the moments of each BatchNorm outputs: see Moments.
	measuring bool
	measured  []string // the running statistic that each of these outputs measures

	// stateless leaves out what a training step remembers: it has no rate, and moves no
	// running statistics.
	stateless bool

	batch       graph.Dim
	rate        *graph.Value // learning_rate
	ghosts      int
	interleaved bool         // the images of the ghost batches alternate in the batch: see inTurns
	reset       *graph.Value // lazy_reset_grad
	resetFlag   *graph.Value // the same as 0 or 1
	forgets     map[float32]*graph.Value
	steps       *graph.Value // StepCounter including this step
	weights     map[float32]weights
	share       float32 // the share of one micro-batch in a batch
	updated     []*graph.Value
	keeps       float32 // the largest share of its running statistics that a BatchNorm keeps in a step
	dropoutSeed *graph.Value
	lossScale   *graph.Value        // nil without mixed precision
	state       []checkpoint.Tensor // the optimizer's state: see Artifacts.State
	// averages reports whether the trainable parameters have moving averages. These are in
	// averageValues, by the names of the parameters.
	averages      bool
	averageValues map[string]*graph.Value
	multipliers   map[string]float32 // of learning rates, by the names of parameters
	// secondLabel and labelShare are inputs for mixed images; else nil.
	secondLabel, labelShare *graph.Value
}

// newBuilder returns a Builder for a graph with a symbolic batch.
func newBuilder(name string) *Builder {
	return &Builder{
		Builder:       op.On(graph.New(name)),
		compute:       graph.Float,
		values:        map[string]*graph.Value{},
		batch:         graph.Symbol(BatchSymbol),
		ghosts:        1,
		forgets:       map[float32]*graph.Value{},
		averageValues: map[string]*graph.Value{},
		weights:       map[float32]weights{},
		share:         1,
	}
}

// Name returns the name of a layer's own node or value: its path of scopes.
func (b *Builder) Name(name string) string { return b.scope + name }

// in calls build with name appended to the scope.
func (b *Builder) in(name string, build func()) {
	outer := b.scope
	b.scope = outer + name + "."
	build()
	b.scope = outer
}

// atTop calls build outside of all scopes.
func (b *Builder) atTop(build func()) {
	outer := b.scope
	b.scope = ""
	build()
	b.scope = outer
}

// maxElements is the most elements that a parameter may have, so that sums of their bytes do not
// overflow. Memory usually allows far fewer.
const maxElements = 1 << 50

// Parameter declares a parameter of the layer and returns its value.
func (b *Builder) Parameter(p Parameter, initial Initializer) *graph.Value {
	p.Name, p.initial = b.Name(p.Name), initial
	if initial == nil {
		b.Fail("parameter %q has no initializer, such as Zeros", p.Name)
	}
	size := 1
	for _, n := range p.Shape {
		if size > 0 && n > 0 && n <= maxElements/size {
			size *= n
		} else {
			size = 0
		}
	}
	if size == 0 {
		b.Fail("parameter %q: shape %v is outside 1..%d elements", p.Name, p.Shape, maxElements)
	}
	b.parameters = append(b.parameters, p)
	v := b.parameterValue(p)
	b.values[p.Name] = v
	return v
}

func (b *Builder) parameterValue(p Parameter) *graph.Value {
	if b.constants == nil {
		v := b.Input(p.Name, graph.Float, graph.Static(p.Shape...))
		if b.averages && p.Trainable {
			return b.averaged(p, v)
		}
		return v
	}
	t := b.constants.Parameter(p.Name)
	if t == nil {
		b.Fail("the checkpoint has no parameter %q: it is of another network", p.Name)
		t = &checkpoint.Tensor{}
	} else if !slices.Equal(t.Shape, p.Shape) {
		b.Fail("parameter %q: the checkpoint's shape %v is not the network's %v", p.Name, t.Shape, p.Shape)
	}
	return b.Floats(p.Name, t.Shape, t.Data)
}

// Weight declares a parameter of the layer and returns its value in the type in which
// the network computes: float16 in mixed precision.
func (b *Builder) Weight(p Parameter, initial Initializer) *graph.Value {
	return b.As(b.compute, b.Parameter(p, initial))
}

// inTurns returns the images [batch, h, w, c] as [batch, c, h, w], in an order in which
// the ghost batches alternate: the first image of each ghost batch, then the second of
// each, and so on.
func (b *Builder) inTurns(image *graph.Value) *graph.Value {
	part, s := b.partOf(image.Shape[0]), image.Shape
	parts := b.Reshape("image.ghosts", image, b.Ints("image.ghosts.sizes", int64(b.ghosts), -1, s[1].Size, s[2].Size, s[3].Size),
		graph.Shape{graph.Fixed(b.ghosts), part, s[1], s[2], s[3]})
	turns := b.Transpose("image.planar", parts, 1, 0, 4, 2, 3)
	return b.Reshape("image.turns", turns, b.Ints("image.turns.sizes", -1, s[3].Size, s[1].Size, s[2].Size),
		graph.Shape{s[0], s[3], s[1], s[2]})
}

// turns returns a vector, which has the given number of entries for each image, in the
// order of inTurns.
func (b *Builder) turns(name string, v *graph.Value, images graph.Dim, entries int) *graph.Value {
	if !b.interleaved {
		return v
	}
	parts := b.Reshape(name+".ghosts", v, b.Ints(name+".ghosts.sizes", int64(b.ghosts), -1, int64(entries)),
		graph.Shape{graph.Fixed(b.ghosts), b.partOf(images), graph.Fixed(entries)})
	sizes := []int64{-1}
	if len(v.Shape) > 1 {
		sizes = append(sizes, int64(entries))
	}
	return b.Reshape(name+".order", b.Transpose(name+".turns", parts, 1, 0, 2), b.Ints(name+".order.sizes", sizes...), v.Shape)
}

// partOf returns the size of a dimension of images within one ghost batch.
func (b *Builder) partOf(d graph.Dim) graph.Dim {
	if d.Symbol != "" {
		return graph.Symbol(ghostSymbol)
	}
	return graph.Fixed(int(d.Size) / b.ghosts)
}

// perByte is the factor that turns bytes into numbers of 0..1.
const perByte = 1.0 / 255

// normalise returns x / 255 as [batch, c, h, w], in the type that the network
// computes in, for an image of uint8 [batch, h, w, c].
func (b *Builder) normalise(image *graph.Value) *graph.Value {
	if !b.interleaved {
		return b.ImageInput("image", image, perByte, b.compute)
	}
	float := b.Cast("image.float", b.inTurns(image), b.compute)
	return b.Binary("Mul", "image.scaled", float, b.As(b.compute, b.Scalar("image.scale", perByte)))
}

// averaged declares the average of a parameter. Only the training model computes with the
// parameter itself.
func (b *Builder) averaged(p Parameter, v *graph.Value) *graph.Value {
	a := b.Input(artifact.AveragePrefix+p.Name, graph.Float, v.Shape)
	b.averageValues[p.Name] = a
	if b.Training {
		b.state = append(b.state, checkpoint.Tensor{Name: a.Name, Shape: p.Shape, Data: make([]float32, elements(p.Shape))})
		return v
	}
	return a
}

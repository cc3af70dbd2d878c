package onnxmodels

import (
	"cmp"
	"fmt"
	"math"

	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
)

// Network is a stack of layers over images of one size, in colour or grey. The output of the
// last layer is the logits of the classes.
type Network struct {
	height, width int
	channels      int // of the images
	layers        []Layer
	parameters    []Parameter
	classes       int
	keeps         float32  // the largest share of its running statistics that a BatchNorm keeps in a step
	given         *given   // the layers of a given model; nil for other networks
	head          []string // the parameters of the last layer
	multiLabel    bool     // images may have several classes
	loss          string   // the loss that it is trained on; "" means cross-entropy
	features      int      // the number of features of each image, if the network takes features; else 0
	// normalization is applied first, to images in 0..1; the zero value changes nothing.
	normalization Normalization
}

// ghostSymbol is the symbol of the size of one ghost batch.
const ghostSymbol = "ghost_batch"

// NewNetwork returns the network of the layers over images of height x width pixels,
// each in 1..16384 and their product at most 2²⁴. It returns an error if the layers do not
// fit each other.
func NewNetwork(height, width int, layers ...Layer) (*Network, error) {
	return newNetwork(height, width, colourChannels, layers)
}

// NewGreyNetwork is NewNetwork for images of one channel: InputImage is then uint8 [batch,
// height, width, 1].
func NewGreyNetwork(height, width int, layers ...Layer) (*Network, error) {
	return newNetwork(height, width, greyChannels, layers)
}

// The channels that images may have.
const (
	greyChannels   = 1
	colourChannels = 3
)

// newNetwork is NewNetwork for images with the given number of channels; 0 means 3.
func newNetwork(height, width, channels int, layers []Layer) (*Network, error) {
	n := &Network{height: height, width: width, channels: cmp.Or(channels, colourChannels), layers: layers}
	if n.channels != colourChannels && n.channels != greyChannels {
		return nil, fmt.Errorf("network: images of %d channels, want 3, or 1 for grey ones", channels)
	}
	if min(height, width) < 1 || max(height, width) > maxSide || height*width > maxArea {
		return nil, fmt.Errorf("network: images of %dx%d pixels are outside 1..%d pixels of at most %d a side", height, width, maxArea, maxSide)
	}
	return n, n.declare()
}

// declare finds the parameters of the layers and the number of classes.
func (n *Network) declare() error {
	b := newBuilder("network")
	logits := n.forward(b, n.prepare(b, n.input(b, InputFloat32NCHW)))
	if err := b.Err(); err != nil {
		return err
	}
	if len(logits.Shape) != 2 {
		return fmt.Errorf("network: the last layer gives %s, want logits [n, classes]", logits.Shape)
	}
	n.keeps = b.keeps
	if n.head == nil {
		n.head = headOf(b.parameters)
	}
	n.parameters, n.classes = b.parameters, int(logits.Shape[1].Size)
	return nil
}

// Size returns the height and width of the images, in pixels.
func (n *Network) Size() (height, width int) { return n.height, n.width }

// Channels returns how many channels the images have: 3, or 1 if they are grey.
func (n *Network) Channels() int { return n.channels }

// Features returns the number of features of each image that the network takes instead of the
// image. It is 0 unless the network is the upper part of a [Cut].
func (n *Network) Features() int { return n.features }

// WithLoss returns a copy of the network for training with the loss, one of Losses. The loss
// decides what the probabilities of inference models are: see [InferenceOptions].
func (n *Network) WithLoss(loss string) *Network {
	with := *n
	with.loss = loss
	return &with
}

// WithMultiLabel returns a copy of the network that says whether images may have several
// classes. If so, its artifacts take targets, as with [TrainingOptions.MultiLabel].
func (n *Network) WithMultiLabel(is bool) *Network {
	with := *n
	with.multiLabel = is
	return &with
}

// MultiLabel tells whether images may have several classes.
func (n *Network) MultiLabel() bool { return n.multiLabel }

// Loss returns the loss that WithLoss set, or LossCrossEntropy.
func (n *Network) Loss() string { return cmp.Or(n.loss, artifact.LossCrossEntropy) }

// Classes returns the number of logits.
func (n *Network) Classes() int { return n.classes }

// KeepsInitial returns the share of BatchNorm's running statistics that, after this number of
// steps, still comes from their first values: momentum^steps for the layer with the largest
// momentum. It is 0 if the statistics are corrected.
func (n *Network) KeepsInitial(steps int) float64 { return math.Pow(float64(n.keeps), float64(steps)) }

// Parameters returns the parameters in the order of the layers.
func (n *Network) Parameters() []Parameter { return append([]Parameter(nil), n.parameters...) }

// Count returns the number of elements of all parameters, including running statistics, as
// Keras's summary counts them, and the number of those that are trainable. StepCounter does
// not count, as it is not part of the network's function.
func (n *Network) Count() (total, trainable int) {
	for _, p := range n.parameters {
		if p.Name == StepCounter {
			continue
		}
		size := elements(p.Shape)
		total += size
		if p.Trainable {
			trainable += size
		}
	}
	return total, trainable
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Initialize returns a checkpoint of the network's first parameters. For networks of this package
// they are Keras's default initialisation. Each parameter's values depend only on the seed and the
// parameter's name.
func (n *Network) Initialize(seed uint64) *checkpoint.Checkpoint {
	c := &checkpoint.Checkpoint{}
	for _, p := range n.parameters {
		t := checkpoint.Tensor{
			Name: p.Name, Shape: p.Shape,
			Data: p.initial(parameterRand(seed, p.Name), elements(p.Shape)),
		}
		if p.Trainable {
			c.Trainable = append(c.Trainable, t)
		} else {
			c.Frozen = append(c.Frozen, t)
		}
	}
	return c
}

// input declares the input of images in one of the forms that inference models have. A
// given model without a normalisation only has its own input.
func (n *Network) input(b *Builder, form string) *graph.Value {
	channels, height, width := graph.Fixed(n.channels), graph.Fixed(n.height), graph.Fixed(n.width)
	switch {
	case n.features > 0:
		return b.Input(InputFeatures, graph.Float, graph.Shape{b.batch, graph.Fixed(n.features)})
	case n.ownInput():
		return n.given.input(b)
	case form == InputFloat32NCHW:
		return b.Input(InputImage, graph.Float, graph.Shape{b.batch, channels, height, width})
	}
	return b.Input(InputImage, graph.Uint8, graph.Shape{b.batch, height, width, channels})
}

// ownInput tells whether the network has the own input of a given model.
func (n *Network) ownInput() bool { return n.given != nil && n.given.Normalization == nil }

// prepare converts the input of images to what the layers take.
func (n *Network) prepare(b *Builder, image *graph.Value) *graph.Value {
	switch {
	case n.ownInput():
		return image
	case n.given == nil && image.Elem == graph.Float:
		return n.normalization.apply(b, image)
	case n.given == nil:
		return n.normalization.apply(b, b.normalise(image))
	case image.Elem == graph.Float:
		return n.given.normalise(b, image)
	}
	return n.given.prepare(b, image)
}

// InputName returns the name of the input of images, or of features.
func (n *Network) InputName() string {
	switch {
	case n.features > 0:
		return InputFeatures
	case n.ownInput():
		return n.given.Image.Name
	}
	return InputImage
}

// forward appends the layers and returns the logits.
func (n *Network) forward(b *Builder, x *graph.Value) *graph.Value {
	return Sequential(n.layers...).Build(b, x)
}

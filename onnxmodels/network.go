package onnxmodels

import (
	"fmt"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
)

// Network is a stack of layers over RGB images of one size, whose last layer
// gives the logits of the classes.
type Network struct {
	height, width int
	layers        []Layer
	parameters    []Parameter
	classes       int
}

// replicaSymbol is the size of one replica's part of a batch.
const replicaSymbol = "replica_batch"

// NewNetwork returns the network of the layers over images of height x width,
// each in 1..16384 pixels and 2²⁴ together. Layers that do not fit each other are
// an error.
func NewNetwork(height, width int, layers ...Layer) (*Network, error) {
	n := &Network{height: height, width: width, layers: layers}
	if min(height, width) < 1 || max(height, width) > maxSide || height*width > maxArea {
		return nil, fmt.Errorf("network: images of %dx%d pixels are outside 1..%d pixels of at most %d a side", height, width, maxArea, maxSide)
	}
	b := newBuilder("network")
	logits := n.forward(b, n.floatInput(b))
	if err := b.Err(); err != nil {
		return nil, err
	}
	if len(logits.Shape) != 2 {
		return nil, fmt.Errorf("network: the last layer gives %s, want logits [n, classes]", logits.Shape)
	}
	n.parameters, n.classes = b.parameters, int(logits.Shape[1].Size)
	return n, nil
}

// Size returns the height and width of the images, in pixels.
func (n *Network) Size() (height, width int) { return n.height, n.width }

// Classes returns the number of logits.
func (n *Network) Classes() int { return n.classes }

// Parameters returns the parameters in the order of the layers.
func (n *Network) Parameters() []Parameter { return append([]Parameter(nil), n.parameters...) }

// Count returns the number of elements of all parameters, running statistics
// included, as Keras's summary counts them, and of the trainable ones. StepCounter is
// no part of the network's function and does not count.
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

// Initialize returns a checkpoint of the network's first parameters: Keras's
// default initialisation, drawn by the seed. Each parameter's values depend on
// the seed and its name alone.
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

func (n *Network) floatInput(b *Builder) *graph.Value {
	return b.Input(InputImage, graph.Float,
		graph.Shape{b.batch, graph.Fixed(3), graph.Fixed(n.height), graph.Fixed(n.width)})
}

func (n *Network) byteInput(b *Builder) *graph.Value {
	return b.Input(InputImage, graph.Uint8,
		graph.Shape{b.batch, graph.Fixed(n.height), graph.Fixed(n.width), graph.Fixed(3)})
}

// forward appends the layers and returns the logits.
func (n *Network) forward(b *Builder, x *graph.Value) *graph.Value {
	return Sequential(n.layers...).Build(b, x)
}

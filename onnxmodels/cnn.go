package onnxmodels

import (
	"cmp"
	"fmt"
)

// CNNOptions describe a plain convolutional network.
type CNNOptions struct {
	// Height and Width are the size of the images, in pixels.
	Height, Width int
	// Channels is 1 for grey images, or 3; 0 means 3.
	Channels int
	// Widths are the channels of each stage.
	Widths []int
	// Convolutions is the number of convolutions in each stage.
	Convolutions int
	// Classes is the number of outputs.
	Classes int
	// Strides, if not empty, has the stride of the first convolution of each stage, and
	// replaces the pools between the stages.
	Strides []int
	// Activation is one of Activations; "" is ActivationReLU.
	Activation string
	// Dropout is the share of values before the classifier that training drops, in [0, 1).
	Dropout float32
	// BatchNorm describes every batch normalisation.
	BatchNorm BatchNormOptions
}

// CNN returns a plain convolutional network, the one of the study that the README describes.
// Each stage repeats a 3x3 convolution, BatchNorm and the activation Convolutions times. 2x2
// average pools separate the stages; a global average pool and a dense layer follow. With
// Widths of 64, 128 and 256, three convolutions and ten classes it has 1,927,946 parameters,
// running statistics included.
func CNN(o CNNOptions) (*Network, error) {
	if len(o.Widths) == 0 || o.Convolutions < 1 || o.Classes < 2 {
		return nil, fmt.Errorf("cnn: %d stages of %d convolutions and %d classes; want at least 1, 1 and 2",
			len(o.Widths), o.Convolutions, o.Classes)
	}
	o.Activation = cmp.Or(o.Activation, ActivationReLU)
	if err := checkActivation(o.Activation); err != nil {
		return nil, fmt.Errorf("cnn: %w", err)
	}
	strides, err := stridesOr("cnn", o.Strides, make([]int, len(o.Widths)))
	if err != nil {
		return nil, err
	}
	var layers []Layer
	for i, width := range o.Widths {
		if i > 0 && len(o.Strides) == 0 {
			layers = append(layers, AveragePool(fmt.Sprintf("pool%d", i), PoolOptions{Size: 2}))
		}
		layers = append(layers, Scope(fmt.Sprintf("stage%d", i+1), o.stage(width, strides[i])))
	}
	return newNetwork(o.Height, o.Width, o.Channels, append(layers, classifier(o.Dropout, o.Classes)...))
}

// stage returns a stage with width channels, whose first convolution has the stride; 0 means 1.
func (o CNNOptions) stage(width, stride int) Layer {
	var layers []Layer
	for i := 1; i <= o.Convolutions; i++ {
		layers = append(layers,
			Conv(fmt.Sprintf("conv%d", i), ConvOptions{Filters: width, Kernel: 3, Stride: stride}),
			BatchNorm(fmt.Sprintf("norm%d", i), o.BatchNorm),
			Activation(fmt.Sprintf("%s%d", o.Activation, i), o.Activation))
		stride = 1
	}
	return Sequential(layers...)
}

package onnxmodels

import (
	"cmp"
	"fmt"
)

// MobileNetOptions describe a mobile network.
type MobileNetOptions struct {
	// Height and Width are the size of the images, in pixels.
	Height, Width int
	// Channels is 1 for grey images, or 3; 0 means 3.
	Channels int
	// Form is FormCIFAR, the default, or FormImageNet.
	Form string
	// WidthFactor, the paper's width multiplier, multiplies the number of channels of every
	// layer, which is rounded to a multiple of 8. 0 means 1.
	WidthFactor float64
	// Strides are the strides of the seven stages. If empty, they are those of the form.
	Strides []int
	// Activation is one of Activations; "" is ActivationReLU6.
	Activation string
	// Dropout is the share of values before the classifier that training drops, in [0, 1);
	// torchvision drops 0.2.
	Dropout float32
	// BatchNorm describes every batch normalisation. Its zero values are momentum 0.9 and
	// epsilon 1e-5, which are PyTorch's defaults.
	BatchNorm BatchNormOptions
	// Classes is the number of outputs.
	Classes int
}

// mobileStages are the stages of table 2 of the paper, with their strides in both forms.
var mobileStages = []struct{ expansion, channels, blocks, stride, strideCIFAR int }{
	{1, 16, 1, 1, 1},
	{6, 24, 2, 2, 1},
	{6, 32, 3, 2, 2},
	{6, 64, 4, 2, 2},
	{6, 96, 3, 1, 1},
	{6, 160, 3, 2, 2},
	{6, 320, 1, 1, 1},
}

// MobileNet is MobileNetV2 (Sandler et al. 2018): a 3x3 convolution, seven stages of inverted
// residual blocks, a 1x1 convolution to 1280 channels, a global average pool and a dense layer.
// A block is a 1x1 convolution to six times as many channels, a depthwise 3x3 convolution and a
// 1x1 convolution without activation, with a shortcut if the shape stays the same.
//
// FormImageNet makes images 32 times smaller. FormCIFAR does not halve them in the first
// convolution and in the second stage, and makes them 8 times smaller. For 1000 classes the network
// has 3,504,872 trainable parameters, as torchvision's does.
func MobileNet(o MobileNetOptions) (*Network, error) {
	m, err := o.plan()
	if err != nil {
		return nil, err
	}
	layers := []Layer{Scope("stem", m.conv("", m.channels(32), 3, m.stem, 1))}
	in := m.channels(32)
	for i, s := range mobileStages {
		out := m.channels(s.channels)
		layers = append(layers, Scope(fmt.Sprintf("stage%d", i+1), m.stage(i, in, out)))
		in = out
	}
	last := max(m.channels(1280), 1280)
	layers = append(layers, Scope("last", m.conv("", last, 1, 1, 1)))
	return newNetwork(o.Height, o.Width, o.Channels, append(layers, classifier(o.Dropout, o.Classes)...))
}

// mobile is a mobile network being built.
type mobile struct {
	factor     float64
	stem       int // the stride of the first convolution
	strides    []int
	activation string
	norm       BatchNormOptions
}

func (o MobileNetOptions) plan() (*mobile, error) {
	m := &mobile{
		factor: cmp.Or(o.WidthFactor, 1), activation: cmp.Or(o.Activation, ActivationReLU6), norm: pytorchNorm(o.BatchNorm),
	}
	if err := checkStaged("mobilenet", m.factor, o.Classes, m.activation); err != nil {
		return nil, err
	}
	for _, s := range mobileStages {
		switch o.Form {
		case FormCIFAR, "":
			m.stem, m.strides = 1, append(m.strides, s.strideCIFAR)
		case FormImageNet:
			m.stem, m.strides = 2, append(m.strides, s.stride)
		default:
			return nil, fmt.Errorf("mobilenet: form %q is neither %q nor %q", o.Form, FormCIFAR, FormImageNet)
		}
	}
	var err error
	m.strides, err = stridesOr("mobilenet", o.Strides, m.strides)
	return m, err
}

// channels returns n times the width factor, rounded to a multiple of 8 that is at least 0.9 times
// the exact value.
func (m *mobile) channels(n int) int {
	wide := float64(n) * m.factor
	rounded := max(8, int(wide+4)/8*8)
	if float64(rounded) < 0.9*wide {
		rounded += 8
	}
	return rounded
}

// conv is a grouped convolution, its normalisation and an activation.
func (m *mobile) conv(name string, filters, kernel, stride, groups int) Layer {
	return Sequential(m.linear(name, filters, kernel, stride, groups), Activation(name+"act", m.activation))
}

// linear is conv without the activation.
func (m *mobile) linear(name string, filters, kernel, stride, groups int) Layer {
	return Sequential(
		Conv(name+"conv", ConvOptions{
			Filters: filters, Kernel: kernel, Stride: stride, Pad: kernel / 2, Valid: true, Groups: groups, NoBias: true, Initial: HeFanOut,
		}),
		BatchNorm(name+"norm", m.norm))
}

// stage returns the blocks of stage i, counted from 0. The first block may change the shape.
func (m *mobile) stage(i, in, out int) Layer {
	stride := m.strides[i]
	var layers []Layer
	for k := 1; k <= mobileStages[i].blocks; k++ {
		name, block := fmt.Sprintf("block%d", k), m.block(in, out, mobileStages[i].expansion, stride)
		if stride == 1 && in == out {
			layers = append(layers, Residual(name, nil, block))
		} else {
			layers = append(layers, Scope(name, block))
		}
		in, stride = out, 1
	}
	return Sequential(layers...)
}

// block returns the layers of a block (figure 4d). The first is left out if it would not expand.
func (m *mobile) block(in, out, expansion, stride int) Layer {
	wide := in * expansion
	var layers []Layer
	if expansion != 1 {
		layers = append(layers, m.conv("expand.", wide, 1, 1, 1))
	}
	return Sequential(append(layers, m.conv("depthwise.", wide, 3, stride, wide), m.linear("project.", out, 1, 1, 1))...)
}

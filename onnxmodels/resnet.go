package onnxmodels

import (
	"cmp"
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// The forms of networks from the literature. They differ in the first layers and in how often they
// halve images.
const (
	// FormCIFAR is for small images, such as the 32x32 pixels of CIFAR-10.
	FormCIFAR = "cifar"
	// FormImageNet is for large images, such as 224x224 pixels.
	FormImageNet = "imagenet"
)

// ResNetOptions describe a residual network.
type ResNetOptions struct {
	// Height and Width are the size of the images, in pixels.
	Height, Width int
	// Channels is 1 for grey images, or 3; 0 means 3.
	Channels int
	// Form is FormCIFAR, the default, or FormImageNet.
	Form string
	// Depth is the number of layers with weights, not counting shortcuts: 6n+2, such as 20, 32,
	// 44, 56 or 110, in FormCIFAR; 18, 34, 50, 101 or 152 in FormImageNet.
	Depth int
	// WidthFactor multiplies the number of channels of every layer, which is rounded; 0 means 1.
	WidthFactor float64
	// Strides are the strides of the stages: three in FormCIFAR, four in FormImageNet. If empty,
	// they are those of the form.
	Strides []int
	// Activation is one of Activations; "" is ActivationReLU.
	Activation string
	// Dropout is the share of values before the classifier that training drops, in [0, 1).
	Dropout float32
	// BatchNorm describes every batch normalisation. Its zero values are momentum 0.9 and
	// epsilon 1e-5, which are PyTorch's defaults.
	BatchNorm BatchNormOptions
	// Classes is the number of outputs.
	Classes int
}

// ResNet is a residual network (He et al. 2016, "Deep residual learning for image recognition").
//
// FormCIFAR is the network of section 4.2: a 3x3 convolution, three stages of n blocks of two 3x3
// convolutions with 16, 32 and 64 channels, a global average pool and a dense layer. The second and
// third stage halve the image. Shortcuts have no parameters ("option A"): where the shape changes
// they take every second pixel, and zeros for the additional channels. At depth 20 and ten classes
// it has 269,722 trainable parameters.
//
// FormImageNet is the network of table 1: a 7x7 convolution and a 3x3 max pool, each of which
// halves the image, and four stages of blocks. Up to depth 34 a block has two 3x3 convolutions;
// beyond, it is a bottleneck, which halves the image in its 3x3 convolution, as torchvision's do.
// Shortcuts that change the shape are 1x1 convolutions ("option B"). Depths 18, 34 and 50 have
// 11,689,512, 21,797,672 and 25,557,032 trainable parameters for 1000 classes, as in torchvision.
func ResNet(o ResNetOptions) (*Network, error) {
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	layers := p.stem(o.Form)
	for i := range p.blocks {
		layers = append(layers, Scope(fmt.Sprintf("stage%d", i+1), p.stage(i)))
	}
	return newNetwork(o.Height, o.Width, o.Channels, append(layers, classifier(o.Dropout, o.Classes)...))
}

// resnet is a residual network being built.
type resnet struct {
	blocks, widths, strides []int // one number for each stage
	expansion               int   // output channels of a block divided by its width: 4 in bottlenecks, else 1
	padded                  bool  // shortcuts have no parameters
	activation              string
	norm                    BatchNormOptions
}

// plan checks the options and returns the sizes of each stage.
func (o ResNetOptions) plan() (*resnet, error) {
	factor := cmp.Or(o.WidthFactor, 1)
	r := &resnet{expansion: 1, norm: pytorchNorm(o.BatchNorm), activation: cmp.Or(o.Activation, ActivationReLU)}
	if err := checkStaged("resnet", factor, o.Classes, r.activation); err != nil {
		return nil, err
	}
	switch o.Form {
	case FormCIFAR, "":
		n := (o.Depth - 2) / 6
		if o.Depth < 8 || o.Depth != 6*n+2 || n > maxBlocks {
			return nil, fmt.Errorf("resnet: depth %d is not 6n+2 up to %d, as 20, 32, 44, 56 and 110, which form %q has", o.Depth, 6*maxBlocks+2, FormCIFAR)
		}
		r.blocks, r.widths, r.strides, r.padded = []int{n, n, n}, []int{16, 32, 64}, []int{1, 2, 2}, true
	case FormImageNet:
		r.blocks = map[int][]int{18: {2, 2, 2, 2}, 34: {3, 4, 6, 3}, 50: {3, 4, 6, 3}, 101: {3, 4, 23, 3}, 152: {3, 8, 36, 3}}[o.Depth]
		if r.blocks == nil {
			return nil, fmt.Errorf("resnet: depth %d is none of 18, 34, 50, 101 and 152, which form %q has", o.Depth, FormImageNet)
		}
		r.widths, r.strides = []int{64, 128, 256, 512}, []int{1, 2, 2, 2}
		if o.Depth >= 50 {
			r.expansion = 4
		}
	default:
		return nil, fmt.Errorf("resnet: form %q is neither %q nor %q", o.Form, FormCIFAR, FormImageNet)
	}
	for i, width := range r.widths {
		r.widths[i] = max(int(math.Round(float64(width)*factor)), 1)
	}
	var err error
	r.strides, err = stridesOr("resnet", o.Strides, r.strides)
	return r, err
}

// maxBlocks is the most blocks that a stage may have.
const maxBlocks = 1000

// pytorchNorm replaces zero values of the options by PyTorch's defaults.
func pytorchNorm(o BatchNormOptions) BatchNormOptions {
	o.Momentum, o.Epsilon = cmp.Or(o.Momentum, 0.9), cmp.Or(o.Epsilon, 1e-5)
	return o
}

// stem returns the layers before the first stage.
func (r *resnet) stem(form string) []Layer {
	if form == FormImageNet {
		return []Layer{
			Scope("stem", r.conv("conv", r.widths[0], 7, 2), BatchNorm("norm", r.norm), r.act("act"),
				MaxPool("pool", PoolOptions{Size: 3, Stride: 2, Pad: 1})),
		}
	}
	return []Layer{Scope("stem", r.conv("conv", r.widths[0], 3, 1), BatchNorm("norm", r.norm), r.act("act"))}
}

func (r *resnet) act(name string) Layer { return Activation(name, r.activation) }

// conv is a convolution without bias, padded evenly.
func (r *resnet) conv(name string, filters, kernel, stride int) Layer {
	return Conv(name, ConvOptions{
		Filters: filters, Kernel: kernel, Stride: stride, Pad: kernel / 2, Valid: true, NoBias: true, Initial: HeFanOut,
	})
}

// stage returns the blocks of stage i, counted from 0. The first block may change the shape.
func (r *resnet) stage(i int) Layer {
	width, stride := r.widths[i], r.strides[i]
	in := r.widths[0]
	if i > 0 {
		in = r.widths[i-1] * r.expansion
	}
	var layers []Layer
	for k := 1; k <= r.blocks[i]; k++ {
		name := fmt.Sprintf("block%d", k)
		var shortcut Layer
		if out := width * r.expansion; in != out || stride != 1 {
			shortcut = r.shortcut(out, stride)
		}
		layers = append(layers, Residual(name, shortcut, r.block(width, stride)), r.act(name+".act"))
		in, stride = width*r.expansion, 1
	}
	return Sequential(layers...)
}

// block returns the layers of a residual block (figure 5).
func (r *resnet) block(width, stride int) Layer {
	if r.expansion == 1 {
		return Sequential(
			r.conv("conv1", width, 3, stride), BatchNorm("norm1", r.norm), r.act("act1"),
			r.conv("conv2", width, 3, 1), BatchNorm("norm2", r.norm))
	}
	return Sequential(
		r.conv("conv1", width, 1, 1), BatchNorm("norm1", r.norm), r.act("act1"),
		r.conv("conv2", width, 3, stride), BatchNorm("norm2", r.norm), r.act("act2"),
		r.conv("conv3", width*r.expansion, 1, 1), BatchNorm("norm3", r.norm))
}

// shortcut returns a shortcut that changes the shape as the block beside it does.
func (r *resnet) shortcut(channels, stride int) Layer {
	if r.padded {
		return paddedShortcut("shortcut", channels, stride)
	}
	return Scope("shortcut", r.conv("conv", channels, 1, stride), BatchNorm("norm", r.norm))
}

// paddedShortcut takes one pixel of each stride x stride pixels, and appends channels of zeros. It
// is a convolution with a constant weight of zeros and ones, which every target can run and
// differentiate.
func paddedShortcut(name string, channels, stride int) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		if len(x.Shape) != 4 {
			b.Fail("shortcut %q: input %s, want [n, c, h, w]", b.Name(name), x)
			return x
		}
		in := x.Size(1)
		kernel := make([]float32, channels*in)
		for i := range min(in, channels) {
			kernel[i*in+i] = 1
		}
		weight := b.As(b.compute, b.Floats(b.Name(name)+".kernel", []int{channels, in, 1, 1}, kernel))
		return b.Conv(b.Name(name), x, weight, nil, op.Valid(1, stride))
	})
}

package onnxmodels

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// layerFunc is a layer made of a function.
type layerFunc func(b *Builder, x *graph.Value) *graph.Value

// Build implements Layer.
func (f layerFunc) Build(b *Builder, x *graph.Value) *graph.Value { return f(b, x) }

// Sequential is the layers one after the other.
func Sequential(layers ...Layer) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		for i, l := range layers {
			x = b.build(l, i, x)
		}
		return x
	})
}

// build appends the layer at a place of a list. One that is nil, or gives nothing, is a
// mistake of the caller's, and the layers after it may not see it.
func (b *Builder) build(l Layer, place int, x *graph.Value) *graph.Value {
	if l == nil {
		b.Fail("layer %d of %q is nil", place, b.scope)
		return x
	}
	y := l.Build(b, x)
	if y == nil {
		b.Fail("layer %d of %q, a %T, gives no value", place, b.scope, l)
		return x
	}
	return y
}

// Scope is the layers one after the other, with "name." before the names of
// what they own.
func Scope(name string, layers ...Layer) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		b.in(name, func() { x = Sequential(layers...).Build(b, x) })
		return x
	})
}

// Residual adds its input to the output of its layers: x + f(x), which must
// have one shape (He et al. 2016, equation 1). A shortcut that is not nil is
// applied to x in the sum: it changes the shape (equation 2).
func Residual(name string, shortcut Layer, layers ...Layer) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		y, direct := Scope(name, layers...).Build(b, x), x
		if shortcut != nil {
			direct = Scope(name, shortcut).Build(b, x)
		}
		if !y.Shape.Equal(direct.Shape) {
			b.Fail("residual %q: its layers give %s, the shortcut %s", b.Name(name), y.Shape, direct.Shape)
		}
		return b.Binary("Add", b.Name(name)+".add", y, direct)
	})
}

// ReLU is max(x, 0).
func ReLU(name string) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		return b.Unary("Relu", b.Name(name), x)
	})
}

// Flatten makes a vector of each image's values.
func Flatten(name string) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		return b.Flatten(b.Name(name), x)
	})
}

// ConvOptions describe a convolution.
type ConvOptions struct {
	// Filters is the number of output channels.
	Filters int
	// Kernel is the height and width of the square kernel.
	Kernel int
	// Stride is by how many pixels the kernel moves; 0 means 1.
	Stride int
	// Valid leaves out the padding; else the output is as large as the input
	// divided by the stride, as Keras's padding "same".
	Valid bool
	// NoBias leaves out the bias.
	NoBias bool
}

// Conv is a two-dimensional convolution (Keras's Conv2D) of [n, c, h, w], with
// the parameters "<name>.weight" [filters, c, kernel, kernel], Glorot uniform,
// and "<name>.bias" [filters], zeros.
func Conv(name string, o ConvOptions) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		if o.Stride == 0 {
			o.Stride = 1
		}
		window, ok := slidingWindow(b, name, x, o.Kernel, o.Stride, o.Valid)
		if !ok || o.Filters < 1 {
			b.Fail("conv %q: %d filters of %dx%d over %s", b.Name(name), o.Filters, o.Kernel, o.Kernel, x.Shape)
			return x
		}
		channels, area := int(x.Shape[1].Size), o.Kernel*o.Kernel
		var weight, bias *graph.Value
		b.in(name, func() {
			weight = b.Weight(
				Parameter{Name: "weight", Shape: []int{o.Filters, channels, o.Kernel, o.Kernel}, Trainable: true, Decay: true},
				GlorotUniform(channels*area, o.Filters*area))
			if !o.NoBias {
				bias = b.Weight(Parameter{Name: "bias", Shape: []int{o.Filters}, Trainable: true}, Zeros)
			}
		})
		return b.Conv(b.Name(name), x, weight, bias, window)
	})
}

// slidingWindow returns the window of a layer over the image x.
func slidingWindow(b *Builder, name string, x *graph.Value, kernel, stride int, valid bool) (op.Window, bool) {
	if len(x.Shape) != 4 || kernel < 1 || stride < 1 {
		b.Fail("layer %q: a %dx%d window with stride %d over %s, want [n, c, h, w]", b.Name(name), kernel, kernel, stride, x)
		return op.Window{}, false
	}
	if valid {
		return op.Valid(kernel, stride), true
	}
	return op.Same(kernel, stride, int(x.Shape[2].Size), int(x.Shape[3].Size)), true
}

// Dense is a matrix product and a sum: x·W + b of [n, features], with the
// parameters "<name>.weight" [features, units], Glorot uniform, and
// "<name>.bias" [units], zeros.
func Dense(name string, units int) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		if len(x.Shape) != 2 || units < 1 {
			b.Fail("dense %q: %d units over %s, want [n, features]", b.Name(name), units, x)
			return x
		}
		features := int(x.Shape[1].Size)
		var weight, bias *graph.Value
		b.in(name, func() {
			weight = b.Weight(
				Parameter{Name: "weight", Shape: []int{features, units}, Trainable: true, Decay: true},
				GlorotUniform(features, units))
			bias = b.Weight(Parameter{Name: "bias", Shape: []int{units}, Trainable: true}, Zeros)
		})
		return b.Gemm(b.Name(name), x, weight, bias, op.GemmOptions{})
	})
}

// PoolOptions describe a pool.
type PoolOptions struct {
	// Size is the height and width of the window.
	Size int
	// Stride is by how many pixels the window moves; 0 means Size.
	Stride int
	// Same pads as Keras's padding "same"; pads never count.
	Same bool
}

func (o PoolOptions) stride() int {
	if o.Stride == 0 {
		return o.Size
	}
	return o.Stride
}

// AveragePool is the mean of each window.
func AveragePool(name string, o PoolOptions) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		window, ok := slidingWindow(b, name, x, o.Size, o.stride(), !o.Same)
		if !ok {
			return x
		}
		return b.AveragePool(b.Name(name), x, window)
	})
}

// MaxPool is the largest element of each window.
func MaxPool(name string, o PoolOptions) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		window, ok := slidingWindow(b, name, x, o.Size, o.stride(), !o.Same)
		if !ok {
			return x
		}
		return b.MaxPool(b.Name(name), x, window)
	})
}

// GlobalAveragePool is the mean of each channel: [n, c] of [n, c, h, w].
func GlobalAveragePool(name string) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		return b.Flatten(b.Name(name)+".flat", b.GlobalAveragePool(b.Name(name), x))
	})
}

// CNNOptions describe the study's network.
type CNNOptions struct {
	// Height and Width are those of the images, in pixels.
	Height, Width int
	// Widths are the channels of each stage.
	Widths []int
	// Convolutions is how many convolutions each stage has.
	Convolutions int
	// Classes is the number of outputs.
	Classes int
	// BatchNorm describes every batch normalisation.
	BatchNorm BatchNormOptions
}

// CNN is the study's network: in each stage Convolutions times a 3x3
// convolution, BatchNorm and ReLU, between the stages 2x2 average pools, then
// a global average pool and a dense layer. At widths 64, 128, 256, three
// convolutions and ten classes it has 1,927,946 parameters, running statistics
// included.
func CNN(o CNNOptions) (*Network, error) {
	if len(o.Widths) == 0 || o.Convolutions < 1 || o.Classes < 2 {
		return nil, fmt.Errorf("cnn: %d stages of %d convolutions and %d classes; want at least 1, 1 and 2",
			len(o.Widths), o.Convolutions, o.Classes)
	}
	var layers []Layer
	for i, width := range o.Widths {
		if i > 0 {
			layers = append(layers, AveragePool(fmt.Sprintf("pool%d", i), PoolOptions{Size: 2}))
		}
		layers = append(layers, Scope(fmt.Sprintf("stage%d", i+1), stage(width, o.Convolutions, o.BatchNorm)))
	}
	layers = append(layers, GlobalAveragePool("pool"), Dense("dense", o.Classes))
	return NewNetwork(o.Height, o.Width, layers...)
}

func stage(width, convolutions int, norm BatchNormOptions) Layer {
	var layers []Layer
	for i := 1; i <= convolutions; i++ {
		layers = append(layers,
			Conv(fmt.Sprintf("conv%d", i), ConvOptions{Filters: width, Kernel: 3}),
			BatchNorm(fmt.Sprintf("norm%d", i), norm),
			ReLU(fmt.Sprintf("relu%d", i)))
	}
	return Sequential(layers...)
}

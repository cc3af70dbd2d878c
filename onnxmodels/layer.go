package onnxmodels

import (
	"cmp"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// layerFunc makes a Layer of a function.
type layerFunc func(b *Builder, x *graph.Value) *graph.Value

// Build implements Layer.
func (f layerFunc) Build(b *Builder, x *graph.Value) *graph.Value { return f(b, x) }

// Sequential applies the layers one after the other.
func Sequential(layers ...Layer) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		for i, l := range layers {
			x = b.build(l, i, x)
		}
		return x
	})
}

// build appends a layer, which has the index place in a list. A layer that is nil or
// returns nil is the caller's mistake; the layers after it get x instead.
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

// Scope applies the layers one after the other, with "name." before the names of
// their parameters and nodes.
func Scope(name string, layers ...Layer) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		b.in(name, func() { x = Sequential(layers...).Build(b, x) })
		return x
	})
}

// Residual adds its input to the output of its layers: x + f(x) (He et al. 2016,
// equation 1). Both must have the same shape. If f changes the shape, shortcut is a
// layer that is applied to x in the sum (equation 2); otherwise it is nil.
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

// Flatten turns the values of each image into a vector.
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
	// Stride is the number of pixels by which the kernel moves; 0 means 1.
	Stride int
	// Valid leaves out the padding. Otherwise the output is as large as the input
	// divided by the stride, as with Keras's padding "same".
	Valid bool
	// Pad, if not 0, pads each side by this number of pixels instead, as PyTorch's
	// padding does. With a stride above 1, that differs from Keras's "same".
	Pad int
	// Groups is the number of groups of channels, each convolved by itself; 0 means 1.
	// With as many groups as channels the convolution is depthwise.
	Groups int
	// NoBias leaves out the bias.
	NoBias bool
	// Initial returns the initializer of the weight, given its fan in and fan out; nil
	// means GlorotUniform.
	Initial func(fanIn, fanOut int) Initializer
}

// Conv is a two-dimensional convolution (Keras's Conv2D) of [n, c, h, w], with
// the parameters "<name>.weight" [filters, c/groups, kernel, kernel], Glorot uniform,
// and "<name>.bias" [filters], zeros.
func Conv(name string, o ConvOptions) Layer {
	o.Stride, o.Groups = cmp.Or(o.Stride, 1), cmp.Or(o.Groups, 1)
	if o.Initial == nil {
		o.Initial = GlorotUniform
	}
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		window, ok := slidingWindow(b, name, x, sliding{o.Kernel, o.Stride, o.Pad, o.Valid})
		if !ok || o.Filters < 1 {
			b.Fail("conv %q: %d filters of %dx%d over %s", b.Name(name), o.Filters, o.Kernel, o.Kernel, x.Shape)
			return x
		}
		if o.Groups < 1 || x.Size(1)%o.Groups != 0 || o.Filters%o.Groups != 0 {
			b.Fail("conv %q: %d groups do not divide %d filters over %s", b.Name(name), o.Groups, o.Filters, x.Shape)
			return x
		}
		channels, area := x.Size(1)/o.Groups, o.Kernel*o.Kernel
		var weight, bias *graph.Value
		b.in(name, func() {
			weight = b.Weight(
				Parameter{Name: "weight", Shape: []int{o.Filters, channels, o.Kernel, o.Kernel}, Trainable: true, Decay: true},
				o.Initial(channels*area, o.Filters/o.Groups*area))
			if !o.NoBias {
				bias = b.Weight(Parameter{Name: "bias", Shape: []int{o.Filters}, Trainable: true}, Zeros)
			}
		})
		return b.GroupedConv(b.Name(name), x, weight, bias, window, o.Groups)
	})
}

// sliding describes how the window of a layer moves over images.
type sliding struct {
	kernel, stride, pad int
	valid               bool
}

// slidingWindow returns the window of a layer over the image x.
func slidingWindow(b *Builder, name string, x *graph.Value, s sliding) (op.Window, bool) {
	if len(x.Shape) != 4 || s.kernel < 1 || s.stride < 1 || s.pad < 0 || s.pad >= s.kernel {
		b.Fail("layer %q: a %dx%d window with stride %d and %d pixels of padding over %s, want [n, c, h, w]",
			b.Name(name), s.kernel, s.kernel, s.stride, s.pad, x)
		return op.Window{}, false
	}
	switch {
	case s.pad > 0:
		w := op.Valid(s.kernel, s.stride)
		w.Pads = [4]int{s.pad, s.pad, s.pad, s.pad}
		return w, true
	case s.valid:
		return op.Valid(s.kernel, s.stride), true
	}
	return op.Same(s.kernel, s.stride, x.Size(2), x.Size(3)), true
}

// Dense is a fully connected layer: x·W + b for x [n, features], with the
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
	// Stride is the number of pixels by which the window moves; 0 means Size.
	Stride int
	// Same pads as Keras's padding "same" does. Pads never count in a mean or maximum.
	Same bool
	// Pad, if not 0, pads each side by this number of pixels instead, as PyTorch's padding
	// does.
	Pad int
}

func (o PoolOptions) sliding() sliding {
	return sliding{o.Size, cmp.Or(o.Stride, o.Size), o.Pad, !o.Same}
}

// AveragePool is the mean of each window.
func AveragePool(name string, o PoolOptions) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		window, ok := slidingWindow(b, name, x, o.sliding())
		if !ok {
			return x
		}
		return b.AveragePool(b.Name(name), x, window)
	})
}

// MaxPool is the largest element of each window.
func MaxPool(name string, o PoolOptions) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		window, ok := slidingWindow(b, name, x, o.sliding())
		if !ok {
			return x
		}
		return b.MaxPool(b.Name(name), x, window)
	})
}

// GlobalAveragePool is the mean of each channel: [n, c, h, w] becomes [n, c].
func GlobalAveragePool(name string) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		return b.Flatten(b.Name(name)+".flat", b.GlobalAveragePool(b.Name(name), x))
	})
}

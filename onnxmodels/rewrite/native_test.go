package rewrite

import (
	"fmt"
	"strings"
	"testing"

	"onnxlab/internal/kernels"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/internal/ortrun"
)

// blocks lists the sizes that this processor has kernels for.
func blocks(t *testing.T) []int {
	t.Helper()
	switch kernels.Block() {
	case 16:
		return []int{8, 16}
	case 8:
		return []int{8}
	}
	t.Fatal("this processor has no kernels to test: run the tests on amd64 with AVX2")
	return nil
}

// pack returns plain images in blocks of any size, and unpack what they were;
// ONNX Runtime's own reorders know one size. Few channels stay as they are.
func pack(b *builder, name string, x *graph.Value, block int) *graph.Value {
	n, c, h, w := size(x, 0), size(x, 1), size(x, 2), size(x, 3)
	if c < block {
		return x
	}
	cut := b.View(name+".cut", x, n, c/block, block, h, w)
	return b.View(name+".packed", b.Transpose(name+".turned", cut, 0, 1, 3, 4, 2), n, c, h, w)
}

func unpack(b *builder, name string, x *graph.Value, block int) *graph.Value {
	n, c, h, w := size(x, 0), size(x, 1), size(x, 2), size(x, 3)
	cut := b.View(name+".blocks", x, n, c/block, h, w, block)
	return b.View(name+".unpacked", b.Transpose(name+".back", cut, 0, 1, 4, 2, 3), n, c, h, w)
}

// check compares what native builds with what plain builds, of the same inputs.
func check(t *testing.T, limit float64, plain, native func(b *builder) []*graph.Value) {
	t.Helper()
	nothing := func(*graph.Graph) {}
	b, c := newBuilder(), newBuilder()
	want, got := b.run(t, plain(b), nothing), c.run(t, native(c), nothing)
	for i := range want {
		if e := relativeError(got[i], want[i]); !(e <= limit) {
			t.Errorf("output %d differs by %.2g of its size, want at most %.2g", i, e, limit)
		}
	}
}

// TestNativeConv has images that are not of whole tiles, channels of one block
// and several, and few; and, for the gradient, so many tiles of few channels
// that lanes sum them, and so many of many that there are several parts.
func TestNativeConv(t *testing.T) {
	for _, block := range blocks(t) {
		for name, c := range map[string]struct{ images, inputs, outputs, height, width int }{
			"tiles":         {2, 16, 48, 8, 12},
			"pieces":        {3, 32, 16, 7, 9},
			"one pixel":     {5, 16, 16, 1, 1},
			"many channels": {5, 48, 96, 32, 32},
			"lanes":         {33, 16, 32, 32, 28},
			"colours":       {19, 3, 32, 11, 13},
			"greys":         {2, 1, 16, 8, 8},
		} {
			t.Run(fmt.Sprint(name, " in ", block), func(t *testing.T) {
				convolve := func(native bool) func(b *builder) []*graph.Value {
					return func(b *builder) []*graph.Value {
						x := b.in("x", 0, c.images, c.inputs, c.height, c.width)
						weight, bias := b.in("weight", 0, c.outputs, c.inputs, 3, 3), b.in("bias", 0, c.outputs)
						dy := b.in("dy", 0, c.images, c.outputs, c.height, c.width)
						if !native {
							window := graph.Same(3, 1, c.height, c.width)
							dx, dw, _ := b.ConvGrad("grad", dy, x, weight, window, c.inputs >= block, true, false)
							out := []*graph.Value{b.Conv("conv", x, weight, bias, window), b.Conv("unbiased", x, weight, nil, window), dw}
							if dx != nil {
								out = append(out, dx)
							}
							return out
						}
						x, dy = pack(b, "x", x, block), pack(b, "dy", dy, block)
						out := []*graph.Value{
							unpack(b, "y", b.NativeConv("conv", x, weight, bias, block, false), block),
							unpack(b, "z", b.NativeConv("unbiased", x, weight, nil, block, false), block),
							b.NativeConvWeightGrad("dw", x, dy, block),
						}
						if c.inputs >= block {
							out = append(out, unpack(b, "dx", b.NativeConv("dx", dy, weight, nil, block, true), block))
						}
						return out
					}
				}
				check(t, 3e-6, convolve(false), convolve(true))
			})
		}
	}
}

// TestNativeNorm has channels whose mean is many deviations from 0: no digits
// are lost in the variance.
func TestNativeNorm(t *testing.T) {
	for _, block := range blocks(t) {
		for _, mean := range []float64{0, 10} {
			for _, relu := range []bool{false, true} {
				norm := func(native bool) func(b *builder) []*graph.Value {
					return func(b *builder) []*graph.Value {
						x, dy := b.in("x", mean, 6, 32, 5, 7), b.in("dy", 0, 6, 32, 5, 7)
						scale, bias := b.in("scale", 1, 32), b.in("bias", 0, 32)
						if native {
							x, dy = pack(b, "x", x, block), pack(b, "dy", dy, block)
							y, mean, inverse := b.NativeNorm("norm", x, scale, bias, 1e-3, block, relu)
							dx, dscale, dbias := b.NativeNormGrad("grad", dy, x, scale, bias, mean, inverse, block, relu)
							return []*graph.Value{unpack(b, "y", y, block), mean, inverse, unpack(b, "dx", dx, block), dscale, dbias}
						}
						zero := b.Floats("zero", []int{32}, make([]float32, 32))
						n := b.BatchNormTraining("norm", x, scale, bias, zero, zero, 1e-3)
						y := n.Y
						if relu {
							y = b.Unary("Relu", "relu", y)
							dy = b.ReluGrad("mask", dy, y)
						}
						dx, dscale, dbias := b.BatchNormGrad("grad", dy, x, scale, n.Mean, n.InverseDeviation, 1e-3)
						return []*graph.Value{y, n.Mean, n.InverseDeviation, dx, dscale, dbias}
					}
				}
				t.Run(fmt.Sprintf("%d mean %v relu %v", block, mean, relu), func(t *testing.T) { check(t, 3e-6, norm(false), norm(true)) })
			}
		}
	}
}

// TestNative builds a convolution with its normalisation and all gradients: no
// operators but onnxlab's own are left of them, and the ReLU is in them.
func TestNative(t *testing.T) {
	build := func(b *builder) []*graph.Value {
		window := graph.Same(3, 1, 8, 8)
		x, weight := b.in("x", 0, 4, 16, 8, 8), b.in("weight", 0, 32, 16, 3, 3)
		scale, zero := b.in("scale", 1, 32), b.Floats("zero", []int{32}, make([]float32, 32))
		y := b.Conv("conv", x, weight, nil, window)
		n := b.BatchNormTraining("norm", y, scale, b.in("bias", 0, 32), zero, zero, 1e-3)
		z := b.Unary("Relu", "relu", n.Y)
		dy, dscale, dbias := b.BatchNormGrad("norm_grad", b.ReluGrad("relu_grad", b.in("dz", 0, 4, 32, 8, 8), z), y, scale, n.Mean, n.InverseDeviation, 1e-3)
		dx, dw, _ := b.ConvGrad("conv_grad", dy, x, weight, window, true, true, false)
		return []*graph.Value{z, n.Mean, dscale, dbias, dx, dw}
	}
	for _, op := range []string{"Relu", "HardSigmoid"} {
		b := newBuilder()
		for _, v := range build(b) {
			b.Output(v)
		}
		if Native(b.Graph); b.count("", op) != 0 {
			t.Errorf("%d %s are left", b.count("", op), op)
		}
	}
	for _, op := range []string{"BatchNormInternal", "BatchNormalizationGrad", "ConvGrad", "ReluGrad"} {
		compare(t, graph.Microsoft, op, 5e-6, Native, build)
	}
	compare(t, "", "Conv", 5e-6, Native, build)
}

// TestNativeRefuses has models that no one means: an error, and nothing else.
func TestNativeRefuses(t *testing.T) {
	block := kernels.Block()
	for want, build := range map[string]func(b *builder) *graph.Value{
		"shapes of this operator": func(b *builder) *graph.Value {
			return b.NativeConv("conv", b.in("x", 0, 2, 32, 8, 8), b.in("weight", 0, 32, 16, 3, 3), nil, block, false)
		},
		"the shapes": func(b *builder) *graph.Value {
			return b.NativeConvWeightGrad("grad", b.in("x", 0, 2, 32, 8, 8), b.in("dy", 0, 2, 32, 8, 9), block)
		},
		"have the shapes": func(b *builder) *graph.Value {
			y, _, _ := b.NativeNorm("norm", b.in("x", 0, 2, 32, 8, 8), b.in("scale", 0, 16), b.in("bias", 0, 32), 1e-3, block, true)
			return y
		},
		"the inputs do not": func(b *builder) *graph.Value {
			x, v := b.in("x", 0, 2, 32, 8, 8), b.in("scale", 0, 32)
			dx, _, _ := b.NativeNormGrad("norm", b.in("dy", 0, 1, 32, 8, 8), x, v, v, v, v, block, true)
			return dx
		},
		"no kernels for the operator's block": func(b *builder) *graph.Value {
			return b.NativeConv("conv", b.in("x", 0, 2, 32, 8, 8), b.in("weight", 0, 32, 32, 3, 3), nil, 32, false)
		},
	} {
		b := newBuilder()
		b.Output(build(b))
		m, err := b.Model()
		if err != nil {
			t.Fatal(err)
		}
		if err := ortrun.Try(t, m, b.inputs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

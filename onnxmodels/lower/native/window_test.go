package native

import (
	"fmt"
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/lower/lowertest"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/kernels"
)

func lowerGiven(g *graph.Graph) { LowerGiven(g, kernels.Block()) }

// TestNativeWindows has convolutions of all windows that given models have, and their
// gradients, by ONNX Runtime's operators and by onnxlab's.
func TestNativeWindows(t *testing.T) {
	for name, c := range map[string]struct {
		inputs, outputs, height, width int
		window                         op.Window
	}{
		"half":            {32, 48, 9, 12, op.Window{Kernel: [2]int{3, 3}, Strides: [2]int{2, 2}, Pads: [4]int{1, 1, 1, 1}}},
		"half, as Keras":  {16, 32, 8, 8, op.Same(3, 2, 8, 8)},
		"pointwise":       {48, 16, 7, 5, op.Valid(1, 1)},
		"pointwise, half": {16, 32, 8, 9, op.Valid(1, 2)},
		"stem":            {3, 64, 20, 22, op.Window{Kernel: [2]int{7, 7}, Strides: [2]int{2, 2}, Pads: [4]int{3, 3, 3, 3}}},
		"patches":         {3, 32, 16, 16, op.Valid(8, 8)},
		"row":             {16, 16, 6, 9, op.Window{Kernel: [2]int{1, 7}, Strides: [2]int{1, 1}, Pads: [4]int{0, 3, 0, 3}}},
		"few pixels":      {32, 32, 2, 2, op.Same(3, 1, 2, 2)},
		"rest left out":   {16, 16, 8, 8, op.Valid(3, 2)},
		// No processor's blocks divide 27 and 45.
		"part of a block":            {27, 45, 9, 12, op.Same(3, 1, 9, 12)},
		"part of a block, half":      {45, 27, 9, 12, op.Same(3, 2, 9, 12)},
		"part of a block, few":       {27, 45, 2, 2, op.Same(3, 1, 2, 2)},
		"part of a block, pointwise": {27, 45, 7, 5, op.Valid(1, 1)},
		"part of a block, stem":      {3, 45, 11, 12, op.Same(3, 2, 11, 12)},
	} {
		t.Run(name, func(t *testing.T) {
			build := func(b *lowertest.Builder) []*graph.Value {
				x := b.In("x", 0, 3, c.inputs, c.height, c.width)
				weight := b.In("weight", 0, c.outputs, c.inputs, c.window.Kernel[0], c.window.Kernel[1])
				y := b.Conv("conv", x, weight, b.In("bias", 0, c.outputs), c.window)
				dx, dw, db := b.ConvGrad("grad", b.In("dy", 0, y.Shape.Sizes()...), x, weight, c.window, op.ConvOperands{X: c.inputs > 3, Weight: true, Bias: true})
				if dx == nil {
					return []*graph.Value{y, dw, db}
				}
				return []*graph.Value{y, dx, dw, db}
			}
			lowertest.Compare(t, "", "Conv", 3e-6, lowerGiven, build)
			lowertest.Compare(t, op.Microsoft, "ConvGrad", 3e-6, lowerGiven, build)
		})
	}
}

// TestNativeMaxPool has images in which many pixels are equal, as they are behind a ReLU.
func TestNativeMaxPool(t *testing.T) {
	half := op.Window{Kernel: [2]int{3, 3}, Strides: [2]int{2, 2}, Pads: [4]int{1, 1, 1, 1}}
	for name, c := range map[string]struct {
		channels int
		window   op.Window
	}{
		"overlapping":     {32, half},
		"tiles":           {32, op.Valid(2, 2)},
		"dense":           {32, op.Same(3, 1, 9, 7)},
		"part of a block": {27, half},
	} {
		t.Run(name, func(t *testing.T) {
			build := func(b *lowertest.Builder) []*graph.Value {
				x := b.Unary("Relu", "relu", b.In("x", 0, 3, c.channels, 9, 7))
				pool := b.Do("", "MaxPool", op.Call{Name: "pool", Inputs: []*graph.Value{x}, Attributes: c.window.Attributes(), Want: []bool{true, true}})
				dy := b.In("dy", 0, pool[0].Shape.Sizes()...)
				dx := b.Do(op.Marked, "MaxPoolGrad", op.Call{Name: "grad", Inputs: []*graph.Value{dy, pool[1], x}})[0]
				return []*graph.Value{pool[0], dx}
			}
			plain, native := lowertest.New(), lowertest.New()
			want, got := plain.Run(t, build(plain), lower.Portable), native.Run(t, build(native), lowerGiven)
			lowertest.CheckClose(t, got, want, 1e-6)
			if n := native.Count("", "MaxPool") + native.Count("", "ScatterElements"); n != 0 {
				t.Errorf("%d of ONNX Runtime's operators are left", n)
			}
		})
	}
}

// TestNativeDepthwise has normalised images between depthwise convolutions, with the ReLU6 that
// is usual there, and all gradients.
func TestNativeDepthwise(t *testing.T) {
	half := op.Window{Kernel: [2]int{3, 3}, Strides: [2]int{2, 2}, Pads: [4]int{1, 1, 1, 1}}
	for name, c := range map[string]struct {
		channels int
		window   op.Window
	}{
		"same":                  {32, op.Same(3, 1, 9, 7)},
		"half":                  {32, half},
		"five":                  {32, op.Same(5, 1, 9, 7)},
		"five, half":            {32, op.Window{Kernel: [2]int{5, 5}, Strides: [2]int{2, 2}, Pads: [4]int{2, 2, 2, 2}}},
		"part of a block":       {27, op.Same(3, 1, 9, 7)},
		"part of a block, half": {27, half},
	} {
		t.Run(name, func(t *testing.T) {
			w := c.window
			build := func(b *lowertest.Builder) []*graph.Value {
				channel := func(name string, mean float64) *graph.Value { return b.In(name, mean, c.channels) }
				x, scale, bias, zero := b.In("x", 0, 4, c.channels, 9, 7), channel("scale", 2), channel("bias", 2), channel("zero", 0)
				norm := b.BatchNormTraining("norm", x, scale, bias, zero, zero, 1e-3)
				relu := b.Do("", "Clip", op.Call{Name: "relu6", Inputs: []*graph.Value{norm.Y, b.Scalar("low", 0), b.Scalar("high", 2)}})[0]
				weight := b.In("weight", 0, c.channels, 1, w.Kernel[0], w.Kernel[1])
				group := graph.Attribute{Name: "group", Value: int64(c.channels)}
				y := b.Do("", "Conv", op.Call{Name: "conv", Inputs: []*graph.Value{relu, weight}, Attributes: append(w.Attributes(), group)})[0]
				grads := b.Do(op.Microsoft, "ConvGrad", op.Call{
					Name: "grad", Inputs: []*graph.Value{b.In("dy", 0, y.Shape.Sizes()...), relu, weight},
					Attributes: append(w.Attributes(), group), Want: []bool{true, true},
				})
				masked := b.Do(op.Marked, "ClipGrad", op.Call{Name: "mask", Inputs: []*graph.Value{grads[0], relu}, Attributes: []graph.Attribute{
					{Name: "low", Value: float32(0)}, {Name: "high", Value: float32(2)},
				}})[0]
				dx, dscale, dbias := b.BatchNormGrad("norm_grad", masked, x, scale, norm.Mean, norm.InverseDeviation, 1e-3)
				return []*graph.Value{y, grads[1], dx, dscale, dbias}
			}
			plain, native := lowertest.New(), lowertest.New()
			want, got := plain.Run(t, build(plain), lower.Portable), native.Run(t, build(native), lowerGiven)
			lowertest.CheckClose(t, got, want, 5e-6)
			if n := native.Count("", "Conv") + native.Count(op.Microsoft, "ConvGrad") + native.Count("", "Clip") + native.Count("", "HardSigmoid"); n != 0 {
				t.Errorf("%d of ONNX Runtime's operators are left", n)
			}
		})
	}
}

// TestNativeGemm has the products of a dense layer and its gradients.
func TestNativeGemm(t *testing.T) {
	build := func(b *lowertest.Builder) []*graph.Value {
		x, weight, dy := b.In("x", 0, 70, 48), b.In("weight", 0, 32, 48), b.In("dy", 0, 70, 32)
		return []*graph.Value{
			b.Gemm("y", x, weight, b.In("bias", 0, 32), op.GemmOptions{TransposeB: true}),
			b.Gemm("dx", dy, weight, nil, op.GemmOptions{}),
			b.Gemm("dw", dy, x, nil, op.GemmOptions{TransposeA: true}),
		}
	}
	lowertest.Compare(t, "", "Gemm", 2e-6, lowerGiven, build)
}

// TestEndConvolutions has a residual connection: its addition and ReLU go into a convolution.
func TestEndConvolutions(t *testing.T) {
	build := func(b *lowertest.Builder) []*graph.Value {
		window := op.Same(3, 1, 8, 8)
		x := b.In("x", 0, 2, 16, 8, 8)
		first := b.Unary("Relu", "relu", b.Conv("first", x, b.In("w1", 0, 16, 16, 3, 3), b.In("bias", 0, 16), window))
		second := b.Conv("second", first, b.In("w2", 0, 16, 16, 3, 3), nil, window)
		sum := b.Unary("Relu", "last", b.Binary("Add", "sum", second, first))
		return []*graph.Value{b.Conv("third", sum, b.In("w3", 0, 32, 16, 1, 1), nil, op.Valid(1, 1))}
	}
	plain, native := lowertest.New(), lowertest.New()
	want, got := plain.Run(t, build(plain), lowertest.Nothing), native.Run(t, build(native), lowerGiven)
	lowertest.CheckClose(t, got, want, 3e-6)
	if n := native.Count("", "Relu") + native.Count("", "Add"); n != 0 {
		t.Errorf("%d additions and ReLUs are left", n)
	}
}

// TestFilledBlocks has operators between convolutions whose channels do not make whole blocks.
// Sigmoid turns the zeros that fill up a block into other numbers, which must not matter.
// Reciprocal would turn them into infinity, so it must not see them.
func TestFilledBlocks(t *testing.T) {
	build := func(b *lowertest.Builder) []*graph.Value {
		window := op.Same(3, 1, 8, 8)
		first := b.Conv("first", b.In("x", 0, 2, 45, 8, 8), b.In("w1", 0, 27, 45, 3, 3), b.In("bias", 0, 27), window)
		sigmoid := b.Unary("Sigmoid", "sigmoid", first)
		second := b.Conv("second", sigmoid, b.In("w2", 0, 27, 27, 3, 3), b.In("far from 0", 100, 27), window)
		inverse := b.Unary("Reciprocal", "inverse", second)
		return []*graph.Value{b.Conv("third", inverse, b.In("w3", 0, 45, 27, 1, 1), nil, op.Valid(1, 1))}
	}
	plain, native := lowertest.New(), lowertest.New()
	want, got := plain.Run(t, build(plain), lowertest.Nothing), native.Run(t, build(native), lowerGiven)
	lowertest.CheckClose(t, got, want, 3e-6)
	for name, count := range map[string]int{"ReorderInput": 2, "ReorderOutput": 2} {
		if n := native.Count(Domain, name); n != count {
			t.Errorf("%d %s are left, want %d", n, name, count)
		}
	}
}

// TestCutBlocks joins and cuts images along each dimension between convolutions, with channels
// that make whole blocks and with others. Only whole blocks and whole images may be cut while
// blocked.
func TestCutBlocks(t *testing.T) {
	for _, channels := range []int{32, 27} {
		for axis := range 3 {
			t.Run(fmt.Sprint(channels, " channels along ", axis), func(t *testing.T) {
				build := func(b *lowertest.Builder) []*graph.Value {
					x, cut := b.In("x", 0, 2, 16, 4, 6), graph.Attribute{Name: "axis", Value: int64(axis)}
					conv := func(name string, x *graph.Value) *graph.Value {
						return b.Conv(name, x, b.In(name+".weight", 0, channels, x.Size(1), 1, 1), b.In(name+".bias", 0, channels), op.Valid(1, 1))
					}
					parts := []*graph.Value{conv("first", x), conv("second", x)}
					joined := b.Do("", "Concat", op.Call{Name: "joined", Inputs: parts, Attributes: []graph.Attribute{cut}})[0]
					parts = b.Do("", "Split", op.Call{
						Name: "parts", Inputs: []*graph.Value{b.Unary("Relu", "relu", joined)}, Attributes: []graph.Attribute{cut}, Want: []bool{true, true},
					})
					return []*graph.Value{conv("third", parts[0]), conv("fourth", parts[1]), conv("fifth", joined)}
				}
				plain, native := lowertest.New(), lowertest.New()
				want, got := plain.Run(t, build(plain), lowertest.Nothing), native.Run(t, build(native), lowerGiven)
				lowertest.CheckClose(t, got, want, 3e-6)
			})
		}
	}
}

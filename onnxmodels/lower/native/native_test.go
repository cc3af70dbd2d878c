package native

import (
	"fmt"
	"strings"
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower/cpu"
	"onnxlab/onnxmodels/lower/lowertest"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/kernels"
	"onnxlab/ort/ortrun"
)

// blocks lists the sizes that this processor has kernels for.
func blocks(t *testing.T) []int {
	t.Helper()
	switch kernels.Block() {
	case 16:
		return []int{8, 16}
	case 0:
		t.Fatal("this processor has no kernels to test: run the tests on amd64 with AVX2, or on arm64")
	}
	return []int{kernels.Block()}
}

// lowerNative lowers for this processor.
func lowerNative(g *graph.Graph) { Lower(g, kernels.Block()) }

// pack returns plain images in blocks of any size, and unpack turns them back; ONNX
// Runtime's own reorders know only one size. Images of few channels stay as they are.
func pack(b *lowertest.Builder, name string, x *graph.Value, block int) *graph.Value {
	n, c, h, w := x.Size(0), x.Size(1), x.Size(2), x.Size(3)
	if c < block {
		return x
	}
	cut := b.View(name+".cut", x, n, c/block, block, h, w)
	return b.View(name+".packed", b.Transpose(name+".inner", cut, 0, 1, 3, 4, 2), n, c, h, w)
}

func unpack(b *lowertest.Builder, name string, x *graph.Value, block int) *graph.Value {
	n, c, h, w := x.Size(0), x.Size(1), x.Size(2), x.Size(3)
	cut := b.View(name+".blocks", x, n, c/block, h, w, block)
	return b.View(name+".unpacked", b.Transpose(name+".back", cut, 0, 1, 4, 2, 3), n, c, h, w)
}

// check compares the outputs of the graph that native builds with those of plain's
// graph, for the same inputs.
func check(t *testing.T, limit float64, plain, native func(b *lowertest.Builder) []*graph.Value) {
	t.Helper()
	b, c := lowertest.New(), lowertest.New()
	want, got := b.Run(t, plain(b), lowertest.Nothing), c.Run(t, native(c), lowertest.Nothing)
	for i := range want {
		if e := lowertest.RelativeError(got[i], want[i]); !(e <= limit) {
			t.Errorf("output %d differs by %.2g of its size, want at most %.2g", i, e, limit)
		}
	}
}

// TestNativeConv compares with ONNX Runtime's operators. Some images are not whole
// tiles, and they have few channels, one block or several blocks. For the gradient,
// "split" has so many tiles and so few channels that the sum is split, and "many
// channels" is summed in more than one chunk. Package ort/kernels compares the kernels
// themselves with plain loops over more shapes.
func TestNativeConv(t *testing.T) {
	for _, block := range blocks(t) {
		for name, c := range map[string]struct{ images, inputs, outputs, height, width int }{
			"tiles":         {2, 16, 48, 8, 12},
			"pieces":        {3, 32, 16, 7, 9},
			"one pixel":     {5, 16, 16, 1, 1},
			"many channels": {5, 48, 96, 32, 32},
			"split":         {33, 16, 32, 32, 28},
			"colours":       {19, 3, 32, 11, 13},
			"greys":         {2, 1, 16, 8, 8},
		} {
			t.Run(fmt.Sprint(name, " in ", block), func(t *testing.T) {
				convolve := func(native bool) func(b *lowertest.Builder) []*graph.Value {
					return func(b *lowertest.Builder) []*graph.Value {
						x := b.In("x", 0, c.images, c.inputs, c.height, c.width)
						weight, bias := b.In("weight", 0, c.outputs, c.inputs, 3, 3), b.In("bias", 0, c.outputs)
						dy := b.In("dy", 0, c.images, c.outputs, c.height, c.width)
						if !native {
							window := op.Same(3, 1, c.height, c.width)
							dx, dw, _ := b.ConvGrad("grad", dy, x, weight, window, op.ConvOperands{X: c.inputs >= block, Weight: true})
							out := []*graph.Value{b.Conv("conv", x, weight, bias, window), b.Conv("unbiased", x, weight, nil, window), dw}
							if dx != nil {
								out = append(out, dx)
							}
							return out
						}
						x, dy = pack(b, "x", x, block), pack(b, "dy", dy, block)
						out := []*graph.Value{
							unpack(b, "y", On(b.Graph, block).NativeConv("conv", x, weight, bias, Window{}), block),
							unpack(b, "z", On(b.Graph, block).NativeConv("unbiased", x, weight, nil, Window{}), block),
							On(b.Graph, block).NativeConvWeightGrad("dw", x, dy, weight, Window{}),
						}
						if c.inputs >= block {
							out = append(out, unpack(b, "dx", On(b.Graph, block).NativeConvInputGrad("dx", dy, weight, Window{}), block))
						}
						return out
					}
				}
				check(t, 3e-6, convolve(false), convolve(true))
			})
		}
	}
}

// normOf builds batch normalisation from ONNX Runtime's operators, with what may
// follow it, and its gradient with respect to the pool's input.
func normOf(b *lowertest.Builder, name string, x, scale, bias *graph.Value, relu bool, pool int) (n op.BatchNorm, grad func(dy *graph.Value) (dx, dscale, dbias *graph.Value)) {
	zero := b.Floats(name+".zero", []int{x.Size(1)}, make([]float32, x.Size(1)))
	n = b.BatchNormTraining(name, x, scale, bias, zero, zero, 1e-3)
	z := n.Y
	if relu {
		z = b.Unary("Relu", name+".relu", z)
	}
	y := z
	if pool > 1 {
		y = b.AveragePool(name+".pool", z, op.Valid(pool, pool))
	}
	return op.BatchNorm{Y: y, Mean: n.Mean, InverseDeviation: n.InverseDeviation}, func(dy *graph.Value) (dx, dscale, dbias *graph.Value) {
		if pool > 1 {
			dy = b.Do(op.Marked, "AveragePoolGrad", op.Call{
				Name: name + ".spread", Inputs: []*graph.Value{dy, z}, Attributes: op.Valid(pool, pool).Attributes(),
			})[0]
		}
		if relu {
			dy = b.ReluGrad(name+".mask", dy, z)
		}
		return b.BatchNormGrad(name+".grad", dy, x, scale, n.Mean, n.InverseDeviation, 1e-3)
	}
}

// TestNativeBatchNorm has channels whose mean is many deviations from 0. The variance
// must lose no digits.
func TestNativeBatchNorm(t *testing.T) {
	for _, block := range blocks(t) {
		for _, mean := range []float64{0, 10} {
			for _, o := range []BatchNormOptions{{}, {ReLU: true}, {Pool: 2}, {ReLU: true, Pool: 2}, {ReLU: true, Pool: 3}} {
				norm := func(native bool) func(b *lowertest.Builder) []*graph.Value {
					return func(b *lowertest.Builder) []*graph.Value {
						pool := max(o.Pool, 1)
						x, dy := b.In("x", mean, 6, 32, 6, 12), b.In("dy", 0, 6, 32, 6/pool, 12/pool)
						scale, bias := b.In("scale", 1, 32), b.In("bias", 0, 32)
						if native {
							x, dy = pack(b, "x", x, block), pack(b, "dy", dy, block)
							n := On(b.Graph, block).NativeBatchNorm("norm", x, scale, bias, 1e-3, o)
							dx, dscale, dbias := On(b.Graph, block).NativeBatchNormGrad("grad", dy, x, Norm{scale, bias, n.Mean, n.InverseDeviation}, o)
							return []*graph.Value{unpack(b, "y", n.Y, block), n.Mean, n.InverseDeviation, unpack(b, "dx", dx, block), dscale, dbias, n.Variance}
						}
						n, grad := normOf(b, "norm", x, scale, bias, o.ReLU, pool)
						dx, dscale, dbias := grad(dy)
						square := b.Binary("Mul", "square", n.InverseDeviation, n.InverseDeviation)
						variance := b.Binary("Sub", "variance", b.Unary("Reciprocal", "with_epsilon", square), b.Scalar("epsilon", 1e-3))
						return []*graph.Value{n.Y, n.Mean, n.InverseDeviation, dx, dscale, dbias, variance}
					}
				}
				t.Run(fmt.Sprintf("%d mean %v %+v", block, mean, o), func(t *testing.T) { check(t, 3e-6, norm(false), norm(true)) })
			}
		}
	}
}

// TestFuseNorms has one normalisation that two convolutions read and two
// normalisations before pools. Their inputs are so far from 0 that sums of squares
// would lose digits, and are measured in several parts, the last of which is smaller.
// None of the original operators may remain.
func TestFuseNorms(t *testing.T) {
	build := func(b *lowertest.Builder) []*graph.Value {
		window := op.Same(3, 1, 6, 10)
		vectors := func(name string, channels int) (scale, bias *graph.Value) {
			return b.In(name+".scale", 1, channels), b.In(name+".bias", 0, channels)
		}
		x := b.In("x", 1, 10, 32, 6, 10)
		scale1, bias1 := vectors("1", 32)
		scale2, bias2 := vectors("2", 16)
		scale3, bias3 := vectors("3", 16)
		w2, w3 := b.In("w2", 0, 16, 32, 3, 3), b.In("w3", 0, 16, 32, 3, 3)
		n1, grad1 := normOf(b, "norm1", x, scale1, bias1, true, 1)
		n2, grad2 := normOf(b, "norm2", b.Conv("conv2", n1.Y, w2, b.In("b2", 100, 16), window), scale2, bias2, true, 2)
		n3, grad3 := normOf(b, "norm3", b.Conv("conv3", n1.Y, w3, nil, window), scale3, bias3, false, 2)

		dx2, dscale2, dbias2 := grad2(b.In("dy2", 0, 10, 16, 3, 5))
		dx3, dscale3, dbias3 := grad3(b.In("dy3", 0, 10, 16, 3, 5))
		d2, dw2, _ := b.ConvGrad("grad2", dx2, n1.Y, w2, window, op.ConvOperands{X: true, Weight: true})
		d3, dw3, _ := b.ConvGrad("grad3", dx3, n1.Y, w3, window, op.ConvOperands{X: true, Weight: true})
		dx, dscale1, dbias1 := grad1(b.Binary("Add", "sum", d2, d3))
		return []*graph.Value{n2.Y, n3.Y, n1.Mean, n3.InverseDeviation, dx, dw2, dw3, dscale1, dbias1, dscale2, dbias2, dscale3, dbias3}
	}
	b := lowertest.New()
	for _, v := range build(b) {
		b.Output(v)
	}
	lowerNative(b.Graph)
	for domain, names := range map[string][]string{"": {"Relu", "AveragePool", "Resize"}, cpu.Blocked: {"AveragePool", "Upsample"}} {
		for _, name := range names {
			if n := b.Count(domain, name); n != 0 {
				t.Errorf("%d %s are left", n, name)
			}
		}
	}
	for _, n := range b.Nodes {
		if n.Op != "BatchNorm" {
			continue
		}
		first := n.In("X").Producer().Op == "ReorderInput"
		if first != (n.Out("Y") == nil) {
			t.Errorf("%s: its result %v, want none where only convolutions read it", n.Name, n.Out("Y"))
		}
		if first != (n.In("Moments") == nil) {
			t.Errorf("%s: moments %v, want them where a convolution measures them", n.Name, n.In("Moments"))
		}
	}
	lowertest.Compare(t, op.Microsoft, "BatchNormInternal", 5e-6, lowerNative, build)
}

// TestFuseTwoNorms has two normalisations of the same convolution. One goes on and the
// other is added to it, as in a residual block.
func TestFuseTwoNorms(t *testing.T) {
	lowertest.Compare(t, op.Microsoft, "BatchNormInternal", 5e-6, lowerNative, func(b *lowertest.Builder) []*graph.Value {
		y := b.Conv("conv", b.In("x", 0, 3, 16, 8, 8), b.In("weight", 0, 16, 16, 3, 3), nil, op.Same(3, 1, 8, 8))
		shortcut, _ := normOf(b, "shortcut", y, b.In("s.scale", 1, 16), b.In("s.bias", 0, 16), false, 1)
		main, _ := normOf(b, "main", y, b.In("m.scale", 1, 16), b.In("m.bias", 0, 16), true, 1)
		return []*graph.Value{b.Binary("Add", "sum", shortcut.Y, main.Y), main.Mean, shortcut.InverseDeviation}
	})
}

// TestFuseImage has the first layers of a network, whose images are bytes.
func TestFuseImage(t *testing.T) {
	lowertest.Compare(t, "", "Cast", 5e-6, lowerNative, func(b *lowertest.Builder) []*graph.Value {
		const images, height, width = 5, 9, 7
		image, weight := b.Bytes("image", images, height, width, 3), b.In("weight", 0, 16, 3, 3, 3)
		window := op.Same(3, 1, height, width)
		x := b.ImageInput("x", image, 1.0/255, graph.Float)
		n, grad := normOf(b, "norm", b.Conv("conv", x, weight, nil, window), b.In("scale", 1, 16), b.In("bias", 0, 16), true, 1)
		dx, dscale, dbias := grad(b.In("dy", 0, images, 16, height, width))
		_, dw, _ := b.ConvGrad("conv_grad", dx, x, weight, window, op.ConvOperands{Weight: true})
		return []*graph.Value{n.Y, n.Mean, n.InverseDeviation, dw, dscale, dbias}
	})
}

// TestNative builds a convolution with its normalisation and all gradients. Only
// onnxlab's own operators may remain, and they include the ReLU.
func TestNative(t *testing.T) {
	build := func(b *lowertest.Builder) []*graph.Value {
		window := op.Same(3, 1, 8, 8)
		x, weight := b.In("x", 0, 4, 16, 8, 8), b.In("weight", 0, 32, 16, 3, 3)
		scale, zero := b.In("scale", 1, 32), b.Floats("zero", []int{32}, make([]float32, 32))
		y := b.Conv("conv", x, weight, nil, window)
		n := b.BatchNormTraining("norm", y, scale, b.In("bias", 0, 32), zero, zero, 1e-3)
		z := b.Unary("Relu", "relu", n.Y)
		dy, dscale, dbias := b.BatchNormGrad("norm_grad", b.ReluGrad("relu_grad", b.In("dz", 0, 4, 32, 8, 8), z), y, scale, n.Mean, n.InverseDeviation, 1e-3)
		dx, dw, _ := b.ConvGrad("conv_grad", dy, x, weight, window, op.ConvOperands{X: true, Weight: true})
		return []*graph.Value{z, n.Mean, dscale, dbias, dx, dw}
	}
	for _, name := range []string{"Relu", "HardSigmoid"} {
		b := lowertest.New()
		for _, v := range build(b) {
			b.Output(v)
		}
		if lowerNative(b.Graph); b.Count("", name) != 0 {
			t.Errorf("%d %s are left", b.Count("", name), name)
		}
	}
	for _, name := range []string{"BatchNormInternal", "BatchNormalizationGrad", "ConvGrad", "ReluGrad"} {
		lowertest.Compare(t, op.Microsoft, name, 5e-6, lowerNative, build)
	}
	lowertest.Compare(t, "", "Conv", 5e-6, lowerNative, build)
}

// TestNativeRefuses has models that no exporter would write. They must give an error,
// and nothing worse.
func TestNativeRefuses(t *testing.T) {
	block := kernels.Block()
	for want, build := range map[string]func(b *lowertest.Builder) *graph.Value{
		"shapes of this operator": func(b *lowertest.Builder) *graph.Value {
			return On(b.Graph, block).NativeConv("conv", b.In("x", 0, 2, 32, 8, 8), b.In("weight", 0, 32, 16, 3, 3), nil, Window{})
		},
		"the shapes": func(b *lowertest.Builder) *graph.Value {
			return On(b.Graph, block).NativeConvWeightGrad("grad", b.In("x", 0, 2, 32, 8, 8), b.In("dy", 0, 2, 32, 8, 9), b.In("weight", 0, 32, 32, 3, 3), Window{})
		},
		"have the shapes": func(b *lowertest.Builder) *graph.Value {
			n := On(b.Graph, block).NativeBatchNorm("norm", b.In("x", 0, 2, 32, 8, 8), b.In("scale", 0, 16), b.In("bias", 0, 32), 1e-3, BatchNormOptions{ReLU: true})
			return n.Y
		},
		"the inputs do not": func(b *lowertest.Builder) *graph.Value {
			x, v := b.In("x", 0, 2, 32, 8, 8), b.In("scale", 0, 32)
			dx, _, _ := On(b.Graph, block).NativeBatchNormGrad("norm", b.In("dy", 0, 1, 32, 8, 8), x, Norm{v, v, v, v}, BatchNormOptions{ReLU: true})
			return dx
		},
		"do not have the shapes": func(b *lowertest.Builder) *graph.Value { // windows that do not tile
			n := On(b.Graph, block).NativeBatchNorm("norm", b.In("x", 0, 2, 32, 8, 8), b.In("scale", 0, 32), b.In("bias", 0, 32), 1e-3, BatchNormOptions{Pool: 3})
			return n.Y
		},
		"not have the shapes of": func(b *lowertest.Builder) *graph.Value { // a norm of other channels
			v := b.In("scale", 0, 32)
			norm := On(b.Graph, block).NativeBatchNorm("norm", b.In("y", 0, 2, 32, 8, 8), v, v, 1e-3, BatchNormOptions{})
			y := On(b.Graph, block).NativeConv("conv", b.In("x", 0, 2, 16, 8, 8), b.In("weight", 0, 32, 16, 3, 3), nil, Window{})
			normalise(y.Producer(), norm.Y.Producer())
			y.Producer().Inputs[0] = b.Inputs[2]
			return y
		},
		"the shapes of this": func(b *lowertest.Builder) *graph.Value { // moments of other channels
			v := b.In("scale", 0, 32)
			conv := On(b.Graph, block).NativeConv("conv", b.In("x", 0, 2, 16, 8, 8), b.In("weight", 0, 16, 16, 3, 3), nil, Window{})
			norm := On(b.Graph, block).NativeBatchNorm("norm", b.In("y", 0, 2, 32, 8, 8), v, v, 1e-3, BatchNormOptions{})
			On(b.Graph, block).measure(conv.Producer(), norm.Y.Producer())
			return norm.Y
		},
		"not have the shapes of this": func(b *lowertest.Builder) *graph.Value { // bytes of many channels
			conv := On(b.Graph, block).NativeConv("conv", b.In("x", 0, 2, 16, 8, 8), b.In("weight", 0, 16, 16, 3, 3), nil, Window{})
			conv.Producer().SetIn("X", b.Bytes("image", 2, 8, 8, 16))
			conv.Producer().Set("scale", float32(1))
			return conv
		},
		"shapes of this": func(b *lowertest.Builder) *graph.Value { // a scale that is not x's last dimension
			return refused(b, "LayerNorm", block, b.In("x", 0, 2, 64), b.In("scale", 1, 32))
		},
		"have the shapes of this operator": func(b *lowertest.Builder) *graph.Value { // a scale of more dimensions than x
			return refused(b, "LayerNorm", block, b.In("x", 0, 128), b.In("scale", 1, 2, 64))
		},
		"inputs do not have": func(b *lowertest.Builder) *graph.Value { // five dimensions
			return refused(b, "LayerNorm", block, b.In("x", 0, 1, 1, 1, 2, 32), b.In("scale", 1, 32))
		},
		"inputs do not have the shapes": func(b *lowertest.Builder) *graph.Value { // part of a block, of any size
			return refused(b, "LayerNorm", block, b.In("x", 0, 2, 18), b.In("scale", 1, 18))
		},
		"the inputs do not have": func(b *lowertest.Builder) *graph.Value { // statistics of other rows
			x, scale := b.In("x", 0, 2, 32), b.In("scale", 1, 32)
			return refused(b, "LayerNormGrad", block, b.In("dy", 0, 2, 32), x, scale, b.In("mean", 0, 2), b.In("inverse", 1, 1))
		},
		"the inputs do not have the shapes": func(b *lowertest.Builder) *graph.Value { // a gradient of other rows
			x, scale := b.In("x", 0, 2, 32), b.In("scale", 1, 32)
			return refused(b, "LayerNormGrad", block, b.In("dy", 0, 1, 32), x, scale, b.In("mean", 0, 2), b.In("inverse", 1, 2))
		},
		"the inputs do not have the shapes of": func(b *lowertest.Builder) *graph.Value {
			return refused(b, "GeluGrad", block, b.In("dy", 0, 3, 5), b.In("x", 0, 5, 3))
		},
		"no kernels for the operator's block": func(b *lowertest.Builder) *graph.Value {
			return On(b.Graph, 32).NativeConv("conv", b.In("x", 0, 2, 32, 8, 8), b.In("weight", 0, 32, 32, 3, 3), nil, Window{})
		},
	} {
		b := lowertest.New()
		b.Output(build(b))
		m, err := b.Model()
		if err != nil {
			t.Fatal(err)
		}
		if err := ortrun.Try(t, m, b.Fed...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// refused appends one of onnxlab's operators and returns its first output.
func refused(b *lowertest.Builder, name string, block int, inputs ...*graph.Value) *graph.Value {
	return b.Do(Domain, name, op.Call{Name: name, Inputs: inputs, Attributes: []graph.Attribute{{Name: "block", Value: int64(block)}}})[0]
}

package cpu

import (
	"runtime"
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/lower/lowertest"
	"onnxlab/onnxmodels/op"
)

// block is the block size of the processor that runs the tests: its kernels accept no other.
func block(t *testing.T) int {
	t.Helper()
	size := BlockSize()
	if runtime.GOARCH == "arm64" {
		t.Skip("ONNX Runtime has no operators on blocks on ARM")
	}
	if size == 0 {
		t.Fatal("this processor has no blocked kernels to test: run the tests on amd64 with AVX2")
	}
	return size
}

func TestThreadReluGrad(t *testing.T) {
	lowertest.Compare(t, op.Microsoft, "ReluGrad", 0, func(g *graph.Graph) { On(g, 0).threadReluGrad() }, func(b *lowertest.Builder) []*graph.Value {
		y := b.Unary("Relu", "relu", b.In("x", 0, 2, 3, 4, 5))
		return []*graph.Value{b.ReluGrad("grad", b.In("dy", 0, 2, 3, 4, 5), y)}
	})
}

func TestSplitFastGeluGrad(t *testing.T) {
	lowertest.Compare(t, op.Microsoft, "FastGeluGrad", 1e-6, func(g *graph.Graph) { On(g, 0).splitFastGeluGrad() }, func(b *lowertest.Builder) []*graph.Value {
		x, dy := b.In("x", 0, 2, 3, 4, 50), b.In("dy", 0, 2, 3, 4, 50)
		return []*graph.Value{b.Do(op.Microsoft, "FastGeluGrad", op.Call{Name: "grad", Inputs: []*graph.Value{dy, x}})[0]}
	})
}

// TestStayBlocked has activations of images between convolutions, and their gradients: the
// images go into blocks and come out of them once each.
func TestStayBlocked(t *testing.T) {
	size := block(t)
	build := func(b *lowertest.Builder) []*graph.Value {
		weight, window := b.In("weight", 0, size, size, 3, 3), op.Same(3, 1, 5, 6)
		x := b.Conv("first", b.In("x", 0, 2, size, 5, 6), weight, nil, window)
		y := b.Swish("swish", b.Gelu("gelu", x), 1)
		y = b.Do("", "Clip", op.Call{Name: "clip", Inputs: []*graph.Value{y, nil, b.Scalar("high", 1)}})[0]
		y = b.SigmoidGrad("slope", y, b.Unary("Sigmoid", "sigmoid", x))
		return []*graph.Value{b.Conv("second", y, weight, nil, window)}
	}
	plain, blocked := lowertest.New(), lowertest.New()
	want := plain.Run(t, build(plain), lowertest.Nothing)
	got := blocked.Run(t, build(blocked), func(g *graph.Graph) { On(g, size).Passes() })
	lowertest.CheckClose(t, got, want, 1e-5)
	for name, count := range map[string]int{"ReorderInput": 1, "ReorderOutput": 1} {
		if n := blocked.Count(Blocked, name); n != count {
			t.Errorf("%d %s are left, want %d", n, name, count)
		}
	}
}

// TestSplitConvGrad has kernels and pads of several forms, images of which
// some are the channels of one group, and channels that do not make blocks.
func TestSplitConvGrad(t *testing.T) {
	size := block(t)
	pass := func(g *graph.Graph) { On(g, size).splitConvGrad() }
	for name, c := range map[string]struct {
		images, inputs, outputs, height, width int
		window                                 op.Window
	}{
		"same":               {16, 8, 32, 6, 8, op.Same(3, 1, 6, 8)},
		"valid":              {4, 16, 16, 9, 7, op.Valid(3, 1)},
		"even kernel":        {6, 4, 16, 8, 8, op.Same(4, 1, 8, 8)},
		"one row of pads":    {2, 3, 16, 5, 6, op.Window{Kernel: [2]int{2, 3}, Strides: [2]int{1, 1}, Pads: [4]int{1, 0, 0, 2}}},
		"one image":          {1, 16, 16, 4, 4, op.Same(3, 1, 4, 4)},
		"pointwise":          {8, 16, 16, 4, 4, op.Valid(1, 1)},
		"large images":       {2, 2, 16, 40, 30, op.Same(5, 1, 40, 30)},
		"blocks of images":   {48, 3, 16, 4, 4, op.Same(3, 1, 4, 4)},
		"many output blocks": {2, 5, 96, 4, 4, op.Same(3, 1, 4, 4)},
	} {
		t.Run(name, func(t *testing.T) {
			lowertest.Compare(t, op.Microsoft, "ConvGrad", 3e-6, pass, convGradient(c.images, c.inputs, c.outputs, c.height, c.width, c.window))
		})
	}
	for name, channels := range map[string][2]int{"images": {20, 16}, "channels": {4, 12}} {
		t.Run("no blocks of "+name, func(t *testing.T) {
			b := lowertest.New()
			convGradient(channels[0], 4, channels[1], 4, 4, op.Same(3, 1, 4, 4))(b)
			pass(b.Graph)
			if n := b.Count(op.Microsoft, "ConvGrad"); n != 1 {
				t.Errorf("%d ConvGrad are left, want 1 for the parameters", n)
			}
		})
	}
}

// TestSplitConvGradLeaves: convolutions that its formulas do not hold for keep their ConvGrad.
func TestSplitConvGradLeaves(t *testing.T) {
	size := block(t)
	volumes := func(b *lowertest.Builder) []*graph.Value {
		x, w, dy := b.In("x", 0, 2, size, 5, 4, 3), b.In("weight", 0, size, size, 3, 3, 1), b.In("dy", 0, 2, size, 3, 2, 3)
		window := op.Sliding{Kernel: []int{3, 3, 1}, Strides: []int{1, 1, 1}, Dilations: []int{1, 1, 1}, Before: make([]int, 3), After: make([]int, 3)}
		return b.Do(op.Microsoft, "ConvGrad", op.Call{
			Name: "grad", Inputs: []*graph.Value{dy, x, w}, Attributes: window.Attributes(), Want: []bool{true, true, true},
		})
	}
	picture := func(w op.Window) func(b *lowertest.Builder) []*graph.Value {
		return convGradient(2, size, size, 9, 9, w)
	}
	for name, build := range map[string]func(b *lowertest.Builder) []*graph.Value{
		"volumes":               volumes,
		"strides":               picture(op.Same(3, 2, 9, 9)),
		"dilations":             picture(op.Window{Kernel: [2]int{3, 3}, Strides: [2]int{1, 1}, Pads: [4]int{2, 2, 2, 2}, Dilations: [2]int{2, 2}}),
		"pads beyond the image": picture(op.Window{Kernel: [2]int{1, 1}, Strides: [2]int{1, 1}, Pads: [4]int{1, 1, 1, 1}}),
	} {
		t.Run(name, func(t *testing.T) {
			plain, changed := lowertest.New(), lowertest.New()
			want := plain.Run(t, build(plain), lowertest.Nothing)
			got := changed.Run(t, build(changed), func(g *graph.Graph) { On(g, size).Passes() })
			lowertest.CheckClose(t, got, want, 0)
			if n := changed.Count(op.Microsoft, "ConvGrad"); n != 1 {
				t.Errorf("%d ConvGrad are left, want 1", n)
			}
		})
	}
}

// TestBlockConvLeaves: ONNX Runtime has no blocked convolution of volumes.
func TestBlockConvLeaves(t *testing.T) {
	size := block(t)
	b := lowertest.New()
	x, weight := b.In("x", 0, 2, size, 3, 4, 5), b.In("weight", 0, size, size, 1, 1, 1)
	y := b.Do("", "Conv", op.Call{Name: "conv", Inputs: []*graph.Value{x, weight}, Attributes: []graph.Attribute{
		{Name: "kernel_shape", Value: []int64{1, 1, 1}}, {Name: "pads", Value: make([]int64, 6)}, {Name: "strides", Value: []int64{1, 1, 1}},
	}})[0]
	b.Run(t, []*graph.Value{y}, func(g *graph.Graph) { On(g, size).Passes() })
	if n := b.Count("", "Conv"); n != 1 {
		t.Errorf("%d Conv are left, want 1", n)
	}
}

func convGradient(images, inputs, outputs, height, width int, w op.Window) func(b *lowertest.Builder) []*graph.Value {
	return func(b *lowertest.Builder) []*graph.Value {
		x := b.In("x", 0, images, inputs, height, width)
		weight := b.In("weight", 0, outputs, inputs, w.Kernel[0], w.Kernel[1])
		dy := b.In("dy", 0, images, outputs, w.Output(0, height), w.Output(1, width))
		dx, dw, db := b.ConvGrad("grad", dy, x, weight, w, op.ConvOperands{X: true, Weight: true, Bias: true})
		return []*graph.Value{dx, dw, db}
	}
}

// A bias before a batch normalisation has no gradient.
func TestBiasBeforeNorm(t *testing.T) {
	size := block(t)
	b := lowertest.New()
	x, scale, mean := b.In("x", 0, 4, size, 3, 3), b.In("scale", 0, size), b.In("mean", 0, size)
	dx, _, _ := b.BatchNormGrad("norm", b.In("dy", 0, 4, size, 3, 3), x, scale, mean, mean, 1e-3)
	_, _, db := b.ConvGrad("grad", dx, x, b.In("weight", 0, size, size, 3, 3), op.Same(3, 1, 3, 3), op.ConvOperands{Weight: true, Bias: true})
	got := b.Run(t, []*graph.Value{b.Unary("Identity", "out", db)}, func(g *graph.Graph) { On(g, size).splitConvGrad() })
	for _, v := range got[0] {
		if v != 0 {
			t.Errorf("gradient of the bias %v, want 0", v)
		}
	}
}

func TestBlockConv(t *testing.T) {
	size := block(t)
	for name, inputs := range map[string]int{"blocks": 2 * size, "few inputs": 3} {
		t.Run(name, func(t *testing.T) {
			lowertest.Compare(t, "", "Conv", 2e-6, func(g *graph.Graph) { On(g, size).blockConv() }, func(b *lowertest.Builder) []*graph.Value {
				x, weight := b.In("x", 0, 2, inputs, 7, 9), b.In("weight", 0, size, inputs, 3, 3)
				return []*graph.Value{b.Conv("conv", x, weight, b.In("bias", 0, size), op.Same(3, 1, 7, 9))}
			})
		})
	}
}

// TestBlockNorm has channels whose mean is several standard deviations from 0, where the
// variance loses digits. At 10 deviations the result is still accurate to 1e-5.
func TestBlockNorm(t *testing.T) {
	size := block(t)
	for _, c := range []struct{ mean, limit float64 }{{0, 1e-6}, {3, 3e-6}, {10, 1e-5}} {
		pass := func(g *graph.Graph) { lower.Portable(g); On(g, size).blockNorm() }
		forward := func(b *lowertest.Builder) []*graph.Value {
			x, channel := b.In("x", c.mean, 6, 2*size, 5, 7), func(name string) *graph.Value { return b.In(name, 0, 2*size) }
			n := b.BatchNormTraining("norm", x, channel("scale"), channel("bias"), channel("mean"), channel("variance"), 1e-3)
			return []*graph.Value{n.Y, n.Mean, n.InverseDeviation}
		}
		lowertest.Compare(t, op.Microsoft, "BatchNormInternal", c.limit, pass, forward)
		lowertest.Compare(t, op.Microsoft, "BatchNormalizationGrad", c.limit, pass, func(b *lowertest.Builder) []*graph.Value {
			n := b.BatchNormTraining("norm", b.In("x", c.mean, 6, 2*size, 5, 7),
				b.In("scale", 1, 2*size), b.In("bias", 0, 2*size), b.In("mean", 0, 2*size), b.In("variance", 0, 2*size), 1e-3)
			dx, dscale, dbias := b.BatchNormGrad("grad", b.In("dy", 0, 6, 2*size, 5, 7),
				b.Nodes[0].Inputs[0], b.Nodes[0].Inputs[1], n.Mean, n.InverseDeviation, 1e-3)
			return []*graph.Value{dx, dscale, dbias}
		})
	}
}

func TestBlockPool(t *testing.T) {
	size := block(t)
	pass := func(g *graph.Graph) { On(g, size).blockPool() }
	for _, name := range []string{"AveragePool", "GlobalAveragePool"} {
		lowertest.Compare(t, "", name, 1e-6, pass, func(b *lowertest.Builder) []*graph.Value {
			x := b.In("x", 0, 3, size, 6, 8)
			if name == "AveragePool" {
				counted := append(op.Same(3, 1, 6, 8).Attributes(), graph.Attribute{Name: "count_include_pad", Value: int64(1)})
				return []*graph.Value{
					b.AveragePool("pool", x, op.Valid(2, 2)), b.AveragePool("padded", x, op.Same(3, 2, 6, 8)),
					b.Do("", name, op.Call{Name: "counted", Inputs: []*graph.Value{x}, Attributes: counted})[0],
				}
			}
			return []*graph.Value{b.GlobalAveragePool("pool", x)}
		})
	}
	lowertest.Compare(t, "", "Resize", 0, pass, func(b *lowertest.Builder) []*graph.Value {
		return []*graph.Value{b.Upsample("up", b.In("x", 0, 3, size, 3, 4), 2, 3)}
	})
	lowertest.Compare(t, "", "Expand", 0, pass, func(b *lowertest.Builder) []*graph.Value {
		shape := graph.Static(3, size, 3, 4)
		return []*graph.Value{b.Expand("up", b.In("x", 0, 3, size, 1, 1), b.Ints("sizes", 3, int64(size), 3, 4), shape)}
	})
}

// TestJoinReorders has elementwise operators between convolutions. Only one reorder at each end
// must be left, and one for a value that is needed in the other layout.
func TestJoinReorders(t *testing.T) {
	size := block(t)
	pass := func(g *graph.Graph) {
		On(g, size).blockConv()
		On(g, size).keepBlocked()
		On(g, size).joinReorders()
		On(g, size).fuseReLU()
		g.Prune()
	}
	left := map[string]int{"Relu": 0, "Mul": 1, "ReorderInput": 1, "ReorderOutput": 2, "Transpose": 2}
	lowertest.Compare(t, "", "Relu", 2e-6, func(g *graph.Graph) {
		pass(g)
		for name, want := range left {
			n := 0
			for _, node := range g.Nodes {
				if node.Op == name {
					n++
				}
			}
			if n != want {
				t.Errorf("%d %s are left, want %d", n, name, want)
			}
		}
	}, func(b *lowertest.Builder) []*graph.Value {
		weight := b.In("weight", 0, size, size, 3, 3)
		window := op.Same(3, 1, 6, 6)
		y := b.Unary("Relu", "relu", b.Conv("first", b.In("x", 0, 4, size, 6, 6), weight, nil, window))
		parts := b.Split("split", b.Binary("Mul", "half", y, b.Scalar("factor", 0.5)), 2, "")
		z := b.Conv("second", b.Concat("joined", parts, 0, graph.Fixed(4)), weight, nil, window)
		return []*graph.Value{z, b.Transpose("last", y, 0, 2, 3, 1)}
	})
}

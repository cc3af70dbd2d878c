package rewrite

import (
	"math"
	"math/rand/v2"
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/internal/ortrun"
)

// builder is a graph whose inputs are of random numbers.
type builder struct {
	*graph.Graph
	rng    *rand.Rand
	inputs []ortrun.Input
}

func newBuilder() *builder {
	return &builder{Graph: graph.New("test"), rng: rand.New(rand.NewPCG(1, 2))}
}

// in appends an input of normally distributed numbers.
func (b *builder) in(name string, mean float64, sizes ...int) *graph.Value {
	n := 1
	for _, size := range sizes {
		n *= size
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(b.rng.NormFloat64() + mean)
	}
	b.inputs = append(b.inputs, ortrun.Input{Name: name, Shape: sizes, Float32: values})
	return b.Input(name, graph.Float, graph.Static(sizes...))
}

// bytes appends an input of uniformly distributed bytes.
func (b *builder) bytes(name string, sizes ...int) *graph.Value {
	n := 1
	for _, size := range sizes {
		n *= size
	}
	values := make([]uint8, n)
	for i := range values {
		values[i] = uint8(b.rng.UintN(256))
	}
	b.inputs = append(b.inputs, ortrun.Input{Name: name, Shape: sizes, Uint8: values})
	return b.Input(name, graph.Uint8, graph.Static(sizes...))
}

// run runs the graph with the outputs.
func (b *builder) run(t *testing.T, outputs []*graph.Value, pass func(g *graph.Graph)) [][]float32 {
	t.Helper()
	for _, v := range outputs {
		b.Output(v)
	}
	pass(b.Graph)
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return ortrun.Load(t, m).Run(t, b.inputs...)
}

func (b *builder) count(domain, op string) int {
	n := 0
	for _, node := range b.Nodes {
		if node.Domain == domain && node.Op == op {
			n++
		}
	}
	return n
}

// block is that of the processor that runs the tests: its kernels take no other.
func block(t *testing.T) int {
	t.Helper()
	size := blockSize()
	if size == 0 {
		t.Fatal("this processor has no blocked kernels to test: run the tests on amd64 with AVX2")
	}
	return size
}

// compare runs what build builds as it is and after the pass, which must leave
// none of the operator, and compares each output's relative error.
func compare(t *testing.T, domain, op string, limit float64, pass func(g *graph.Graph), build func(b *builder) []*graph.Value) {
	t.Helper()
	plain, changed := newBuilder(), newBuilder()
	want := plain.run(t, build(plain), func(*graph.Graph) {})
	got := changed.run(t, build(changed), pass)
	if n := changed.count(domain, op); n != 0 || plain.count(domain, op) == 0 {
		t.Errorf("%d of %d %s are left", n, plain.count(domain, op), op)
	}
	for i := range want {
		if e := relativeError(got[i], want[i]); !(e <= limit) {
			t.Errorf("output %d differs by %.2g of its size, want at most %.2g", i, e, limit)
		}
	}
}

func relativeError(got, want []float32) float64 {
	var difference, square float64
	for i := range want {
		difference += math.Pow(float64(got[i])-float64(want[i]), 2)
		square += math.Pow(float64(want[i]), 2)
	}
	return math.Sqrt(difference / max(square, math.SmallestNonzeroFloat64))
}

func TestThreadReluGrad(t *testing.T) {
	compare(t, graph.Microsoft, "ReluGrad", 0, threadReluGrad, func(b *builder) []*graph.Value {
		y := b.Unary("Relu", "relu", b.in("x", 0, 2, 3, 4, 5))
		return []*graph.Value{b.ReluGrad("grad", b.in("dy", 0, 2, 3, 4, 5), y)}
	})
}

// TestSplitConvGrad has kernels and pads of several forms, images of which
// some are the channels of one group, and channels that do not make blocks.
func TestSplitConvGrad(t *testing.T) {
	size := block(t)
	pass := func(g *graph.Graph) { splitConvGrad(g, size) }
	for name, c := range map[string]struct {
		images, inputs, outputs, height, width int
		window                                 graph.Window
	}{
		"same":               {16, 8, 32, 6, 8, graph.Same(3, 1, 6, 8)},
		"valid":              {4, 16, 16, 9, 7, graph.Valid(3, 1)},
		"even kernel":        {6, 4, 16, 8, 8, graph.Same(4, 1, 8, 8)},
		"one row of pads":    {2, 3, 16, 5, 6, graph.Window{Kernel: [2]int{2, 3}, Strides: [2]int{1, 1}, Pads: [4]int{1, 0, 0, 2}}},
		"one image":          {1, 16, 16, 4, 4, graph.Same(3, 1, 4, 4)},
		"pointwise":          {8, 16, 16, 4, 4, graph.Valid(1, 1)},
		"large images":       {2, 2, 16, 40, 30, graph.Same(5, 1, 40, 30)},
		"blocks of images":   {48, 3, 16, 4, 4, graph.Same(3, 1, 4, 4)},
		"many output blocks": {2, 5, 96, 4, 4, graph.Same(3, 1, 4, 4)},
	} {
		t.Run(name, func(t *testing.T) {
			compare(t, graph.Microsoft, "ConvGrad", 3e-6, pass, convGradient(c.images, c.inputs, c.outputs, c.height, c.width, c.window))
		})
	}
	for name, channels := range map[string][2]int{"images": {20, 16}, "channels": {4, 12}} {
		t.Run("no blocks of "+name, func(t *testing.T) {
			b := newBuilder()
			convGradient(channels[0], 4, channels[1], 4, 4, graph.Same(3, 1, 4, 4))(b)
			pass(b.Graph)
			if n := b.count(graph.Microsoft, "ConvGrad"); n != 1 {
				t.Errorf("%d ConvGrad are left, want 1 for the parameters", n)
			}
		})
	}
}

func convGradient(images, inputs, outputs, height, width int, w graph.Window) func(b *builder) []*graph.Value {
	return func(b *builder) []*graph.Value {
		x := b.in("x", 0, images, inputs, height, width)
		weight := b.in("weight", 0, outputs, inputs, w.Kernel[0], w.Kernel[1])
		dy := b.in("dy", 0, images, outputs, w.Output(0, height), w.Output(1, width))
		dx, dw, db := b.ConvGrad("grad", dy, x, weight, w, true, true, true)
		return []*graph.Value{dx, dw, db}
	}
}

// A bias before a batch normalisation has no gradient.
func TestBiasBeforeNorm(t *testing.T) {
	size := block(t)
	b := newBuilder()
	x, scale, mean := b.in("x", 0, 4, size, 3, 3), b.in("scale", 0, size), b.in("mean", 0, size)
	dx, _, _ := b.BatchNormGrad("norm", b.in("dy", 0, 4, size, 3, 3), x, scale, mean, mean, 1e-3)
	_, _, db := b.ConvGrad("grad", dx, x, b.in("weight", 0, size, size, 3, 3), graph.Same(3, 1, 3, 3), false, true, true)
	got := b.run(t, []*graph.Value{b.Unary("Identity", "out", db)}, func(g *graph.Graph) { splitConvGrad(g, size) })
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
			compare(t, "", "Conv", 2e-6, func(g *graph.Graph) { blockConv(g, size) }, func(b *builder) []*graph.Value {
				x, weight := b.in("x", 0, 2, inputs, 7, 9), b.in("weight", 0, size, inputs, 3, 3)
				return []*graph.Value{b.Conv("conv", x, weight, b.in("bias", 0, size), graph.Same(3, 1, 7, 9))}
			})
		})
	}
}

// TestBlockNorm has channels whose mean is several deviations from 0, where the
// variance loses digits: at 10 of them the result is still good to 1e-5.
func TestBlockNorm(t *testing.T) {
	size := block(t)
	for _, c := range []struct{ mean, limit float64 }{{0, 1e-6}, {3, 3e-6}, {10, 1e-5}} {
		pass := func(g *graph.Graph) { blockNorm(g, size) }
		forward := func(b *builder) []*graph.Value {
			x, channel := b.in("x", c.mean, 6, 2*size, 5, 7), func(name string) *graph.Value { return b.in(name, 0, 2*size) }
			n := b.BatchNormTraining("norm", x, channel("scale"), channel("bias"), channel("mean"), channel("variance"), 1e-3)
			return []*graph.Value{n.Y, n.Mean, n.InverseDeviation}
		}
		compare(t, graph.Microsoft, "BatchNormInternal", c.limit, pass, forward)
		compare(t, graph.Microsoft, "BatchNormalizationGrad", c.limit, pass, func(b *builder) []*graph.Value {
			n := b.BatchNormTraining("norm", b.in("x", c.mean, 6, 2*size, 5, 7),
				b.in("scale", 1, 2*size), b.in("bias", 0, 2*size), b.in("mean", 0, 2*size), b.in("variance", 0, 2*size), 1e-3)
			dx, dscale, dbias := b.BatchNormGrad("grad", b.in("dy", 0, 6, 2*size, 5, 7),
				b.Nodes[0].Inputs[0], b.Nodes[0].Inputs[1], n.Mean, n.InverseDeviation, 1e-3)
			return []*graph.Value{dx, dscale, dbias}
		})
	}
}

func TestBlockPool(t *testing.T) {
	size := block(t)
	pass := func(g *graph.Graph) { blockPool(g, size) }
	for _, op := range []string{"AveragePool", "GlobalAveragePool"} {
		compare(t, "", op, 1e-6, pass, func(b *builder) []*graph.Value {
			x := b.in("x", 0, 3, size, 6, 8)
			if op == "AveragePool" {
				return []*graph.Value{b.AveragePool("pool", x, graph.Valid(2, 2)), b.AveragePool("padded", x, graph.Same(3, 2, 6, 8))}
			}
			return []*graph.Value{b.GlobalAveragePool("pool", x)}
		})
	}
	compare(t, "", "Resize", 0, pass, func(b *builder) []*graph.Value {
		return []*graph.Value{b.Upsample("up", b.in("x", 0, 3, size, 3, 4), 2, 3)}
	})
	compare(t, "", "Expand", 0, pass, func(b *builder) []*graph.Value {
		shape := graph.Static(3, size, 3, 4)
		return []*graph.Value{b.Expand("up", b.in("x", 0, 3, size, 1, 1), b.Ints("sizes", 3, int64(size), 3, 4), shape)}
	})
}

// TestJoinReorders has elementwise operators between convolutions: one reorder
// at each end is left, and one for what is asked for in another layout.
func TestJoinReorders(t *testing.T) {
	size := block(t)
	pass := func(g *graph.Graph) {
		blockConv(g, size)
		keepBlocked(g, size)
		joinReorders(g)
		fuseReLU(g)
		g.Prune()
	}
	left := map[string]int{"Relu": 0, "Mul": 1, "ReorderInput": 1, "ReorderOutput": 2, "Transpose": 2}
	compare(t, "", "Relu", 2e-6, func(g *graph.Graph) {
		pass(g)
		for op, want := range left {
			n := 0
			for _, node := range g.Nodes {
				if node.Op == op {
					n++
				}
			}
			if n != want {
				t.Errorf("%d %s are left, want %d", n, op, want)
			}
		}
	}, func(b *builder) []*graph.Value {
		weight := b.in("weight", 0, size, size, 3, 3)
		window := graph.Same(3, 1, 6, 6)
		y := b.Unary("Relu", "relu", b.Conv("first", b.in("x", 0, 4, size, 6, 6), weight, nil, window))
		parts := b.Split("split", b.Binary("Mul", "half", y, b.Scalar("factor", 0.5)), 2, "")
		z := b.Conv("second", b.Concat("joined", parts, 0, graph.Fixed(4)), weight, nil, window)
		return []*graph.Value{z, b.Transpose("last", y, 0, 2, 3, 1)}
	})
}

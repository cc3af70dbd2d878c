package gradient

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/internal/npz"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/ortrun"
)

// A probe is a small graph around one operator, which is differentiated with respect to its float
// inputs.
type probe struct {
	name string
	// inputs are an image or a matrix, whose first dimension becomes a symbol if symbolic is set,
	// and operands of fixed sizes.
	inputs   []ortrun.Input
	symbolic bool
	build    func(g op.Builder, in []*graph.Value) *graph.Value
}

// input returns distinct values at least 0.05 apart, so that no step of the
// finite differences crosses a kink of ReLU or another maximum of a pool.
func input(name string, shape ...int) ortrun.Input {
	n := product(shape)
	rng := rand.New(rand.NewPCG(uint64(n), uint64(len(name))))
	values := make([]float32, n)
	for i, p := range rng.Perm(n) {
		values[i] = 0.05 * (float32(p) - float32(n)/2 + 0.25)
	}
	return ortrun.Input{Name: name, Shape: shape, Float32: values}
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func labels(n, classes int) ortrun.Input {
	in := ortrun.Input{Name: "label", Shape: []int{n}}
	for i := range n {
		in.Int64 = append(in.Int64, int64(i*3%classes))
	}
	return in
}

func positive(in ortrun.Input) ortrun.Input {
	for i, v := range in.Float32 {
		in.Float32[i] = float32(math.Abs(float64(v))) + 0.5
	}
	return in
}

func small(in ortrun.Input) ortrun.Input {
	for i := range in.Float32 {
		in.Float32[i] *= 4 / float32(len(in.Float32))
	}
	return in
}

func unary(name string, shapes ...[]int) []probe {
	var list []probe
	for _, s := range shapes {
		list = append(list, probe{
			fmt.Sprint(name, s),
			[]ortrun.Input{input("x", s...)},
			true,
			func(g op.Builder, in []*graph.Value) *graph.Value { return g.Unary(name, "op", in[0]) },
		})
	}
	return list
}

func binary(name string, a, b []int) probe {
	return probe{
		fmt.Sprint(name, a, b),
		[]ortrun.Input{small(input("a", a...)), small(input("bb", b...))},
		false,
		func(g op.Builder, in []*graph.Value) *graph.Value { return g.Binary(name, "op", in[0], in[1]) },
	}
}

// half builds in float16, which ONNX Runtime on a CPU computes in float32.
func half(build func(g op.Builder, x *graph.Value) *graph.Value) func(g op.Builder, x *graph.Value) *graph.Value {
	return func(g op.Builder, x *graph.Value) *graph.Value {
		return g.As(graph.Float, build(g, g.As(graph.Float16, x)))
	}
}

func convProbe(w op.Window, x, weight []int, bias bool) probe {
	inputs := []ortrun.Input{small(input("x", x...)), small(input("weight", weight...))}
	if bias {
		inputs = append(inputs, input("bias", weight[0]))
	}
	return probe{fmt.Sprint("Conv", x, weight, w), inputs, true, func(g op.Builder, in []*graph.Value) *graph.Value {
		var b *graph.Value
		if bias {
			b = in[2]
		}
		return g.Conv("op", in[0], in[1], b, w)
	}}
}

func poolProbe(name string, w op.Window, shape ...int) probe {
	return probe{
		fmt.Sprint(name, shape, w),
		[]ortrun.Input{input("x", shape...)},
		true,
		func(g op.Builder, in []*graph.Value) *graph.Value {
			if name == "AveragePool" {
				return g.AveragePool("op", in[0], w)
			}
			y := g.MaxPool("op", in[0], w)
			return y
		},
	}
}

func gemmProbe(o op.GemmOptions, a, b []int, c ...int) probe {
	inputs := []ortrun.Input{small(input("a", a...)), small(input("bb", b...))}
	if c != nil {
		inputs = append(inputs, input("c", c...))
	}
	return probe{fmt.Sprint("Gemm", o, a, b), inputs, !o.TransposeA, func(g op.Builder, in []*graph.Value) *graph.Value {
		return g.Gemm("op", in[0], in[1], append(in, nil)[2], o)
	}}
}

func batchNormProbe(n, c, h, w int) probe {
	vector := func(name string) ortrun.Input { return positive(input(name, c)) }
	return probe{
		fmt.Sprint("BatchNormInternal", []int{n, c, h, w}),
		[]ortrun.Input{small(input("x", n, c, h, w)), vector("scale"), vector("bias"), vector("mean"), vector("variance")},
		true,
		func(g op.Builder, in []*graph.Value) *graph.Value {
			return g.BatchNormTraining("op", in[0], in[1], in[2], in[3], in[4], 1e-3).Y
		},
	}
}

func crossEntropyProbe(n, classes int, useLogProbabilities bool) probe {
	return probe{
		fmt.Sprint("SoftmaxCrossEntropyLoss", n, classes, useLogProbabilities),
		[]ortrun.Input{input("logits", n, classes), labels(n, classes)},
		true,
		func(g op.Builder, in []*graph.Value) *graph.Value {
			loss, lp := g.SoftmaxCrossEntropy("op", in[0], in[1])
			if !useLogProbabilities {
				return loss
			}
			return g.Binary("Sub", "mixed", loss, g.ReduceMean("mean", lp, false, 0, 1))
		},
	}
}

func single(name string, in ortrun.Input, build func(g op.Builder, x *graph.Value) *graph.Value) probe {
	return probe{
		fmt.Sprint(name, in.Shape),
		[]ortrun.Input{in},
		false,
		func(g op.Builder, in []*graph.Value) *graph.Value { return build(g, in[0]) },
	}
}

func probes() []probe {
	join := func(n int) func(op.Builder, *graph.Value) *graph.Value {
		return func(g op.Builder, x *graph.Value) *graph.Value {
			parts := g.Split("cut", x, n, "part")
			parts[0] = g.Binary("Mul", "uneven", parts[0], g.Scalar("two", 2))
			return g.Concat("op", parts, 0, x.Shape[0])
		}
	}
	list := slices.Concat(
		unary("Identity", []int{3}, []int{2, 3, 4, 5}),
		unary("Relu", []int{7}, []int{2, 3, 4, 5}),
		unary("Neg", []int{7}, []int{2, 3}),
	)
	return append(list,
		binary("Add", []int{2, 3, 4}, []int{2, 3, 4}), binary("Add", []int{2, 3, 4}, []int{3, 1}),
		binary("Add", []int{4}, []int{2, 4}), binary("Sub", []int{2, 3}, []int{2, 3}), binary("Sub", []int{2, 3}, []int{3}),
		binary("Mul", []int{2, 3, 4}, []int{2, 3, 4}), binary("Mul", []int{2, 3, 4}, []int{3, 1}), binary("Mul", []int{4}, []int{2, 4}),
		convProbe(op.Same(3, 1, 5, 5), []int{2, 3, 5, 5}, []int{4, 3, 3, 3}, true),
		convProbe(op.Same(3, 2, 6, 5), []int{1, 2, 6, 5}, []int{3, 2, 3, 3}, true),
		convProbe(op.Valid(1, 1), []int{3, 4, 3, 2}, []int{2, 4, 1, 1}, false),
		convProbe(op.Valid(5, 2), []int{1, 1, 9, 7}, []int{2, 1, 5, 5}, true),
		poolProbe("AveragePool", op.Valid(2, 2), 2, 3, 4, 6), poolProbe("AveragePool", op.Valid(2, 2), 1, 2, 5, 7),
		poolProbe("AveragePool", op.Valid(3, 2), 2, 2, 7, 8), poolProbe("AveragePool", op.Same(3, 2, 5, 6), 2, 2, 5, 6),
		poolProbe("MaxPool", op.Valid(2, 2), 2, 3, 4, 6), poolProbe("MaxPool", op.Valid(3, 2), 2, 2, 7, 9),
		poolProbe("MaxPool", op.Same(3, 1, 4, 3), 1, 2, 4, 3),
		gemmProbe(op.GemmOptions{}, []int{3, 4}, []int{4, 5}, 5), gemmProbe(op.GemmOptions{TransposeB: true}, []int{1, 4}, []int{2, 4}),
		gemmProbe(op.GemmOptions{TransposeA: true}, []int{4, 3}, []int{4, 5}),
		gemmProbe(op.GemmOptions{TransposeA: true, TransposeB: true}, []int{4, 3}, []int{5, 4}, 5),
		batchNormProbe(4, 3, 2, 2), batchNormProbe(1, 2, 3, 5), batchNormProbe(7, 1, 1, 1),
		crossEntropyProbe(1, 2, false), crossEntropyProbe(5, 10, false), crossEntropyProbe(4, 3, true),
		single("GlobalAveragePool", input("x", 2, 3, 4, 5), func(g op.Builder, x *graph.Value) *graph.Value { return g.GlobalAveragePool("op", x) }),
		single("GlobalAveragePool", input("x", 3, 1, 1, 1), func(g op.Builder, x *graph.Value) *graph.Value { return g.GlobalAveragePool("op", x) }),
		single("Flatten", input("x", 2, 3, 2, 2), func(g op.Builder, x *graph.Value) *graph.Value { return g.Flatten("op", x) }),
		single("Reshape", input("x", 2, 6), func(g op.Builder, x *graph.Value) *graph.Value {
			return g.Reshape("op", x, g.Ints("to", -1, 3), graph.Shape{graph.Symbol("rows"), graph.Fixed(3)})
		}),
		single("Split+Concat", input("x", 4, 3), join(2)), single("Split+Concat", input("x", 6, 1, 2), join(3)),
		single("Split, one part unused", input("x", 4, 3), func(g op.Builder, x *graph.Value) *graph.Value { return g.Split("op", x, 2, "part")[1] }),
		single("Cast", input("x", 2, 3), half(func(g op.Builder, x *graph.Value) *graph.Value { return g.Unary("Neg", "op", x) })),
		single("Cast of parts", input("x", 4, 3), half(func(g op.Builder, x *graph.Value) *graph.Value { return g.Split("op", x, 2, "part")[1] })),
		single("Cast of a mean", input("x", 2, 3, 4, 5), half(func(g op.Builder, x *graph.Value) *graph.Value { return g.ReduceMean("op", x, true, 2, 3) })),
		single("Cast of a pool", input("x", 2, 2, 4, 4), half(func(g op.Builder, x *graph.Value) *graph.Value {
			return g.GlobalAveragePool("global", g.AveragePool("op", x, op.Same(3, 2, 4, 4)))
		})),
		single("Softmax", small(input("x", 3, 5)), func(g op.Builder, x *graph.Value) *graph.Value { return g.Softmax("op", x) }),
		single("Softmax", small(input("x", 1, 2)), func(g op.Builder, x *graph.Value) *graph.Value { return g.Softmax("op", x) }),
		single("Flatten", input("x", 1, 5, 1, 3), func(g op.Builder, x *graph.Value) *graph.Value { return g.Flatten("op", x) }),
		single("Reshape", input("x", 3, 2, 2), func(g op.Builder, x *graph.Value) *graph.Value {
			return g.Reshape("op", x, g.Ints("to", -1, 3), graph.Shape{graph.Symbol("rows"), graph.Fixed(3)})
		}),
		single("Log", positive(input("x", 2, 1, 4, 2)), func(g op.Builder, x *graph.Value) *graph.Value { return g.Unary("Log", "op", x) }),
		single("Log", positive(input("x", 3, 5)), func(g op.Builder, x *graph.Value) *graph.Value { return g.Unary("Log", "op", x) }),
		single("ReduceSum", input("x", 3, 4, 2), func(g op.Builder, x *graph.Value) *graph.Value { return g.ReduceSum("op", x, true, 1) }),
		single("ReduceSum to a scalar", input("x", 3, 4), func(g op.Builder, x *graph.Value) *graph.Value { return g.ReduceSum("op", x, false, 0, 1) }),
		single("ReduceMean", input("x", 3, 4, 2), func(g op.Builder, x *graph.Value) *graph.Value { return g.ReduceMean("op", x, true, 0, 2) }),
		single("ReduceMean to a scalar", input("x", 3, 4), func(g op.Builder, x *graph.Value) *graph.Value { return g.ReduceMean("op", x, false, 0, 1) }),
		single("a value used three times", input("x", 2, 3), func(g op.Builder, x *graph.Value) *graph.Value {
			return g.Binary("Mul", "product", g.Unary("Relu", "relu", x), g.Binary("Add", "sum", x, x))
		}),
	)
}

// TestGradients compares the gradient of each operator with central differences.
func TestGradients(t *testing.T) {
	tested := map[*graph.Schema]bool{}
	for _, p := range probes() {
		t.Run(p.name, func(t *testing.T) { checkProbe(t, p, tested) })
	}
	vectors := vectorOperators(t)
	for _, o := range op.All() {
		if o.Gradient != nil && !tested[&o.Schema] && !vectors[o.Op] {
			t.Errorf("the gradient of %q has neither a probe nor vectors", o.Op)
		}
	}
}

func checkProbe(t *testing.T, p probe, tested map[*graph.Schema]bool) {
	g := op.On(graph.New("probe"))
	var in, targets []*graph.Value
	for i, x := range p.inputs {
		elem := graph.Float
		if x.Int64 != nil {
			elem = graph.Int64
		}
		shape := graph.Static(x.Shape...)
		if p.symbolic && (i == 0 || elem == graph.Int64) {
			shape[0] = graph.Symbol("batch")
		}
		in = append(in, g.Input(x.Name, elem, shape))
		if elem == graph.Float && x.Name != "mean" && x.Name != "variance" {
			targets = append(targets, in[i])
		}
	}
	y := p.build(g, in)
	for _, n := range g.Nodes {
		tested[n.Schema] = true
	}
	loss := y
	if len(y.Shape) > 0 {
		axes := make([]int64, len(y.Shape))
		for i := range axes {
			axes[i] = int64(i)
		}
		loss = g.ReduceSum("loss", g.Binary("Mul", "weighted", y, g.Input("r", graph.Float, y.Shape)), false, axes...)
	}
	compare(t, differentiated(t, g, y, loss, targets), p.inputs, outputShape(y, p.inputs))
}

// differentiated loads a model with the outputs y, as a vector, and the gradients of the loss with
// respect to the targets.
func differentiated(t *testing.T, g op.Builder, y, loss *graph.Value, targets []*graph.Value) *ortrun.Session {
	t.Helper()
	gradients, err := Append(g.Graph, loss, g.Scalar("seed", 1), targets)
	if err != nil {
		t.Fatal(err)
	}
	// The binding cannot return scalars.
	g.Output(g.Reshape("y.flat", y, g.Ints("flat", -1), graph.Shape{graph.Symbol("elements")}))
	for _, x := range targets {
		g.Output(gradients[x])
	}
	lower.Portable(g.Graph)
	model, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	return ortrun.Load(t, model)
}

// outputShape fills in the symbolic sizes of y from the probe's elements.
func outputShape(y *graph.Value, inputs []ortrun.Input) []int {
	shape := make([]int, len(y.Shape))
	for i, d := range y.Shape {
		shape[i] = int(d.Size)
		switch d.Symbol {
		case "batch":
			shape[i] = inputs[0].Shape[0]
		case "rows":
			shape[i] = len(inputs[0].Float32) / 3
		}
	}
	return shape
}

// compare checks every element of every gradient against
// (L(x + h) − L(x − h)) / 2h, where L sums y in float64.
func compare(t *testing.T, s *ortrun.Session, inputs []ortrun.Input, shape []int) {
	const h = 1.0 / 128
	r := ortrun.Input{Name: "r", Shape: shape}
	rng := rand.New(rand.NewPCG(5, 6))
	for range product(shape) {
		r.Float32 = append(r.Float32, rng.Float32()+0.5)
	}
	all := slices.Clone(inputs)
	if len(shape) > 0 {
		all = append(all, r)
	} else {
		r.Float32[0] = 1
	}
	loss := func() float64 {
		sum := 0.0
		for i, v := range s.Run(t, all...)[0] {
			sum += float64(v) * float64(r.Float32[i])
		}
		return sum
	}
	analytic := s.Run(t, all...)[1:]
	target := 0
	for _, x := range inputs {
		if x.Float32 == nil || x.Name == "mean" || x.Name == "variance" {
			continue
		}
		numeric := make([]float64, len(x.Float32))
		for i, v := range x.Float32 {
			x.Float32[i] = v + h
			up := loss()
			x.Float32[i] = v - h
			numeric[i] = (up - loss()) / (2 * h)
			x.Float32[i] = v
		}
		agree(t, x.Name, analytic[target], numeric)
		target++
	}
}

func agree(t *testing.T, name string, got []float32, want []float64) {
	t.Helper()
	scale := 0.0
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for i, w := range want {
		if diff := math.Abs(float64(got[i]) - w); diff > 2e-3*max(scale, 0.1) || math.IsNaN(diff) {
			t.Errorf("gradient with respect to %s[%d] = %v, finite differences give %v", name, i, got[i], w)
		}
	}
}

// TestWrongArguments: a loss or a seed that is not a scalar, missing values, and calls after a
// mistake in the graph are errors.
func TestWrongArguments(t *testing.T) {
	g := op.On(graph.New("arguments"))
	x := g.Input("x", graph.Float, graph.Static(3))
	loss, seed := g.ReduceSum("loss", x, false, 0), g.Scalar("seed", 1)
	for _, c := range []struct {
		loss, seed, target *graph.Value
		want               string
	}{
		{nil, seed, x, "loss <nil> is not a scalar"},
		{x, seed, x, "loss x float32[3] is not a scalar"},
		{loss, x, x, "seed x float32[3] is not a scalar"},
		{loss, seed, nil, "a target is nil"},
	} {
		if _, err := Append(g.Graph, c.loss, c.seed, []*graph.Value{c.target}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one that has %q", err, c.want)
		}
	}
	g.Unary("Relu", "mistake", nil)
	if _, err := Append(g.Graph, nil, seed, nil); err == nil || err.Error() != g.Err().Error() {
		t.Errorf("error %v, want %v", err, g.Err())
	}
}

// TestErrors checks that an error names what cannot be differentiated.
func TestErrors(t *testing.T) {
	g := op.On(graph.New("errors"))
	x := g.Input("x", graph.Float, graph.Static(3))
	z := g.Input("z", graph.Float, graph.Static(3))
	loss := g.ReduceSum("loss", g.ReluGrad("op", x, x), false, 0)
	for want, target := range map[string]*graph.Value{
		`operator "ReluGrad" has no gradient`: x,
		`does not depend on "z"`:              z,
	} {
		_, err := Append(g.Graph, loss, g.Scalar("seed", 1), []*graph.Value{target})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}

// vectorOperators are the operators that have vectors.
func vectorOperators(t *testing.T) map[string]bool {
	t.Helper()
	families, _ := filepath.Glob("testdata/vectors/*.npz")
	names := map[string]bool{}
	for _, path := range families {
		archive, err := npz.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		for key := range maps.Keys(archive) {
			name, _, _ := strings.Cut(key, "/")
			names[name] = true
		}
	}
	return names
}

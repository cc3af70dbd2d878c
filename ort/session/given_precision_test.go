package session

import (
	"math"
	"math/rand/v2"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/library/librarytest"
)

// TestGivenTransformerPrecisions: a given vision transformer in float16 and in int8 loads, with
// every optimization of ONNX Runtime, and classifies nearly as it does in float32, in every run.
func TestGivenTransformerPrecisions(t *testing.T) {
	librarytest.Open(t)
	n := transformer(t)
	images := make([]uint8, 3*transformerSide*transformerSide*3)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range images {
		images[i] = uint8(rng.Uint32())
	}
	o := onnxmodels.InferenceOptions{Ranges: onnxmodels.Ranges{}}
	single, err := n.Inference(n.Initialize(1), o)
	if err != nil {
		t.Fatal(err)
	}
	pure, err := interp.New(marshal(t, single))
	if err != nil {
		t.Fatal(err)
	}
	values, err := pure.Values(images)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		o.Ranges.Observe(v.Name, v.Floats)
	}
	want, _, err := pure.Predict(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	for precision, limit := range map[string]float64{
		onnxmodels.PrecisionFloat32: 1e-5, onnxmodels.PrecisionFloat16: 5e-3, onnxmodels.PrecisionInt8: 0.05,
	} {
		o.Precision = precision
		m, err := n.Inference(n.Initialize(1), o)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewModel(marshal(t, m), Options{Threads: 2, Plain: true})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			logits, _, err := s.Predict(t.Context(), images)
			if err != nil {
				t.Fatal(err)
			}
			if e := relativeRMS(float64s(logits), float64s(want)); !(e < limit) {
				t.Errorf("relative error %v of the logits in %s, want less than %v", e, precision, limit)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

const transformerSide = 8

// transformer returns a given vision transformer with one block, as PyTorch's legacy exporter
// writes one: attention has the images in the second dimension and one product for the three
// inputs, dense layers are products by a transposed weight, and GELU consists of its parts.
func transformer(t *testing.T) *onnxmodels.Network {
	t.Helper()
	const side, patch, width, heads = transformerSide, 4, 16, 2
	const tokens = (side / patch) * (side / patch)
	b := transformerBuilder{op.On(graph.New("transformer")), rand.New(rand.NewPCG(3, 4))}
	image := b.Input("input", graph.Float, graph.Shape{graph.Symbol("n"), graph.Fixed(3), graph.Fixed(side), graph.Fixed(side)})
	patches := b.Conv("patches", image, b.weight("patches.weight", width, 3, patch, patch), nil, op.Window{Kernel: [2]int{patch, patch}, Strides: [2]int{patch, patch}})
	x := b.Transpose("tokens", b.reshape("flat", patches, 0, width, tokens), 0, 2, 1)

	first := b.Transpose("first", b.norm("norm1", x, width), 1, 0, 2)
	projected := b.dense("in", first, width, 3*width)
	parts := b.Do("", "Split", op.Call{
		Name: "parts", Inputs: []*graph.Value{projected, b.Ints("parts.sizes", width, width, width)}, Want: []bool{true, true, true},
		Attributes: []graph.Attribute{{Name: "axis", Value: int64(-1)}},
	})
	head := func(name string, part *graph.Value) *graph.Value {
		rows := b.Transpose(name+".heads", b.reshape(name, part, tokens, -1, width/heads), 1, 0, 2)
		return b.reshape(name+".images", rows, -1, heads, tokens, width/heads)
	}
	query, key, value := head("query", parts[0]), head("key", parts[1]), head("value", parts[2])
	root := b.Scalar("root", float32(math.Pow(width/heads, -0.25)))
	query, key = b.Binary("Mul", "query.scaled", query, root), b.Binary("Mul", "key.scaled", b.Transpose("key.turned", key, 0, 1, 3, 2), root)
	attention := b.Softmax("attention", b.MatMul("scores", query, key))
	attended := b.Transpose("attended.tokens", b.MatMul("attended", attention, value), 2, 0, 1, 3)
	out := b.dense("out", b.reshape("attended.rows", attended, tokens, -1, width), width, width)
	x = b.Binary("Add", "residual1", x, b.Transpose("last", out, 1, 0, 2))

	hidden := b.dense("mlp1", b.norm("norm2", x, width), width, 2*width)
	erf := b.Unary("Erf", "erf", b.Binary("Div", "gelu.quotient", hidden, b.Scalar("two", math.Sqrt2)))
	gelu := b.Binary("Mul", "gelu.product", hidden, b.Binary("Add", "gelu.sum", erf, b.Scalar("one", 1)))
	gelu = b.Binary("Mul", "gelu", gelu, b.Scalar("half", 0.5))
	x = b.Binary("Add", "residual2", x, b.dense("mlp2", gelu, 2*width, width))

	b.Output(b.dense("head", b.ReduceMean("pooled", x, false, 1), width, 5))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	read, err := importer.Read(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	given, err := onnxmodels.Given(read, onnxmodels.GivenOptions{Normalization: &onnxmodels.Normalization{}})
	if err != nil {
		t.Fatal(err)
	}
	return given
}

type transformerBuilder struct {
	op.Builder
	rng *rand.Rand
}

// weight appends normally distributed numbers, smaller where more of them are summed.
func (b transformerBuilder) weight(name string, sizes ...int) *graph.Value {
	n := 1
	for _, size := range sizes {
		n *= size
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(b.rng.NormFloat64() / math.Sqrt(float64(n/sizes[0])))
	}
	return b.Floats(name, sizes, values)
}

func (b transformerBuilder) dense(name string, x *graph.Value, from, to int) *graph.Value {
	turned := b.Transpose(name+".turned", b.weight(name+".weight", to, from), 1, 0)
	return b.Binary("Add", name, b.weight(name+".bias", to), b.MatMul(name+".product", x, turned))
}

func (b transformerBuilder) norm(name string, x *graph.Value, width int) *graph.Value {
	return b.Do("", "LayerNormalization", op.Call{
		Name: name, Inputs: []*graph.Value{x, b.weight(name+".weight", width), b.weight(name+".bias", width)},
	})[0]
}

func (b transformerBuilder) reshape(name string, x *graph.Value, sizes ...int64) *graph.Value {
	return b.Do("", "Reshape", op.Call{Name: name, Inputs: []*graph.Value{x, b.Ints(name+".sizes", sizes...)}})[0]
}

package importer_test

import (
	"fmt"
	"math"
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// TestFixedBatch checks that a model for a fixed number of images gives an image the same logits
// in batches of any size.
func TestFixedBatch(t *testing.T) {
	for _, n := range []int{1, 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			model, err := fixedModel(n).Model()
			if err != nil {
				t.Fatal(err)
			}
			c, err := importer.Read(model, importer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if c.Batch != n {
				t.Errorf("the batch was %d, want %d", c.Batch, n)
			}
			opened, err := c.Graph.Model()
			if err != nil {
				t.Fatal(err)
			}
			want, got := logits(t, model, n, nil), logits(t, opened, 5, c.Parameters)
			if len(got) != 50 {
				t.Fatalf("%d logits, want 50", len(got))
			}
			for i, w := range want {
				if math.Abs(float64(got[i]-w)) > 1e-5 {
					t.Fatalf("logit %d is %v, want %v", i, got[i], w)
				}
			}
			if math.Abs(float64(got[0]-got[40])) < 1e-3 {
				t.Error("the last image has the logits of the first")
			}
		})
	}
}

// fixedModel is a classifier of n images of 2×4×4. It joins a token to each image, adds tensors
// that are repeated for each image, has the image as an inner index, and gathers all elements by
// index.
func fixedModel(n int) *graph.Graph {
	g := op.On(graph.New("fixed"))
	x := g.Input("image", graph.Float, graph.Static(n, 2, 4, 4))
	weights := func(name string, sizes ...int) *graph.Value {
		count := 1
		for _, s := range sizes {
			count *= s
		}
		list := make([]float32, count)
		for i := range list {
			list[i] = float32(math.Sin(float64(i*i+len(name)))) / 2
		}
		return g.Floats(name, sizes, list)
	}
	repeated := func(name string, v *graph.Value, rows int64) *graph.Value {
		if n == 1 {
			return v
		}
		return g.Expand(name, v, g.Ints(name+".sizes", int64(n), rows, 2), graph.Static(n, int(rows), 2))
	}
	x = g.Transpose("rows", g.View("pixels", x, n, 2, 16), 0, 2, 1)
	x = g.Concat("joined", []*graph.Value{repeated("token.each", weights("token", 1, 1, 2), 1), x}, 1, graph.Fixed(17))
	x = g.Binary("Add", "placed", x, repeated("places.each", weights("places", 1, 17, 2), 17))
	x = g.View("flat", g.Transpose("inside", x, 1, 0, 2), 17*n, 2)
	x = g.View("apart", g.MatMul("mixed", x, weights("mix", 2, 2)), 17, n, 2)
	x = g.View("all", g.Transpose("outside", x, 1, 0, 2), 34*n)
	places := make([]int64, 34*n)
	for i := range places {
		places[i] = int64(i/34*34 + 33 - i%34)
	}
	x = g.Gather("read", x, g.IntTensor("read.places", []int{n, 17, 2}, places), 0)
	x = g.Gemm("logits", g.View("features", x, n, 34), weights("head", 34, 10), nil, op.GemmOptions{})
	g.Output(x)
	return g.Graph
}

// logits runs a model in pure Go on n images, with the parameters as they are in the file.
func logits(t *testing.T, m *modelfile.Model, n int, parameters []importer.Parameter) []float32 {
	t.Helper()
	p, err := interp.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	x := &op.Tensor{Elem: graph.Float, Shape: []int{n, 2, 4, 4}}
	for i := range n * 32 {
		x.Floats = append(x.Floats, float32(math.Cos(float64(3*i))))
	}
	inputs := map[string]*op.Tensor{"image": x}
	for _, p := range parameters {
		elem, sizes, data, err := importer.Contents(p.Tensor)
		if err != nil {
			t.Fatal(err)
		}
		inputs[p.Name] = op.FromBytes(elem, sizes, data)
	}
	out, err := p.Run(inputs)
	if err != nil {
		t.Fatal(err)
	}
	return out[0].Floats
}

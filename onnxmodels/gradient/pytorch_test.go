package gradient

import (
	"math"
	"slices"
	"strings"
	"testing"

	"onnxlab/internal/npz"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/ortrun"
)

// layers builds each layer of testdata/layers.npz from its input x and its
// parameters, by their names there.
var layers = map[string]func(g op.Builder, in map[string]*graph.Value, w op.Window) *graph.Value{
	"conv": func(g op.Builder, in map[string]*graph.Value, w op.Window) *graph.Value {
		return g.Conv("conv", in["x"], in["w"], in["b"], w)
	},
	"batchnorm": func(g op.Builder, in map[string]*graph.Value, _ op.Window) *graph.Value {
		mean := g.Floats("mean", []int{int(in["w"].Shape[0].Size)}, make([]float32, in["w"].Shape[0].Size))
		return g.BatchNormTraining("norm", in["x"], in["w"], in["b"], mean, mean, 1e-3).Y
	},
	"relu": func(g op.Builder, in map[string]*graph.Value, _ op.Window) *graph.Value {
		return g.Unary("Relu", "relu", in["x"])
	},
	"averagepool": func(g op.Builder, in map[string]*graph.Value, w op.Window) *graph.Value {
		return g.AveragePool("pool", in["x"], w)
	},
	"maxpool": func(g op.Builder, in map[string]*graph.Value, w op.Window) *graph.Value {
		y := g.MaxPool("pool", in["x"], w)
		return y
	},
	"globalaveragepool": func(g op.Builder, in map[string]*graph.Value, _ op.Window) *graph.Value {
		return g.Flatten("flat", g.GlobalAveragePool("pool", in["x"]))
	},
	"dense": func(g op.Builder, in map[string]*graph.Value, _ op.Window) *graph.Value {
		return g.Gemm("dense", in["x"], in["w"], in["b"], op.GemmOptions{})
	},
	"residual": func(g op.Builder, in map[string]*graph.Value, _ op.Window) *graph.Value {
		return g.Binary("Add", "add", in["x"], g.Unary("Relu", "relu", conv3x3(g, in)))
	},
	"projection": func(g op.Builder, in map[string]*graph.Value, _ op.Window) *graph.Value {
		shortcut := g.Conv("shortcut", in["x"], in["sw"], in["sb"], op.Valid(1, 1))
		return g.Binary("Add", "add", shortcut, conv3x3(g, in))
	},
	"crossentropy": func(g op.Builder, in map[string]*graph.Value, _ op.Window) *graph.Value {
		loss, _ := g.SoftmaxCrossEntropy("loss", in["x"], in["label"])
		return loss
	},
}

func conv3x3(g op.Builder, in map[string]*graph.Value) *graph.Value {
	height, width := int(in["x"].Shape[2].Size), int(in["x"].Shape[3].Size)
	return g.Conv("conv", in["x"], in["w"], in["b"], op.Same(3, 1, height, width))
}

// TestLayersAgreeWithPyTorch compares the output and every gradient of single
// layers, with a symbolic batch, with what PyTorch gave in float64.
func TestLayersAgreeWithPyTorch(t *testing.T) {
	archive, err := npz.Read("../testdata/layers.npz")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]npz.Archive{}
	for key, array := range archive {
		at := strings.LastIndex(key, "/")
		if cases[key[:at]] == nil {
			cases[key[:at]] = npz.Archive{}
		}
		cases[key[:at]][key[at+1:]] = array
	}
	tested := map[string]bool{}
	for name, arrays := range cases {
		layer, _, _ := strings.Cut(name, "/")
		tested[layer] = true
		t.Run(name, func(t *testing.T) { checkLayer(t, layer, arrays) })
	}
	for layer := range layers {
		if !tested[layer] {
			t.Errorf("layers.npz has no case of %q", layer)
		}
	}
}

// checkLayer differentiates the sum of y · dy and compares.
func checkLayer(t *testing.T, layer string, arrays npz.Archive) {
	g, in := op.On(graph.New(layer)), map[string]*graph.Value{}
	var inputs []ortrun.Input
	var targets []string
	for _, name := range []string{"x", "w", "b", "sw", "sb", "label"} {
		array, ok := arrays[name]
		if !ok {
			continue
		}
		elem, shape := graph.Float, graph.Static(array.Shape...)
		input := ortrun.Input{Name: name, Shape: array.Shape}
		if name == "label" {
			elem, input.Int64 = graph.Int64, array.Int64()
		} else {
			targets, input.Float32 = append(targets, name), array.Float32()
		}
		if elem == graph.Int64 || name == "x" {
			shape[0] = graph.Symbol("batch")
		}
		in[name], inputs = g.Input(name, elem, shape), append(inputs, input)
	}
	y := layers[layer](g, in, windowOf(arrays))
	loss := y
	if dy, ok := arrays["dy"]; ok {
		inputs = append(inputs, ortrun.Input{Name: "dy", Shape: dy.Shape, Float32: dy.Float32()})
		axes := []int64{0, 1, 2, 3}[:len(y.Shape)]
		loss = g.ReduceSum("loss.sum", g.Binary("Mul", "weighted", y, g.Input("dy", graph.Float, y.Shape)), false, axes...)
	}
	compareLayer(t, g, y, loss, in, targets, inputs, arrays)
}

func compareLayer(t *testing.T, g op.Builder, y, loss *graph.Value, in map[string]*graph.Value, targets []string, inputs []ortrun.Input, arrays npz.Archive) {
	var values []*graph.Value
	for _, name := range targets {
		values = append(values, in[name])
	}
	results := differentiated(t, g, y, loss, values).Run(t, inputs...)
	near(t, "y", results[0], arrays["y"])
	for i, name := range targets {
		near(t, "d"+name, results[i+1], arrays["d"+name])
	}
}

// windowOf returns the window of a case that has one.
func windowOf(arrays npz.Archive) op.Window {
	if _, ok := arrays["kernel"]; !ok {
		return op.Window{}
	}
	return op.Window{
		Kernel:  [2]int(ints(arrays["kernel"])),
		Strides: [2]int(ints(arrays["stride"])),
		Pads:    [4]int(ints(arrays["pad"])),
	}
}

func ints(a npz.Array) []int {
	var list []int
	for _, v := range a.Int64() {
		list = append(list, int(v))
	}
	return list
}

// near accepts differences up to 2e-5 of the largest value, or of 1.
func near(t *testing.T, name string, got []float32, want npz.Array) {
	t.Helper()
	values := want.Float64()
	if len(got) != len(values) {
		t.Fatalf("%s has %d elements, PyTorch's has %d", name, len(got), len(values))
	}
	scale := max(1, slices.Max(values), -slices.Min(values))
	for i, w := range values {
		if difference := math.Abs(float64(got[i]) - w); !(difference <= 2e-5*scale) {
			t.Errorf("%s[%d] = %v, PyTorch gave %v", name, i, got[i], w)
		}
	}
}

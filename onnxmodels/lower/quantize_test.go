package lower

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// branches is a graph with each way in which values meet: a convolution with a ReLU, one
// without, pools, a sum with an input that is also used elsewhere, and a last product.
func branches() (b op.Builder, ranges map[string]Range) {
	b = op.On(graph.New("test"))
	image := b.Input("image", graph.Uint8, graph.Shape{graph.Symbol("n"), graph.Fixed(2), graph.Fixed(4), graph.Fixed(4)})
	x := b.Dequantize("image", image, b.Scalar("image.scale", 0.5), b.Constant("image.zero", graph.Uint8, nil, []byte{3}), 1)
	window := op.Valid(1, 1)
	weight := b.Floats("weight", []int{2, 2, 1, 1}, []float32{32, -0.5, 0, 0})
	y := b.Unary("Relu", "relu", b.Conv("conv", x, weight, b.Floats("bias", []int{2}, []float32{0.125, 3}), window))
	y = b.MaxPool("max", y, op.Valid(2, 2))
	z := b.Conv("plain", y, b.Floats("second", []int{2, 2, 1, 1}, []float32{1, 2, 3, 4}), nil, window)
	sum := b.Unary("Relu", "sum.relu", b.Binary("Add", "sum", y, z))
	pooled := b.Flatten("flat", b.AveragePool("average", sum, op.Valid(2, 2)))
	out := b.Gemm("dense", pooled, b.Floats("third", []int{2, 3}, []float32{64, 0, 1, 32, 0, -128}), b.Floats("biases", []int{3}, []float32{1, 2, 3}), op.GemmOptions{})
	b.Output(out)
	b.Output(b.Softmax("probabilities", out))
	return b, map[string]Range{
		"relu.out": {0, 51}, "max.out": {1, 50}, "plain.out": {-51, 102}, "sum.relu.out": {0, 25.5}, "average.out": {2, 12.75},
	}
}

func node(t *testing.T, g *graph.Graph, name string) *graph.Node {
	t.Helper()
	for _, n := range g.Nodes {
		if n.Name == name {
			return n
		}
	}
	t.Fatalf("there is no node %q", name)
	return nil
}

// stepsOf describes the scale and the zero point of a quantizing node.
func stepsOf(n *graph.Node) string {
	return fmt.Sprintf("%v %s %v", n.Inputs[1].Floats(), n.Inputs[2].Elem, n.Inputs[2].Data())
}

// TestQuantizeValues compares scales and zero points with numbers computed by hand from the
// ranges, and checks which values are quantized.
func TestQuantizeValues(t *testing.T) {
	b, ranges := branches()
	Quantize(b.Graph, ranges)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	var names []string
	Each(b.Graph, "", "QuantizeLinear", func(n *graph.Node) { names = append(names, strings.TrimSuffix(n.Name, ".out.quantize")) })
	if want := []string{"relu", "max", "plain", "sum.relu", "average", "flat"}; !slices.Equal(names, want) {
		t.Errorf("quantized are %q, want %q", names, want)
	}
	for name, want := range map[string]string{
		"relu":     "[0.2] uint8 [0]", // 51/255
		"max":      "[0.2] uint8 [0]", // as the ReLU
		"plain":    "[0.6] uint8 [85]",
		"sum.relu": "[0.1] uint8 [0]",
		"average":  "[0.05] uint8 [0]", // 0 is in it
		"flat":     "[0.05] uint8 [0]",
	} {
		q, d := node(t, b.Graph, name+".out.quantize"), node(t, b.Graph, name+".out.dequantize")
		if got := stepsOf(q); got != want || stepsOf(d) != want || d.Inputs[0] != q.Outputs[0] {
			t.Errorf("%s: %s and %s, want %s", name, got, stepsOf(d), want)
		}
		if users := b.Users(q.Inputs[0]); len(users) != 1 {
			t.Errorf("%s is used by %d nodes, want its quantization alone", name, len(users))
		}
	}
	if users := b.Users(node(t, b.Graph, "max.out.dequantize").Outputs[0]); len(users) != 2 {
		t.Errorf("the dequantized pool goes to %d nodes, want both branches", len(users))
	}
}

// TestQuantizeWeights compares quantized weights and biases with integers computed by hand.
func TestQuantizeWeights(t *testing.T) {
	b, ranges := branches()
	Quantize(b.Graph, ranges)
	for _, c := range []struct {
		node, input      string
		elem             graph.Elem
		axis             int64
		integers, scales string
	}{
		// 32/64 = 0.5, and −0.5 is one step of that. The channel of zeros has the least
		// scale that holds its bias: 3/(0.5·2²⁹).
		{"conv", "W", graph.Int8, 0, "[64 -1 0 0]", "[0.5 1.1175871e-08]"},
		{"conv", "B", graph.Int32, 0, "[0 536870912]", "[0.25 5.5879354e-09]"}, // 0.125/0.25 is halfway: to even
		{"plain", "W", graph.Int8, 0, "[32 64 48 64]", "[0.03125 0.0625]"},
		{"dense", "B", graph.Int8, 1, "[64 0 0 32 0 -64]", "[1 7.4505806e-08 2]"}, // 1/2 too
		{"dense", "C", graph.Int32, 0, "[20 536870912 30]", "[0.05 3.7252903e-09 0.1]"},
	} {
		n := node(t, b.Graph, c.node).In(c.input).Producer()
		integers := n.Inputs[0]
		if got := fmt.Sprint(numbers(integers)); integers.Elem != c.elem || got != c.integers || n.Int("axis") != c.axis {
			t.Errorf("%s, %s: %s %s along %d, want %s %s along %d", c.node, c.input, integers.Elem, got, n.Int("axis"), c.elem, c.integers, c.axis)
		}
		if got := fmt.Sprint(n.Inputs[1].Floats()); got != c.scales {
			t.Errorf("%s, %s: scales %s, want %s", c.node, c.input, got, c.scales)
		}
		if zero := n.Inputs[2]; zero.Elem != c.elem || slices.ContainsFunc(zero.Data(), func(b byte) bool { return b != 0 }) {
			t.Errorf("%s, %s: zero point %s %v", c.node, c.input, zero, zero.Data())
		}
	}
	if node(t, b.Graph, "plain").In("B") != nil {
		t.Error("a convolution without bias got one")
	}
	for _, v := range b.Constants {
		if v.Name == "weight" || v.Name == "third" {
			t.Errorf("the constant %s is kept in float32", v)
		}
	}
}

// TestQuantizeProducts has dense layers as transformers have them. The weight of a product has a
// scale for each column. Only the first input of a product is quantized, not its sums, to which
// a constant is added. Products of two computed values, or with a stack of matrices, are left
// alone.
func TestQuantizeProducts(t *testing.T) {
	b := op.On(graph.New("test"))
	x := b.Unary("Neg", "x", b.Input("input", graph.Float, graph.Static(2, 3, 2)))
	dense := b.Binary("Add", "dense", b.MatMul("product", x, b.Floats("weight", []int{2, 2}, []float32{64, 1, -16, -0.5})), b.Floats("bias", []int{2}, []float32{1, 2}))
	b.Output(b.MatMul("values", x, b.Unary("Abs", "other", b.Transpose("turned", dense, 0, 2, 1))))
	b.Output(b.MatMul("stack", b.Unary("Abs", "rows", dense), b.Floats("matrices", []int{2, 2, 1}, []float32{1, 2, 3, 4})))
	Quantize(b.Graph, map[string]Range{"x.out": {-1, 50}})
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	var names []string
	Each(b.Graph, "", "QuantizeLinear", func(n *graph.Node) { names = append(names, n.Name) })
	if want := []string{"x.out.quantize"}; !slices.Equal(names, want) {
		t.Errorf("quantized are %q, want %q", names, want)
	}
	weight := node(t, b.Graph, "product").In("B").Producer()
	if got := fmt.Sprint(numbers(weight.Inputs[0]), weight.Inputs[1].Floats(), weight.Int("axis")); got != "[64 64 -16 -32] [1 0.015625] 1" {
		t.Errorf("weight, scales and axis are %s", got)
	}
	if !node(t, b.Graph, "stack").In("B").Constant() {
		t.Error("a stack of matrices is quantized")
	}
}

// numbers are the elements of a constant of integers.
func numbers(v *graph.Value) (list []int) {
	data := v.Data()
	for i := 0; i < len(data); i += v.Elem.Size() {
		if v.Elem == graph.Int8 {
			list = append(list, int(int8(data[i])))
		} else {
			list = append(list, int(int32(binary.LittleEndian.Uint32(data[i:]))))
		}
	}
	return list
}

// TestQuantizeRefuses: ranges that are not known or not finite are errors.
func TestQuantizeRefuses(t *testing.T) {
	for _, r := range []Range{{Max: float32(math.Inf(1))}, {Min: float32(math.NaN())}, {Min: float32(math.Inf(-1))}} {
		b, ranges := branches()
		ranges["sum.relu.out"] = r
		Quantize(b.Graph, ranges)
		if err := b.Err(); err == nil || !strings.Contains(err.Error(), `the range of "sum.relu.out" is not known or not finite`) {
			t.Errorf("%v: error %v", r, err)
		}
	}
	b, ranges := branches()
	delete(ranges, "average.out")
	Quantize(b.Graph, ranges)
	if err := b.Err(); err == nil || !strings.Contains(err.Error(), `"average.out"`) {
		t.Errorf("error %v", err)
	}
}

// TestQuantizeLeaves checks that only products with constants are quantized, not those with a
// computed weight or a sum with a factor.
func TestQuantizeLeaves(t *testing.T) {
	b := op.On(graph.New("test"))
	x := b.Input("x", graph.Uint8, graph.Static(1, 2))
	y := b.Dequantize("x", x, b.Scalar("scale", 1), b.Constant("zero", graph.Uint8, nil, []byte{0}), 1)
	weight := b.Floats("weight", []int{2, 2}, []float32{1, 2, 3, 4})
	computed := b.Gemm("computed", y, b.Unary("Neg", "negated", weight), nil, op.GemmOptions{})
	scaled := b.Do("", "Gemm", op.Call{Name: "scaled", Inputs: []*graph.Value{y, weight}, Attributes: []graph.Attribute{{Name: "alpha", Value: float32(2)}}})[0]
	b.Output(b.Binary("Sub", "difference", computed, scaled))
	Quantize(b.Graph, map[string]Range{"computed.out": {0, 1}, "scaled.out": {0, 1}, "negated.out": {-4, 0}})
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	if !node(t, b.Graph, "scaled").In("B").Constant() {
		t.Error("the weight of a product with a factor is quantized")
	}
	Each(b.Graph, "", "DequantizeLinear", func(n *graph.Node) {
		if n.Inputs[0].Elem == graph.Int8 {
			t.Errorf("%s is a weight in int8", n.Name)
		}
	})
}

package interp

import (
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/ortrun"
)

// quantized returns a network in int8, with the ranges of its values on images.
func quantized(t testing.TB, n *onnxmodels.Network, c *checkpoint.Checkpoint, o onnxmodels.InferenceOptions, pixels []uint8) *onnxpb.Model {
	t.Helper()
	values, err := mustNew(t, inference(t, n, c, o)).Values(pixels)
	if err != nil {
		t.Fatal(err)
	}
	o.Precision, o.Ranges = onnxmodels.PrecisionInt8, onnxmodels.Ranges{}
	for _, v := range values {
		o.Ranges.Observe(v.Name, v.Floats)
	}
	return inference(t, n, c, o)
}

// TestQuantized compares networks in int8 with the same networks in float32, in both
// runtimes and both forms of input. The runtimes differ where a number is halfway between
// two integers.
func TestQuantized(t *testing.T) {
	for name, network := range map[string]func(testing.TB) (*onnxmodels.Network, *checkpoint.Checkpoint){
		"small": small, "every layer": layered,
		"quarter of the study's": func(t testing.TB) (*onnxmodels.Network, *checkpoint.Checkpoint) {
			return cnn(t, onnxmodels.CNNOptions{Height: 32, Width: 32, Widths: []int{16, 32, 64}, Convolutions: 3, Classes: 10})
		},
	} {
		n, state := network(t)
		h, w := n.Size()
		pixels := images(20, h*w*3)
		var before []float32
		for _, input := range []string{onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW} {
			o := onnxmodels.InferenceOptions{Input: input}
			single, m := inference(t, n, state, o), quantized(t, n, state, o, pixels)
			want := ortrun.Load(t, single).Run(t, feed(t, mustNew(t, single), pixels))
			inORT := ortrun.Load(t, m).Run(t, feed(t, mustNew(t, m), pixels))
			logits, probabilities := mustPredict(t, mustNew(t, m), pixels)
			scale := float64(slices.Max(want[0]) - slices.Min(want[0]))
			off, apart := difference(t, inORT[0], want[0])/scale, difference(t, inORT[0], logits)/scale
			t.Logf("%s, %s: %.4f from float32, runtimes %.4f apart, of logits; probabilities %.4f and %.4f", name, input,
				off, apart, difference(t, inORT[1], want[1]), difference(t, inORT[1], probabilities))
			if off > 0.03 || off == 0 || apart > 0.01 {
				t.Errorf("%s, %s: logits are off by %v of their range, the runtimes apart by %v", name, input, off, apart)
			}
			if before != nil && difference(t, logits, before)/scale > 0.01 {
				t.Errorf("%s: the forms of input differ by %v", name, difference(t, logits, before))
			}
			before = logits
		}
	}
}

// layered is a network with every kind of layer, with residual sums and values that fork.
func layered(t testing.TB) (*onnxmodels.Network, *checkpoint.Checkpoint) {
	t.Helper()
	conv := func(name string, o onnxmodels.ConvOptions) onnxmodels.Layer { return onnxmodels.Conv(name, o) }
	n, err := onnxmodels.NewNetwork(13, 18,
		conv("even", onnxmodels.ConvOptions{Filters: 6, Kernel: 4}),
		onnxmodels.ReLU("relu0"),
		onnxmodels.Dropout("dropped", 0.5),
		onnxmodels.MaxPool("max", onnxmodels.PoolOptions{Size: 3, Stride: 2, Same: true}),
		onnxmodels.Residual("block", conv("shortcut", onnxmodels.ConvOptions{Filters: 6, Kernel: 1, Stride: 2, NoBias: true}),
			conv("conv1", onnxmodels.ConvOptions{Filters: 6, Kernel: 3, Stride: 2, NoBias: true}),
			onnxmodels.BatchNorm("norm1", onnxmodels.BatchNormOptions{Epsilon: 1e-5}),
			onnxmodels.ReLU("relu1"),
			conv("conv2", onnxmodels.ConvOptions{Filters: 6, Kernel: 3})),
		onnxmodels.Residual("same", nil, onnxmodels.BatchNorm("norm", onnxmodels.BatchNormOptions{}), onnxmodels.ReLU("relu")),
		onnxmodels.AveragePool("average", onnxmodels.PoolOptions{Size: 2, Stride: 1, Same: true}),
		onnxmodels.Flatten("flat"),
		onnxmodels.Dense("hidden", 9),
		onnxmodels.ReLU("relu2"),
		onnxmodels.Dense("dense", 4))
	if err != nil {
		t.Fatal(err)
	}
	return n, trained(n)
}

// TestQuantizeOperators compares QuantizeLinear and DequantizeLinear with ONNX Runtime,
// bit for bit and in all their forms, and with numbers computed by hand.
func TestQuantizeOperators(t *testing.T) {
	channels := func(b op.Builder, scales ...float32) *graph.Value {
		return b.Floats("scale", []int{len(scales)}, scales)
	}
	along := func(b op.Builder, x, scale, zero *graph.Value, axis int64) *graph.Value {
		attribute := []graph.Attribute{{Name: "axis", Value: axis}}
		inputs := []*graph.Value{x, scale, zero}
		q := b.Do("", "QuantizeLinear", op.Call{Name: "q", Inputs: inputs, Attributes: attribute})[0]
		return b.Do("", "DequantizeLinear", op.Call{Name: "d", Inputs: []*graph.Value{q, scale, zero}, Attributes: attribute})[0]
	}
	for name, build := range map[string]func(b op.Builder, x *graph.Value) *graph.Value{
		"uint8": func(b op.Builder, x *graph.Value) *graph.Value {
			return along(b, x, b.Scalar("scale", 1.0/64), b.Constant("zero", graph.Uint8, nil, []byte{7}), 1)
		},
		"no zero point": func(b op.Builder, x *graph.Value) *graph.Value { return along(b, x, b.Scalar("scale", 0.003), nil, 1) },
		"int8": func(b op.Builder, x *graph.Value) *graph.Value {
			return along(b, x, b.Scalar("scale", 0.01), b.Constant("zero", graph.Int8, nil, []byte{0xf0}), 1)
		},
		"channels": func(b op.Builder, x *graph.Value) *graph.Value {
			return along(b, x, channels(b, 0.01, 0.02, 0.001), b.Constant("zero", graph.Int8, []int{3}, []byte{0, 0x80, 0x7f}), 1)
		},
		"last axis": func(b op.Builder, x *graph.Value) *graph.Value {
			return along(b, x, channels(b, 1, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001), b.Constant("zero", graph.Uint8, []int{7}, []byte{0, 1, 2, 3, 128, 254, 255}), -1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := op.On(graph.New(name))
			x := b.Input("image", graph.Float, graph.Shape{graph.Symbol("batch"), graph.Fixed(3), graph.Fixed(5), graph.Fixed(7)})
			logits := b.Flatten("logits", x)
			probabilities := b.Softmax("probabilities", logits)
			y := build(b, x)
			for _, out := range []struct {
				v    *graph.Value
				name string
			}{{logits, "logits"}, {probabilities, "probabilities"}, {y, "y"}} {
				b.Rename(out.v, out.name)
				b.Output(out.v)
			}
			m, err := b.Model()
			if err != nil {
				t.Fatal(err)
			}
			model, pixels := mustNew(t, m), images(2, 3*5*7)
			values, err := model.Values(pixels)
			if err != nil {
				t.Fatal(err)
			}
			inORT := ortrun.Load(t, m).Run(t, feed(t, model, pixels))[2]
			if d := difference(t, value(values, "y").Floats, inORT); d != 0 {
				t.Errorf("the largest difference is %v", d)
			}
		})
	}
	checkByHand(t)
}

// checkByHand checks numbers halfway between two integers, which go to the even one, and
// numbers out of range.
func checkByHand(t *testing.T) {
	t.Helper()
	x := &op.Tensor{Elem: graph.Float, Shape: []int{8}, Floats: []float32{-0.25, 0.25, 0.75, 1.25, -60, 70, 1e30, float32(math.Inf(-1))}}
	scale := &op.Tensor{Elem: graph.Float, Floats: []float32{0.5}}
	for elem, want := range map[graph.Elem][]int64{
		graph.Uint8: {10, 10, 12, 12, 0, 150, 255, 0},
		graph.Int8:  {10, 10, 12, 12, -110, 127, 127, -128},
	} {
		zero := &op.Tensor{Elem: elem, Ints: []int64{10}}
		q := evaluate(t, "QuantizeLinear", x, scale, zero)
		if q.Elem != elem || !slices.Equal(q.Ints, want) {
			t.Errorf("%s %v, want %v", q, q.Ints, want)
		}
		if y := evaluate(t, "DequantizeLinear", q, scale, zero); y.Floats[4] != float32(want[4]-10)/2 {
			t.Errorf("%d stands for %v", want[4], y.Floats[4])
		}
	}
	bias := &op.Tensor{Elem: graph.Int32, Shape: []int{2}, Ints: []int64{-3, 1 << 20}}
	scales := &op.Tensor{Elem: graph.Float, Shape: []int{2}, Floats: []float32{0.5, 2}}
	node := &graph.Node{Schema: &op.Lookup("", "DequantizeLinear").Schema, Attributes: []graph.Attribute{{Name: "axis", Value: int64(0)}}}
	y, err := op.Of(node).Eval(node, []*op.Tensor{bias, scales})
	if err != nil || !slices.Equal(y[0].Floats, []float32{-1.5, 1 << 21}) {
		t.Errorf("%v, error %v", y, err)
	}
}

func evaluate(t *testing.T, name string, in ...*op.Tensor) *op.Tensor {
	t.Helper()
	node := &graph.Node{Schema: &op.Lookup("", name).Schema}
	out, err := op.Of(node).Eval(node, in)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// TestHostileIntegers: each mistake in quantized numbers gives an error that says what is
// wrong.
func TestHostileIntegers(t *testing.T) {
	network, state := small(t)
	pixels := images(1, 8*12*3)
	initializer := func(m *onnxpb.Model, name string) *onnxpb.Tensor {
		i := slices.IndexFunc(m.Graph.Initializer, func(t *onnxpb.Tensor) bool { return t.GetName() == name })
		return m.Graph.Initializer[i]
	}
	for want, damage := range map[string]func(m *onnxpb.Model){
		`(DequantizeLinear): scale stage1.conv1.weight.folded.scale float32[2] does not fit dimension 0`: func(m *onnxpb.Model) {
			i := initializer(m, "stage1.conv1.weight.folded.scale")
			i.Dims, i.RawData = []int64{2}, i.RawData[:8]
			z := initializer(m, "stage1.conv1.weight.folded.zero_point")
			z.Dims, z.RawData = []int64{2}, z.RawData[:2]
		},
		`zero_point int8[2] does not have the shape of the scale stage1.conv1.weight.folded.scale float32[4]`: func(m *onnxpb.Model) {
			z := initializer(m, "stage1.conv1.weight.folded.zero_point")
			z.Dims, z.RawData = []int64{2}, z.RawData[:2]
		},
		`uint8[batch, 3, 8, 12] and the zero point image.zero_point int8[] differ in type`: func(m *onnxpb.Model) {
			initializer(m, "image.zero_point").DataType = proto.Int32(int32(graph.Int8))
		},
		`(QuantizeLinear): cannot quantize float32 to float32: want float32 to integers of 8`: func(m *onnxpb.Model) {
			nodeOf(m, "QuantizeLinear").Input[2] = "image.scale"
		},
		`(QuantizeLinear): cannot quantize uint8 to uint8: want float32 to integers of 8`: func(m *onnxpb.Model) {
			nodeOf(m, "QuantizeLinear").Input[0] = nodeOf(m, "Transpose").Output[0]
		},
		`attribute "blocks" is not supported`: func(m *onnxpb.Model) { set(nodeOf(m, "DequantizeLinear"), "blocks", int64(2)) },
		`int8[4, 3, 3, 3] has no dimension 9`: func(m *onnxpb.Model) {
			for _, n := range m.Graph.Node {
				if n.GetName() == "stage1.conv1.weight.folded.dequantize" {
					set(n, "axis", int64(9))
				}
			}
		},
		`need 108 bytes, it has 107`: func(m *onnxpb.Model) {
			i := initializer(m, "stage1.conv1.weight.folded.quantized")
			i.RawData = i.RawData[:107]
		},
	} {
		m := quantized(t, network, state, onnxmodels.InferenceOptions{}, pixels)
		damage(m)
		data, err := modelfile.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		model, err := New(data)
		if err == nil {
			_, _, err = model.Predict(t.Context(), pixels)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

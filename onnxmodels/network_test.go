package onnxmodels

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/kernels"
	"onnxlab/ort/ortrun"
)

func mustCNN(t *testing.T, size int, widths []int, convolutions, classes int) *Network {
	t.Helper()
	n, err := CNN(CNNOptions{Height: size, Width: size, Widths: widths, Convolutions: convolutions, Classes: classes})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestStudyNetwork compares the study's network with Keras's: the number of parameters,
// their shapes, and their initial values.
func TestStudyNetwork(t *testing.T) {
	var want struct {
		Total, Trainable int
		Kernels          [][2]json.RawMessage // largest value, shape
	}
	data, err := os.ReadFile("testdata/keras.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	n := mustCNN(t, 32, []int{64, 128, 256}, 3, 10)
	total, trainable := n.Count()
	if total != want.Total || total != 1927946 || trainable != want.Trainable {
		t.Errorf("%d parameters, %d trainable; Keras has %d and %d", total, trainable, want.Total, want.Trainable)
	}
	c := n.Initialize(1)
	i := 0
	for _, p := range c.Trainable {
		if !strings.HasSuffix(p.Name, ".weight") || len(p.Shape) == 1 {
			continue
		}
		var largest float64
		var shape []int
		if err := errorOf(json.Unmarshal(want.Kernels[i][0], &largest), json.Unmarshal(want.Kernels[i][1], &shape)); err != nil {
			t.Fatal(err)
		}
		if len(shape) == 4 { // Keras has [h, w, in, out]
			shape = []int{shape[3], shape[2], shape[0], shape[1]}
		}
		if !slices.Equal(p.Shape, shape) {
			t.Errorf("%s has shape %v, Keras's %v", p.Name, p.Shape, shape)
		}
		checkUniform(t, p, largest)
		i++
	}
	if i != len(want.Kernels) {
		t.Errorf("%d kernels, Keras has %d", i, len(want.Kernels))
	}
}

func errorOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkUniform compares mean, variance and extremes with those of a uniform distribution
// from which Keras drew as many numbers, the largest being about `largest`.
func checkUniform(t *testing.T, p checkpoint.Tensor, largest float64) {
	t.Helper()
	var sum, squares, top float64
	for _, v := range p.Data {
		sum += float64(v)
		squares += float64(v) * float64(v)
		top = max(top, math.Abs(float64(v)))
	}
	n := float64(len(p.Data))
	if math.Abs(top-largest) > 0.02*largest {
		t.Errorf("%s reaches %v, Keras's %v", p.Name, top, largest)
	}
	if v, want := squares/n, largest*largest/3; math.Abs(v-want) > 0.1*want {
		t.Errorf("%s has variance %v, want %v", p.Name, v, want)
	}
	if mean := sum / n; math.Abs(mean) > 4*largest/math.Sqrt(3*n) {
		t.Errorf("%s has mean %v", p.Name, mean)
	}
}

// TestInitialize: the values depend on the seed, and each parameter is drawn
// independently.
func TestInitialize(t *testing.T) {
	n := mustCNN(t, 8, []int{4, 6}, 1, 3)
	a, b, other := n.Initialize(1), n.Initialize(1), n.Initialize(2)
	if string(checkpoint.Encode(a)) != string(checkpoint.Encode(b)) {
		t.Error("one seed gave two initialisations")
	}
	if slices.Equal(a.Parameter("dense.weight").Data, other.Parameter("dense.weight").Data) {
		t.Error("two seeds gave one initialisation")
	}
	deeper := mustCNN(t, 8, []int{4, 6, 6}, 1, 3).Initialize(1)
	if !slices.Equal(a.Parameter("stage2.conv1.weight").Data, deeper.Parameter("stage2.conv1.weight").Data) {
		t.Error("a further stage changed the parameters of another")
	}
}

// random returns a checkpoint of the network in which no parameter has a trivial value.
func random(n *Network) *checkpoint.Checkpoint {
	c := n.Initialize(4)
	rng := rand.New(rand.NewPCG(8, 9))
	for _, list := range [][]checkpoint.Tensor{c.Trainable, c.Frozen} {
		for _, p := range list {
			for i := range p.Data {
				p.Data[i] += (rng.Float32() - 0.5) * 0.3
			}
		}
	}
	return c
}

// TestLogitsOfArtifacts: Artifacts.Logits names the value from which the evaluation
// model computes its loss, whatever the last layer is.
func TestLogitsOfArtifacts(t *testing.T) {
	head := []Layer{Conv("conv", ConvOptions{Filters: 4, Kernel: 3}), GlobalAveragePool("pool")}
	for want, last := range map[string][]Layer{
		"dense.out":     {Dense("dense", 5)},
		"head.last.out": {Scope("head", Dense("hidden", 7), ReLU("relu"), Dense("last", 5))},
		"short.add.out": {Residual("short", Dense("direct", 5), Dense("long", 5))},
		"activated.out": {Dense("dense", 5), ReLU("activated")},
		"pool.flat.out": {}, // a class for each channel
		"after.out":     {Dropout("drop", 0.5), Dense("after", 5)},
	} {
		n, err := NewNetwork(8, 8, append(slices.Clone(head), last...)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range Targets() {
			a, err := n.Artifacts(TrainingOptions{Momentum: 0.9, Target: target, Batch: 4, LabelSmoothing: 0.1})
			if err != nil {
				t.Fatal(err)
			}
			var of string
			for _, node := range a.Eval.GetGraph().GetNode() {
				if node.GetOpType() == "SoftmaxCrossEntropyLoss" {
					of = node.GetInput()[0]
				}
			}
			if a.Logits != want || of != want {
				t.Errorf("%s: logits %q, the loss is of %q, want %q", target, a.Logits, of, want)
			}
		}
	}
}

// TestInferenceForms compares logits and probabilities of the forms of an inference
// model, for networks that native operators fit and for others.
func TestInferenceForms(t *testing.T) {
	t.Run("narrow", func(t *testing.T) { compareForms(t, mustCNN(t, 12, []int{5, 7}, 2, 4), 0) })
	t.Run("blocks", func(t *testing.T) { compareForms(t, mustCNN(t, 12, []int{16, 32}, 2, 4), 4) })
}

func compareForms(t *testing.T, n *Network, native int) {
	t.Helper()
	c := random(n)
	rng := rand.New(rand.NewPCG(3, 4))
	const batch = 3
	bytes := ortrun.Input{Name: "image", Shape: []int{batch, 12, 12, 3}, Uint8: make([]uint8, batch*12*12*3)}
	floats := ortrun.Input{Name: "image", Shape: []int{batch, 3, 12, 12}, Float32: make([]float32, batch*12*12*3)}
	for i := range bytes.Uint8 {
		v := rng.IntN(256)
		image, pixel, channel := i/(12*12*3), i/3%(12*12), i%3
		bytes.Uint8[i] = uint8(v)
		floats.Float32[(image*3+channel)*12*12+pixel] = float32(v) / 255
	}
	inputs := map[string]ortrun.Input{InputUint8NHWC: bytes, InputFloat32NCHW: floats}
	var want [][]float32
	for _, o := range []InferenceOptions{
		{Input: InputUint8NHWC, KeepBatchNorm: true},
		{Input: InputFloat32NCHW, KeepBatchNorm: true},
		{Input: InputUint8NHWC},
		{Input: InputFloat32NCHW},
		{Input: InputUint8NHWC, Target: TargetNative, Block: kernels.Block()},
		{Input: InputFloat32NCHW, Target: TargetNative, Block: kernels.Block()},
	} {
		m, err := n.Inference(c, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := count(m, "", "BatchNormalization"); got != map[bool]int{true: 4, false: 0}[o.KeepBatchNorm] {
			t.Errorf("%+v: %d BatchNormalization operators", o, got)
		}
		if got := count(m, "onnxlab", "Conv"); o.Target == TargetNative && got != native || o.Target == "" && got > 0 {
			t.Errorf("%+v: %d convolutions are native operators", o, got)
		}
		got := ortrun.Load(t, m).Run(t, inputs[o.Input])
		if want == nil {
			want = got
		}
		for k := range want {
			for i, w := range want[k] {
				if math.Abs(float64(got[k][i]-w)) > 1e-5 {
					t.Errorf("%+v: output %d[%d] = %v, want %v", o, k, i, got[k][i], w)
				}
			}
		}
	}
}

func TestInferenceRefuses(t *testing.T) {
	n := mustCNN(t, 12, []int{5, 7}, 2, 4)
	for want, o := range map[string]InferenceOptions{
		`input "bgr" is neither`:  {Input: "bgr"},
		`3 class names for 4`:     {Classes: []string{"a", "b", "c"}},
		`target "tpu" is none of`: {Target: "tpu"},
	} {
		if _, err := n.Inference(n.Initialize(1), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", o, err, want)
		}
	}
}

func count(m *modelfile.Model, domain, op string) int {
	n := 0
	for _, node := range m.GetGraph().GetNode() {
		if node.GetDomain() == domain && node.GetOpType() == op {
			n++
		}
	}
	return n
}

// TestFoldKeepsSharedConvolutions: a convolution that something else uses too
// is left as it is.
func TestFoldKeepsSharedConvolutions(t *testing.T) {
	n, err := NewNetwork(8, 8,
		Conv("first", ConvOptions{Filters: 4, Kernel: 3}),
		Residual("block", nil, BatchNorm("norm", BatchNormOptions{}), ReLU("relu"), Conv("conv", ConvOptions{Filters: 4, Kernel: 3, NoBias: true}), BatchNorm("last", BatchNormOptions{})),
		GlobalAveragePool("pool"), Dense("dense", 3))
	if err != nil {
		t.Fatal(err)
	}
	c := random(n)
	in := ortrun.Input{Name: "image", Shape: []int{2, 8, 8, 3}, Uint8: make([]uint8, 2*8*8*3)}
	for i := range in.Uint8 {
		in.Uint8[i] = uint8(i * 37)
	}
	var outputs [][]float32
	for _, keep := range []bool{true, false} {
		m, err := n.Inference(c, InferenceOptions{KeepBatchNorm: keep})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 2, false: 1}[keep]; count(m, "", "BatchNormalization") != want {
			t.Errorf("keep %v: want %d BatchNormalization operators", keep, want)
		}
		outputs = append(outputs, ortrun.Load(t, m).Run(t, in)[0])
	}
	for i := range outputs[0] {
		if math.Abs(float64(outputs[0][i]-outputs[1][i])) > 1e-5 {
			t.Errorf("logits %v and %v", outputs[0], outputs[1])
		}
	}
}

// TestMistakes: parts that do not fit together give an error that names them.
func TestMistakes(t *testing.T) {
	for want, layers := range map[string][]Layer{
		`dense "dense"`:    {Dense("dense", 3)},
		`conv "c"`:         {Conv("c", ConvOptions{Kernel: 3})},
		`does not fit`:     {AveragePool("p", PoolOptions{Size: 9}), GlobalAveragePool("g"), Dense("d", 2)},
		`residual "r"`:     {Residual("r", nil, Conv("c", ConvOptions{Filters: 4, Kernel: 3})), GlobalAveragePool("g"), Dense("d", 2)},
		`want logits`:      {ReLU("r")},
		`rate 1 is outs`:   {Dropout("d", 1), GlobalAveragePool("g"), Dense("d", 2)},
		`the name is tak`:  {GlobalAveragePool("g"), Dense("d", 2), Dense("d", 2)},
		`with stride -1`:   {Conv("c", ConvOptions{Filters: 4, Kernel: 3, Stride: -1}), GlobalAveragePool("g"), Dense("d", 2)},
		`rate NaN is out`:  {Dropout("d", float32(math.NaN())), GlobalAveragePool("g"), Dense("d", 2)},
		`epsilon -1 is`:    {BatchNorm("b", BatchNormOptions{Epsilon: -1}), GlobalAveragePool("g"), Dense("d", 2)},
		`momentum NaN`:     {BatchNorm("b", BatchNormOptions{Momentum: float32(math.NaN())}), GlobalAveragePool("g"), Dense("d", 2)},
		`layer 1 of "" is`: {GlobalAveragePool("g"), nil, Dense("d", 2)},
		`layer 0 of "r."`:  {Residual("r", nil, nil), GlobalAveragePool("g"), Dense("d", 2)},
		`gives no value`:   {own(func(*Builder, *graph.Value) *graph.Value { return nil }), Dense("d", 2)},
		`no initializer`: {own(func(b *Builder, x *graph.Value) *graph.Value {
			b.Parameter(Parameter{Name: "w", Shape: []int{1}}, nil)
			return x
		}), Dense("d", 2)},
		`shape [2 -1] is`: {own(func(b *Builder, x *graph.Value) *graph.Value {
			b.Parameter(Parameter{Name: "w", Shape: []int{2, -1}}, Zeros)
			return x
		}), Dense("d", 2)},
		`1152921504606846976] is outside 1..1125899906842624 elements`: {GlobalAveragePool("g"), Dense("d", 1<<60)},
	} {
		if _, err := NewNetwork(8, 8, layers...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
	for _, size := range [][2]int{{0, 8}, {8, -8}, {1 << 15, 8}, {1 << 13, 1 << 12}, {math.MaxInt, math.MaxInt}} {
		if _, err := NewNetwork(size[0], size[1], GlobalAveragePool("g"), Dense("d", 2)); err == nil {
			t.Errorf("images of %v were accepted", size)
		}
	}
	n := mustCNN(t, 8, []int{4}, 1, 3)
	other := mustCNN(t, 8, []int{5}, 1, 3).Initialize(1)
	if _, err := n.Inference(other, InferenceOptions{}); err == nil || !strings.Contains(err.Error(), "stage1.conv1.weight") {
		t.Errorf("the checkpoint of another network gave error %v", err)
	}
	for _, o := range []TrainingOptions{
		{Momentum: 1},
		{LabelSmoothing: -1},
		{WeightDecay: -1},
		{ClassWeights: []float32{1, 1}},
		{ClassWeights: []float32{1, -1, 1}},
		{ClassWeights: make([]float32, 3)},
		{Target: "tpu"},
		{Momentum: float32(math.NaN())},
		{Mixed: true, Target: TargetCPU},
		{Mixed: true, Target: TargetNative},
		{GhostBatches: -1},
		{GhostBatches: 1 << 40},
		{MicroBatches: -1},
		{Batch: -1},
		{WeightDecay: float32(math.Inf(1))},
		{Rates: []float32{0.1, float32(math.NaN())}},
	} {
		if _, err := n.Artifacts(o); err == nil {
			t.Errorf("options %+v were accepted", o)
		}
	}
	if _, err := n.StepBytes(TrainingOptions{}); err == nil {
		t.Error("a step without a batch has a size")
	}
	a, err := n.Artifacts(TrainingOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "artifacts")
	for _, c := range []*checkpoint.Checkpoint{nil, other, {}} {
		if err := a.Write(dir, c); err == nil {
			t.Errorf("artifacts were written with the checkpoint %v", c)
		}
	}
	if err := modelfile.Write(dir, nil); err == nil {
		t.Error("no model was written")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
}

// own is a layer that a caller wrote.
type own func(b *Builder, x *graph.Value) *graph.Value

func (o own) Build(b *Builder, x *graph.Value) *graph.Value { return o(b, x) }

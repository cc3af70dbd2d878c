package verify

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/ortrun"
)

// studyModel is the study's network with logits of the order of 1.
func studyModel(t *testing.T, o onnxmodels.InferenceOptions) *onnxpb.Model {
	t.Helper()
	n, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: 32, Width: 32, Widths: []int{64, 128, 256}, Convolutions: 3, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	state := n.Initialize(1)
	for _, p := range state.Trainable {
		for i := range p.Data {
			if strings.HasPrefix(p.Name, "dense") {
				p.Data[i] *= 4
			}
		}
	}
	m, err := n.Inference(state, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func decoded(t *testing.T, m *onnxpb.Model) *interp.Model {
	t.Helper()
	data, err := modelfile.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	model, err := interp.New(data)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func pixels(n int) []uint8 {
	rng := rand.New(rand.NewPCG(7, 8))
	p := make([]uint8, n*32*32*3)
	for i := range p {
		p[i] = uint8(rng.Uint32())
	}
	return p
}

// inORT returns the outputs of ONNX Runtime.
func inORT(t *testing.T, m *onnxpb.Model, images []uint8) Outputs {
	t.Helper()
	out := ortrun.Load(t, m).Run(t, ortrun.Input{Name: "image", Shape: []int{len(images) / (32 * 32 * 3), 32, 32, 3}, Uint8: images})
	return Outputs{Runtime: "ONNX Runtime", Classes: 10, Logits: out[0], Probabilities: out[1]}
}

func compared(t *testing.T, want Outputs, m *onnxpb.Model, images []uint8) Report {
	t.Helper()
	got, err := Run(t.Context(), decoded(t, m), images)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Compare(want, got, Tolerance)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPlantedErrors checks that the runtimes agree on a model, and that they disagree if one of
// them runs a model with a single mistake: in the first layer, in the middle or in the last
// layer.
func TestPlantedErrors(t *testing.T) {
	images := pixels(2)
	for _, keep := range []bool{false, true} {
		m := studyModel(t, onnxmodels.InferenceOptions{KeepBatchNorm: keep})
		want := inORT(t, m, images)
		if err := compared(t, want, m, images).Err(); err != nil {
			t.Fatal(err)
		}
		for name, damage := range map[string]func(m *onnxpb.Model){
			"a weight of the first layer":  func(m *onnxpb.Model) { addTo(t, weight(t, m, "stage1.conv1"), 17, 0.1) },
			"a weight in the middle":       func(m *onnxpb.Model) { addTo(t, weight(t, m, "stage2.conv2"), 70_001, 0.1) },
			"a weight of the last layer":   func(m *onnxpb.Model) { addTo(t, weight(t, m, "dense"), 1234, 0.1) },
			"a bias":                       func(m *onnxpb.Model) { addTo(t, tensor(t, m, node(t, m, "stage3.conv3").Input[2]), 200, 0.1) },
			"a pad of the first layer":     func(m *onnxpb.Model) { movePad(t, node(t, m, "stage1.conv1")) },
			"a pad in the middle":          func(m *onnxpb.Model) { movePad(t, node(t, m, "stage3.conv2")) },
			"swapped channels":             func(m *onnxpb.Model) { swap(weight(t, m, "stage1.conv2"), 3, 40) },
			"swapped channels at the end":  func(m *onnxpb.Model) { swap(weight(t, m, "stage3.conv3"), 0, 255) },
			"colours in the wrong order":   func(m *onnxpb.Model) { swapInputs(weight(t, m, "stage1.conv1"), 0, 2) },
			"another scale of the pixels":  func(m *onnxpb.Model) { addTo(t, tensor(t, m, "image.scale"), 0, 1e-4) },
			"a layer of another operation": func(m *onnxpb.Model) { node(t, m, "stage1.relu1").OpType = proto.String("Identity") },
		} {
			damaged := proto.CloneOf(m)
			damage(damaged)
			r := compared(t, want, damaged, images)
			var e *Error
			if err := r.Err(); !errors.As(err, &e) {
				t.Errorf("%s, BatchNorm kept %v: not caught, the largest differences are %.3g and %.3g",
					name, keep, r.Probabilities.Largest, r.Logits.Largest)
			}
			t.Logf("%s: %.3g in the probabilities, %.3g in the logits", name, r.Probabilities.Largest, r.Logits.Largest)
		}
	}
}

func node(t *testing.T, m *onnxpb.Model, name string) *onnxpb.Node {
	t.Helper()
	for _, n := range m.Graph.Node {
		if n.GetName() == name {
			return n
		}
	}
	t.Fatalf("there is no node %q", name)
	return nil
}

func tensor(t *testing.T, m *onnxpb.Model, name string) *onnxpb.Tensor {
	t.Helper()
	for _, i := range m.Graph.Initializer {
		if i.GetName() == name {
			return i
		}
	}
	t.Fatalf("there is no tensor %q", name)
	return nil
}

func weight(t *testing.T, m *onnxpb.Model, layer string) *onnxpb.Tensor {
	t.Helper()
	return tensor(t, m, node(t, m, layer).Input[1])
}

func addTo(t *testing.T, w *onnxpb.Tensor, i int, by float32) {
	t.Helper()
	bits := w.RawData[4*i : 4*i+4]
	v := math.Float32frombits(binary.LittleEndian.Uint32(bits))
	binary.LittleEndian.PutUint32(bits, math.Float32bits(v+by))
}

// movePad moves one pixel of padding from the top to the bottom.
func movePad(t *testing.T, n *onnxpb.Node) {
	t.Helper()
	for _, a := range n.Attribute {
		if a.GetName() == "pads" {
			a.Ints[0]--
			a.Ints[2]++
			return
		}
	}
	t.Fatalf("node %q has no pads", n.GetName())
}

// swap exchanges two output channels of a kernel.
func swap(w *onnxpb.Tensor, i, j int) {
	size := len(w.RawData) / int(w.Dims[0])
	exchange(w.RawData[i*size:(i+1)*size], w.RawData[j*size:(j+1)*size])
}

// swapInputs exchanges two input channels of a kernel.
func swapInputs(w *onnxpb.Tensor, i, j int) {
	filter := len(w.RawData) / int(w.Dims[0])
	size := filter / int(w.Dims[1])
	for f := range int(w.Dims[0]) {
		k := w.RawData[f*filter : (f+1)*filter]
		exchange(k[i*size:(i+1)*size], k[j*size:(j+1)*size])
	}
}

func exchange(a, b []byte) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}

// TestLayers checks that every intermediate float32 value is compared, and that a planted error
// shows from its layer on.
func TestLayers(t *testing.T) {
	images := pixels(1)
	m := studyModel(t, onnxmodels.InferenceOptions{KeepBatchNorm: true})
	before := proto.CloneOf(m)
	exposed, names := Exposed(m)
	if !proto.Equal(m, before) {
		t.Error("the model that was given has changed")
	}
	outputs := ortrun.Load(t, exposed).Run(t, ortrun.Input{Name: "image", Shape: []int{1, 32, 32, 3}, Uint8: images})
	values := map[string][]float32{}
	for i, name := range names {
		values[name] = outputs[i]
	}
	layersOf := func(m *onnxpb.Model) []Layer {
		own, err := decoded(t, m).Values(images)
		if err != nil {
			t.Fatal(err)
		}
		layers, err := Layers(values, own)
		if err != nil {
			t.Fatal(err)
		}
		return layers
	}
	layers := layersOf(m)
	// Cast, Mul; Conv, BatchNormalization and Relu nine times; three pools and
	// Flatten; Gemm and Softmax. Transpose is of bytes.
	if len(layers) != 2+27+4+2 || len(names) != len(layers) {
		t.Errorf("%d layers of %d outputs", len(layers), len(names))
	}
	for _, l := range layers {
		if !(l.Largest <= Tolerance*max(1, l.Scale)) || l.Mean > l.Largest || l.Scale == 0 || l.Shape[0] != 1 {
			t.Errorf("%+v", l)
		}
	}
	movePad(t, node(t, m, "stage2.conv1"))
	wrong := false
	for _, l := range layersOf(m) {
		wrong = wrong || strings.HasPrefix(l.Name, "stage2.conv1")
		if wrong != (l.Largest > 1e-4) {
			t.Errorf("%s: %v after the layer was damaged: %v", l.Name, l.Largest, wrong)
		}
	}
}

// TestJoin compares five images at once, and in two parts, three and then two.
func TestJoin(t *testing.T) {
	inORT := []float32{1, 2, 3, 4, 5, -60, 7, 8, 9, 10}
	own := []float32{1, 2.5, 3, 4, 5, -60, 7, 8, 8, 10}
	of := func(from, to int) []Layer {
		v := interp.Value{Name: "dense.out", Tensor: &op.Tensor{Elem: graph.Float, Shape: []int{to - from, 2}, Floats: own[2*from : 2*to]}}
		layers, err := Layers(map[string][]float32{v.Name: inORT[2*from : 2*to]}, []*interp.Value{&v})
		if err != nil {
			t.Fatal(err)
		}
		return layers
	}
	want := []Layer{{Name: "dense.out", Shape: []int{5, 2}, Largest: 1, Mean: 0.15, Scale: 60}}
	for _, got := range [][]Layer{of(0, 5), Join(Join(nil, of(0, 3)), of(3, 5))} {
		if math.Abs(got[0].Mean-want[0].Mean) > 1e-12 {
			t.Errorf("mean %v, want %v", got[0].Mean, want[0].Mean)
		}
		if got[0].Mean = want[0].Mean; !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

// TestRun checks that more images than one batch give the same results as all of them at once,
// and that Run stops when the context is done.
func TestRun(t *testing.T) {
	n, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: 32, Width: 32, Widths: []int{4}, Convolutions: 1, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	proto, err := n.Inference(n.Initialize(1), onnxmodels.InferenceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, images := decoded(t, proto), pixels(37)
	logits, probabilities, err := m.Predict(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Run(t.Context(), m, images)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Compare(Outputs{Runtime: "at once", Classes: 10, Logits: logits, Probabilities: probabilities}, got, Tolerance)
	if err != nil || r.Err() != nil || r.Samples != 37 {
		t.Errorf("%+v, %v, %v", r, err, r.Err())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, m, images); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// TestCompare checks where the largest difference is found, and that outputs which cannot be
// compared are refused.
func TestCompare(t *testing.T) {
	of := func(logits, probabilities []float32) Outputs {
		return Outputs{Runtime: "one", Classes: 2, Logits: logits, Probabilities: probabilities}
	}
	a := of([]float32{-40, 1, 2, 3}, []float32{0, 1, 0.25, 0.75})
	for _, c := range []struct {
		b    Outputs
		want string // of Err, or of Compare
	}{
		{a, ""},
		{of([]float32{-40, 1, 2, 3.0003}, a.Probabilities), ""}, // below 1e-5 of 40
		{of([]float32{-40, 1, 2, 3.001}, a.Probabilities), "by 0.001 in the logit of sample 1, class 1; the tolerance is 0.0004"},
		{of(a.Logits, []float32{0, 1, 0.25002, 0.75}), "in the probability of sample 1, class 0; the tolerance is 1e-05"},
		{of(a.Logits, []float32{float32(math.NaN()), 1, 0.25, 0.75}), "the probabilities of sample 0, class 0 are 0 by one and NaN by one"},
		{of([]float32{-40, float32(math.Inf(1)), 2, 3}, a.Probabilities), "the logits of sample 0, class 1"},
		{of(a.Logits[:2], a.Probabilities), "4 logits by one, 2 by one"},
		{of(a.Logits, a.Probabilities[:2]), "4 probabilities by one, 2 by one"},
		{Outputs{Classes: 4, Logits: a.Logits, Probabilities: a.Probabilities}, "of 2 classes"},
	} {
		r, err := Compare(a, c.b, Tolerance)
		if err == nil {
			err = r.Err()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	agree, err := Compare(a, a, Tolerance)
	if err != nil {
		t.Fatal(err)
	}
	differ, err := Compare(a, of([]float32{-40, 1, 2, 4}, a.Probabilities), Tolerance)
	if err != nil {
		t.Fatal(err)
	}
	agree.Native = &differ
	if err := agree.Err(); err == nil || !strings.Contains(err.Error(), "with onnxlab's kernels, the runtimes disagree: by 1 in the logit") {
		t.Errorf("error %v, want one of the kernels", err)
	}
}

// TestRecording reads a recording back, and checks that other files are refused.
func TestRecording(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outputs.npz")
	r := Recording{
		ModelSHA256: strings.Repeat("0a", 32), Height: 1, Width: 2, Channels: 3, Images: []uint8{1, 2, 3, 4, 5, 6},
		Outputs: Outputs{Classes: 2, Logits: []float32{-1, 2}, Probabilities: []float32{0.25, 0.75}},
	}
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadRecording(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.ModelSHA256 != r.ModelSHA256 || got.Height != 1 || got.Width != 2 || got.Channels != 3 || string(got.Images) != string(r.Images) {
		t.Errorf("read %+v", got)
	}
	if report, err := Compare(r.Outputs, got.Outputs, 0); err != nil || report.Err() != nil {
		t.Errorf("outputs %+v: %v, %v", got.Outputs, err, report.Err())
	}
	for _, wrong := range []Recording{
		{},
		{Height: -1, Width: 2, Channels: 3, Images: r.Images, Outputs: r.Outputs},
		{Height: 1, Width: 4, Channels: 3, Images: r.Images, Outputs: r.Outputs},
		{Height: 1, Width: 2, Images: r.Images, Outputs: Outputs{Classes: 3, Logits: r.Outputs.Logits, Probabilities: r.Outputs.Probabilities}},
	} {
		if err := wrong.Write(path); err == nil || !strings.Contains(err.Error(), "do not go together") {
			t.Errorf("%+v: error %v", wrong, err)
		}
	}
	r.ModelSHA256 = "0a"
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadRecording(path); err == nil || !strings.Contains(err.Error(), `"model_sha256" is u1[1], want u1[32]`) {
		t.Errorf("a short hash: error %v", err)
	}
	if err := os.WriteFile(path, []byte("PK\x05\x06"+strings.Repeat("\x00", 18)), 0o600); err != nil { // an empty archive
		t.Fatal(err)
	}
	if _, err := ReadRecording(path); err == nil || !strings.Contains(err.Error(), "not a recording of outputs") {
		t.Errorf("an empty archive: error %v", err)
	}
}

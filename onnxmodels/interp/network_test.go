package interp

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/ortrun"
)

// tolerance is how far the runtimes may be apart, in probabilities.
const tolerance = 1e-5

// study is the study's network with parameters as training leaves them: no
// running statistic has its first value, and logits are of the order of 10.
func study(t testing.TB) (*onnxmodels.Network, *checkpoint.Checkpoint) {
	t.Helper()
	return cnn(t, onnxmodels.CNNOptions{Height: 32, Width: 32, Widths: []int{64, 128, 256}, Convolutions: 3, Classes: 10})
}

func small(t testing.TB) (*onnxmodels.Network, *checkpoint.Checkpoint) {
	t.Helper()
	return cnn(t, onnxmodels.CNNOptions{Height: 8, Width: 12, Widths: []int{4, 6}, Convolutions: 2, Classes: 5})
}

func cnn(t testing.TB, o onnxmodels.CNNOptions) (*onnxmodels.Network, *checkpoint.Checkpoint) {
	t.Helper()
	n, err := onnxmodels.CNN(o)
	if err != nil {
		t.Fatal(err)
	}
	return n, trained(n)
}

// trained returns parameters that differ from the initial ones.
func trained(n *onnxmodels.Network) *checkpoint.Checkpoint {
	c := n.Initialize(1)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, list := range [][]checkpoint.Tensor{c.Trainable, c.Frozen} {
		for _, p := range list {
			for i := range p.Data {
				switch {
				case strings.HasSuffix(p.Name, ".running_var"):
					p.Data[i] = 0.5 + rng.Float32()
				case strings.HasSuffix(p.Name, ".running_mean"), strings.HasSuffix(p.Name, ".bias"):
					p.Data[i] = 0.2 * float32(rng.NormFloat64())
				case strings.HasPrefix(p.Name, "dense"):
					p.Data[i] *= 8
				case strings.HasSuffix(p.Name, ".weight") && len(p.Shape) == 1:
					p.Data[i] = 1.2 + 0.4*float32(rng.NormFloat64())
				}
			}
		}
	}
	return c
}

func inference(t testing.TB, n *onnxmodels.Network, c *checkpoint.Checkpoint, o onnxmodels.InferenceOptions) *onnxpb.Model {
	t.Helper()
	m, err := n.Inference(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustNew(t testing.TB, m *onnxpb.Model) *Model {
	t.Helper()
	data, err := modelfile.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	model, err := New(data)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func images(n, size int) []uint8 {
	rng := rand.New(rand.NewPCG(3, 4))
	pixels := make([]uint8, n*size)
	for i := range pixels {
		pixels[i] = uint8(rng.Uint32())
	}
	return pixels
}

func mustPredict(t testing.TB, m *Model, pixels []uint8) (logits, probabilities []float32) {
	t.Helper()
	logits, probabilities, err := m.Predict(t.Context(), pixels)
	if err != nil {
		t.Fatal(err)
	}
	return logits, probabilities
}

// feed is the input of a model for ONNX Runtime.
func feed(t testing.TB, m *Model, pixels []uint8) ortrun.Input {
	t.Helper()
	v, err := m.Input(pixels)
	if err != nil {
		t.Fatal(err)
	}
	in := ortrun.Input{Name: v.Name, Shape: v.Shape, Float32: v.Floats}
	if v.Ints != nil {
		in.Uint8 = pixels
	}
	return in
}

// difference returns the largest difference of two lists of equal length, or
// +Inf if a number is NaN.
func difference(t testing.TB, a, b []float32) float64 {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d values and %d", len(a), len(b))
	}
	largest := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		largest = max(largest, d)
	}
	return largest
}

// TestStudyNetwork compares the study's network with ONNX Runtime, in each of
// its forms and at two batch sizes. It calls one model again and again: a call
// must leave nothing behind.
func TestStudyNetwork(t *testing.T) {
	network, state := study(t)
	pixels := images(32, 32*32*3)
	for _, o := range []onnxmodels.InferenceOptions{
		{},
		{KeepBatchNorm: true},
		{Input: onnxmodels.InputFloat32NCHW},
		{Input: onnxmodels.InputFloat32NCHW, KeepBatchNorm: true},
	} {
		proto := inference(t, network, state, o)
		model, inORT := mustNew(t, proto), ortrun.Load(t, proto)
		if h, w := model.Size(); h != 32 || w != 32 || model.Classes() != 10 {
			t.Fatalf("%+v: size %dx%d, %d classes", o, h, w, model.Classes())
		}
		for _, n := range []int{1, 32} {
			batch := pixels[:n*32*32*3]
			want := inORT.Run(t, feed(t, model, batch))
			var first []float32
			for i := range map[int]int{1: 3, 32: 2}[n] {
				logits, probabilities := mustPredict(t, model, batch)
				d := difference(t, probabilities, want[1])
				t.Logf("%+v, batch %d: %.3g, logits %.3g", o, n, d, difference(t, logits, want[0]))
				if !(d <= tolerance) || !(difference(t, logits, want[0]) <= 5*tolerance) {
					t.Errorf("%+v, batch %d, call %d: probabilities %v, logits %v from ONNX Runtime's", o, n, i, d, difference(t, logits, want[0]))
				}
				if i > 0 && difference(t, logits, first) != 0 {
					t.Errorf("%+v, batch %d: call %d differs from the first", o, n, i)
				}
				first = logits
			}
		}
	}
}

func BenchmarkStudyNetwork(b *testing.B) {
	network, state := study(b)
	model := mustNew(b, inference(b, network, state, onnxmodels.InferenceOptions{}))
	pixels := images(32, 32*32*3)
	for _, n := range []int{1, 32} {
		b.Run(map[int]string{1: "one", 32: "batch of 32"}[n], func(b *testing.B) {
			for b.Loop() {
				mustPredict(b, model, pixels[:n*32*32*3])
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N*n), "ms/image")
		})
	}
}

package onnxmodels_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
)

// TestNormalized: the normalised network must give the same results for bytes as the plain
// network for images that were normalised beforehand.
func TestNormalized(t *testing.T) {
	plain, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: 8, Width: 6, Widths: []int{4}, Convolutions: 1, Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	by, err := onnxmodels.ParseNormalization("imagenet")
	if err != nil {
		t.Fatal(err)
	}
	normalized, err := plain.Normalized(by)
	if err != nil {
		t.Fatal(err)
	}
	grey, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: 8, Width: 6, Channels: 1, Widths: []int{4}, Convolutions: 1, Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := grey.Normalized(by); err == nil {
		t.Error("numbers for three channels are accepted for grey images")
	}
	model := func(n *onnxmodels.Network, form string) *interp.Model {
		m, err := n.Inference(plain.Initialize(1), onnxmodels.InferenceOptions{Input: form})
		if err != nil {
			t.Fatal(err)
		}
		data, err := modelfile.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		runner, err := interp.New(data)
		if err != nil {
			t.Fatal(err)
		}
		return runner
	}
	// A byte x of the normalised network must become a byte y of the plain one. Mean and
	// deviation are chosen so that it does: x/255 = (y/255 - 0.2)/0.5.
	simple, err := plain.Normalized(onnxmodels.Normalization{Mean: []float32{0.2}, Deviation: []float32{0.5}})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	given, wanted := make([]uint8, 2*8*6*3), make([]uint8, 2*8*6*3)
	for i := range given {
		wanted[i] = uint8(2 * rng.UintN(100))
		given[i] = wanted[i]/2 + 51
	}
	_, got, err := model(simple, onnxmodels.InputUint8NHWC).Predict(t.Context(), given)
	if err != nil {
		t.Fatal(err)
	}
	_, want, err := model(plain, onnxmodels.InputUint8NHWC).Predict(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := model(normalized, onnxmodels.InputUint8NHWC).Predict(t.Context(), given)
	if err != nil {
		t.Fatal(err)
	}
	same := true
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-5 {
			t.Errorf("probability %d is %v, want %v", i, got[i], want[i])
		}
		same = same && got[i] == other[i]
	}
	if same {
		t.Error("another normalisation changes nothing")
	}
}

// TestNormalizedRefuses normalisations that do not have three channels.
func TestNormalizedRefuses(t *testing.T) {
	plain, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: 8, Width: 8, Widths: []int{4}, Convolutions: 1, Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []onnxmodels.Normalization{{Mean: []float32{1, 2}}, {Deviation: []float32{1, 0, 1}}, {Deviation: []float32{0}}} {
		if _, err := plain.Normalized(by); err == nil {
			t.Errorf("%+v: no error", by)
		}
	}
}

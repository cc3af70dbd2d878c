package interp

import (
	"fmt"
	"math"
	"testing"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
	"onnxlab/ort/ortrun"
)

// TestHalf compares models in float16 with the same models in float32, in both runtimes and with
// every kind of input. They differ only by the rounding to float16.
func TestHalf(t *testing.T) {
	network, state := small(t)
	pixels := images(7, 8*12*3)
	for _, input := range []string{onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW} {
		for _, keep := range []bool{false, true} {
			o := onnxmodels.InferenceOptions{Input: input, KeepBatchNorm: keep}
			single := inference(t, network, state, o)
			o.Precision = onnxmodels.PrecisionFloat16
			half := inference(t, network, state, o)
			checkHalf(t, half, keep)
			want := ortrun.Load(t, single).Run(t, feed(t, mustNew(t, single), pixels))
			inORT := ortrun.Load(t, half).Run(t, feed(t, mustNew(t, half), pixels))
			logits, probabilities, err := mustNew(t, half).Predict(t.Context(), pixels)
			if err != nil {
				t.Fatal(err)
			}
			for runtime, got := range map[string][][]float32{"ONNX Runtime": inORT, "pure Go": {logits, probabilities}} {
				if d := difference(t, got[1], want[1]); d > 2e-3 || d == 0 {
					t.Errorf("%s, BatchNorm kept %v: in %s probabilities differ from those in float32 by %v", input, keep, runtime, d)
				}
			}
			t.Logf("%s, BatchNorm kept %v: the runtimes are %v apart", input, keep, difference(t, inORT[1], probabilities))
		}
	}
}

// checkHalf checks that weights and intermediate values are float16, and that inputs and outputs
// have the types of the float32 model.
func checkHalf(t *testing.T, m *onnxpb.Model, keep bool) {
	t.Helper()
	counts := map[graph.Elem]int{}
	for _, c := range m.GetGraph().GetInitializer() {
		counts[graph.Elem(c.GetDataType())]++
	}
	statistics := 0
	if keep {
		statistics = 4 * 4 // of four normalisations
	}
	if counts[graph.Float] != statistics || counts[graph.Float16] == 0 {
		t.Errorf("constants by their types: %v, want %d of float32", counts, statistics)
	}
	for _, v := range m.GetGraph().GetValueInfo() {
		if elem := graph.Elem(v.GetType().GetTensorType().GetElemType()); elem == graph.Float {
			t.Errorf("%s is %s", v.GetName(), elem)
		}
	}
	for _, v := range m.GetGraph().GetOutput() {
		if elem := graph.Elem(v.GetType().GetTensorType().GetElemType()); elem != graph.Float {
			t.Errorf("output %s is %s", v.GetName(), elem)
		}
	}
}

// TestHalfRounds to nearest, ties to even, and refuses what float16 cannot hold.
func TestHalfRounds(t *testing.T) {
	network, err := onnxmodels.NewNetwork(1, 1, onnxmodels.Flatten("flat"), onnxmodels.Dense("dense", 2))
	if err != nil {
		t.Fatal(err)
	}
	state := network.Initialize(1)
	weight := state.Parameter("dense.weight").Data
	copy(weight, []float32{1 + 1.0/2048, 1 + 3.0/2048, -65504, 65519, 6e-8, 2e-8})
	m := inference(t, network, state, onnxmodels.InferenceOptions{Input: onnxmodels.InputFloat32NCHW, Precision: onnxmodels.PrecisionFloat16})
	want := []uint16{0x3c00, 0x3c02, 0xfbff, 0x7bff, 0x0001, 0x0000}
	for _, c := range m.GetGraph().GetInitializer() {
		if c.GetName() != "dense.weight" {
			continue
		}
		for i, w := range want {
			if got := uint16(c.RawData[2*i]) | uint16(c.RawData[2*i+1])<<8; got != w {
				t.Errorf("%v is %#04x in float16, want %#04x", weight[i], got, w)
			}
		}
	}
	weight[3] = 65520
	_, err = network.Inference(state, onnxmodels.InferenceOptions{Precision: onnxmodels.PrecisionFloat16})
	if want := `build graph "inference": dense.weight: 65520 is beyond 65504, the largest number in float16`; fmt.Sprint(err) != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if !math.IsInf(float64(halfOf(0x7c00)), 1) {
		t.Error("infinity does not stay one")
	}
}

func halfOf(bits uint16) float32 {
	wide := widened([]byte{byte(bits), byte(bits >> 8)})
	return math.Float32frombits(uint32(wide[0]) | uint32(wide[1])<<8 | uint32(wide[2])<<16 | uint32(wide[3])<<24)
}

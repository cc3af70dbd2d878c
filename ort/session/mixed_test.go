package session

import (
	"math"
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels"
)

// TestMixedPrecision compares the first steps in mixed precision, whose float16
// operators the CPU computes in float32, with steps in float32. Loss and gradients are the
// same, whatever the loss scale, and a step whose scaled gradients overflow is skipped.
func TestMixedPrecision(t *testing.T) {
	n := cnn(t, 16, []int{16, 32}, 2)
	images, labels := randomBatch(32, 16)
	o := onnxmodels.TrainingOptions{Momentum: 0.9, GhostBatches: 2, MicroBatches: 2, Target: onnxmodels.TargetCUDA, LabelSmoothing: 0.1, WeightDecay: 0.01}
	exact := trainer(t, n, n.Initialize(3), setup{o, 32, 16})
	o.Mixed = true
	mixed := trainer(t, n, n.Initialize(3), setup{o, 32, 16})
	mixed.lossScale.Factor = 1e39
	step := func(tr *Trainer) Result {
		r, err := tr.Step(images, labels, 0.1, 0)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := step(exact)
	if got := step(mixed); !got.Skipped || math.Abs(got.Loss-want.Loss) > within(0, 0.01)*want.Loss || mixed.LossScale().Factor != 0.5e39 {
		t.Errorf("at a scale beyond all numbers: %+v, then scale %v; want it skipped, loss %v", got, mixed.LossScale().Factor, want.Loss)
	}
	before, after := n.Initialize(3), saved(t, mixed)
	for _, p := range before.Trainable {
		if !slices.Equal(after.Parameter(p.Name).Data, p.Data) {
			t.Errorf("a step that was skipped changed %s", p.Name)
		}
	}
	mixed.lossScale.Factor = 4096
	if got := step(mixed); got.Skipped || math.Abs(got.Loss-want.Loss) > within(1e-6, 0.01)*want.Loss {
		t.Errorf("%+v, in float32 %+v", got, want)
	}
	reference := gradients(t, saved(t, exact), 0.9)
	for name, got := range gradients(t, saved(t, mixed), 0.9) {
		if strings.Contains(name, "conv") && strings.HasSuffix(name, "bias") {
			checkZero(t, name, got)
		} else if e := relativeRMS(got, reference[name]); !(e < within(1e-5, 0.05)) {
			t.Errorf("gradient of %s differs by %v", name, e)
		}
	}
}

// TestSkippedMicroBatch has a micro-batch whose gradients are 0, because the network is
// sure of its labels, and one whose gradients overflow float16 at this loss scale. In
// either order the step is skipped.
func TestSkippedMicroBatch(t *testing.T) {
	n := cnn(t, 8, []int{16}, 2)
	sure := n.Initialize(3)
	sure.Parameter("dense.bias").Data[0] = 1e4
	for i := range sure.Parameter("dense.weight").Data {
		sure.Parameter("dense.weight").Data[i] *= 100
	}
	images, _ := randomBatch(32, 8)
	right, wrong := make([]int64, 16), slices.Repeat([]int64{1}, 16)
	o := onnxmodels.TrainingOptions{Momentum: 0.9, MicroBatches: 2, Target: onnxmodels.TargetCUDA, Mixed: true}
	for _, c := range []struct {
		labels []int64
		skips  bool
	}{
		{slices.Concat(right, right), false},
		{slices.Concat(right, wrong), true},
		{slices.Concat(wrong, right), true},
	} {
		tr := trainer(t, n, sure, setup{o, 32, 16})
		tr.lossScale.Factor = 3e38
		if r, err := tr.Step(images, c.labels, 0.1, 0); err != nil || r.Skipped != c.skips {
			t.Errorf("labels %v: %+v, error %v, want skipped: %v", c.labels, r, err, c.skips)
		}
	}
}

// TestLostScale: if gradients are not finite at any loss scale, training ends with an error
// instead of skipping steps for ever.
func TestLostScale(t *testing.T) {
	n := cnn(t, 8, []int{16}, 2)
	images, labels := randomBatch(16, 8)
	o := onnxmodels.TrainingOptions{Momentum: 0.9, Target: onnxmodels.TargetCUDA, Mixed: true}
	tr := trainer(t, n, n.Initialize(3), setup{o, 16, 16})
	const want = "train step: the gradients are not finite at any loss scale; try a lower optimizer.learning_rate, or runtime.precision float32"
	for step := 1; ; step++ {
		_, err := tr.Step(images, labels, math.Inf(1), 0)
		if err == nil && step < 41 {
			continue
		}
		if err == nil || err.Error() != want || step != 41 {
			t.Errorf("step %d: error %v, want that of step 41: %s", step, err, want)
		}
		return
	}
}

// TestGradientNorm compares the model's gradient norm with the norm of a step's gradients.
func TestGradientNorm(t *testing.T) {
	n := cnn(t, 8, []int{16}, 2)
	images, labels := randomBatch(16, 8)
	o := onnxmodels.TrainingOptions{Momentum: 0.9, Target: onnxmodels.TargetCUDA, Mixed: true}
	tr := trainer(t, n, n.Initialize(3), setup{o, 16, 16})
	if _, err := tr.Step(images, labels, 0.1, 0); err != nil {
		t.Fatal(err)
	}
	square := 0.0
	for _, g := range gradients(t, saved(t, tr), 0.9) {
		for _, x := range g {
			square += x * x
		}
	}
	if got, want := float64(tr.norm.GetData()), math.Sqrt(square); !(math.Abs(got-want) < 1e-5*want) {
		t.Errorf("norm %v, want %v", got, want)
	}
}

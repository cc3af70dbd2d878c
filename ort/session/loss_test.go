package session

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
)

// TestLossesAgreeWithPyTorchAndKeras compares ten steps with class weights and with mixed
// images, with and without label smoothing, for each target.
func TestLossesAgreeWithPyTorchAndKeras(t *testing.T) {
	a, want := reference(t, "training.npz"), reference(t, "losses.npz")
	n := cnn(t, 8, []int{4, 6}, 1)
	weights := want["weights"].Float32()
	for key, o := range map[string]onnxmodels.TrainingOptions{
		"weights":                  {ClassWeights: weights},
		"weights-smoothing":        {ClassWeights: weights, LabelSmoothing: 0.1},
		"mixed":                    {Mixes: true},
		"mixed-smoothing":          {Mixes: true, LabelSmoothing: 0.1},
		"mixed-weights":            {Mixes: true, ClassWeights: weights},
		"binary":                   {Loss: artifact.LossBinaryCrossEntropy},
		"binary-smoothing":         {Loss: artifact.LossBinaryCrossEntropy, LabelSmoothing: 0.1},
		"binary-mixed":             {Loss: artifact.LossBinaryCrossEntropy, Mixes: true},
		"binary-targets":           {Loss: artifact.LossBinaryCrossEntropy, MultiLabel: true},
		"binary-targets-smoothing": {Loss: artifact.LossBinaryCrossEntropy, MultiLabel: true, LabelSmoothing: 0.1},
		"squared":                  {Loss: artifact.LossMeanSquaredError},
		"squared-mixed-smoothing":  {Loss: artifact.LossMeanSquaredError, Mixes: true, LabelSmoothing: 0.1},
		"squared-targets":          {Loss: artifact.LossMeanSquaredError, MultiLabel: true},
	} {
		for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
			o.Momentum, o.Target = 0.9, target
			t.Run(key+" "+target, func(t *testing.T) {
				tr := trainer(t, n, parametersOf(n, a, "param/"), setup{o, 8, 8})
				for number, rate := range a["rate"].Float64() {
					batch := fmt.Sprintf("batch/%d/", number)
					var second []int64
					var shares []float32
					if o.Mixes {
						second, shares = want[batch+"second"].Int64(), want[batch+"share"].Float32()
					}
					step := func() (Result, error) {
						if o.MultiLabel {
							return tr.StepTargets(a[batch+"image"].Uint8(), want[batch+"targets"].Float32(), rate, 0)
						}
						return tr.StepMixed(a[batch+"image"].Uint8(), a[batch+"label"].Int64(), second, shares, rate, 0)
					}
					r, err := step()
					if err != nil {
						t.Fatal(err)
					}
					checkLoss(t, r, want, key, number)
				}
				checkFinal(t, saved(t, tr), want, key)
			})
		}
	}
}

// TestMixedInParts: without second labels, a training model for mixed images gives the usual
// loss. Micro-batches and ghost batches of mixed images give the loss of the whole batch. Bad second
// labels and shares are refused.
func TestMixedInParts(t *testing.T) {
	n := plain(t)
	images, labels := randomBatch(12, 8)
	second, shares := slices.Clone(labels), make([]float32, 12)
	slices.Reverse(second)
	for i := range shares {
		shares[i] = float32(i) / 11
	}
	step := func(o onnxmodels.TrainingOptions, micro int, second []int64, shares []float32) float64 {
		t.Helper()
		r, err := trainer(t, n, n.Initialize(3), setup{o, 12, micro}).StepMixed(images, labels, second, shares, 0.1, 0)
		if err != nil {
			t.Fatal(err)
		}
		return r.Loss
	}
	close := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-5*want {
			t.Errorf("%s: loss %v, want %v", what, got, want)
		}
	}
	close("whole images", step(onnxmodels.TrainingOptions{Mixes: true, LabelSmoothing: 0.1}, 12, nil, nil),
		step(onnxmodels.TrainingOptions{LabelSmoothing: 0.1}, 12, nil, nil))
	want := step(onnxmodels.TrainingOptions{Mixes: true}, 12, second, shares)
	for _, count := range []int{2, 3, 12} {
		close(fmt.Sprint(count, " micro-batches"), step(onnxmodels.TrainingOptions{Mixes: true, MicroBatches: count}, 12/count, second, shares), want)
	}
	for _, target := range []string{onnxmodels.TargetPortable, onnxmodels.TargetCUDA} {
		close("ghost batches for "+target, step(onnxmodels.TrainingOptions{Mixes: true, GhostBatches: 3, Target: target}, 12, second, shares), want)
	}
	mixes := trainer(t, n, n.Initialize(3), setup{onnxmodels.TrainingOptions{Mixes: true}, 12, 12})
	whole := trainer(t, n, n.Initialize(3), setup{onnxmodels.TrainingOptions{}, 12, 12})
	for want, c := range map[string]struct {
		tr     *Trainer
		second []int64
		shares []float32
	}{
		"does not mix images":                 {whole, second, shares},
		"11 second labels and 12 shares":      {mixes, second[1:], shares},
		"12 second labels and 0 shares":       {mixes, second, nil},
		"share 1.5 of its label":              {mixes, second, append([]float32{1.5}, shares[1:]...)},
		"image 0: second label -1 is below 0": {mixes, append([]int64{-1}, second[1:]...), shares},
	} {
		if _, err := c.tr.StepMixed(images, labels, c.second, c.shares, 0.1, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}

// TestWeightsInParts: with class weights, micro-batches add up to the loss of the whole batch,
// and images of a class with the weight 0 change no parameter.
func TestWeightsInParts(t *testing.T) {
	n := plain(t)
	images, labels := randomBatch(12, 8)
	weights := make([]float32, n.Classes())
	for class := range weights {
		weights[class] = float32(class % 3)
	}
	var want float64
	for _, count := range []int{1, 2, 3, 12} {
		o := onnxmodels.TrainingOptions{ClassWeights: weights, LabelSmoothing: 0.1, MicroBatches: count}
		r, err := trainer(t, n, n.Initialize(3), setup{o, 12, 12 / count}).Step(images, labels, 0.1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if count == 1 {
			want = r.Loss
		}
		if math.Abs(r.Loss-want) > 1e-5*want {
			t.Errorf("%d micro-batches: loss %v, want %v", count, r.Loss, want)
		}
	}
	for i := range labels {
		labels[i] = 3
	}
	o := onnxmodels.TrainingOptions{ClassWeights: weights, LabelSmoothing: 0.1}
	tr := trainer(t, n, n.Initialize(3), setup{o, 12, 12})
	if r, err := tr.Step(images, labels, 0.1, 0); err != nil || r.Loss != 0 {
		t.Errorf("loss %v, error %v, want 0", r.Loss, err)
	}
	for _, p := range saved(t, tr).Trainable {
		if !slices.Equal(p.Data, n.Initialize(3).Parameter(p.Name).Data) {
			t.Errorf("%s has changed", p.Name)
		}
	}
}

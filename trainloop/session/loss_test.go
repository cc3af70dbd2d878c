package session

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels"
)

// TestWeightsAgreeWithKeras compares ten steps of losses with weights of classes, with
// and without label smoothing, in the form for each target.
func TestWeightsAgreeWithKeras(t *testing.T) {
	a, want := reference(t, "training.npz"), reference(t, "losses.npz")
	n := cnn(t, 8, []int{4, 6}, 1)
	for key, smoothing := range map[string]float32{"weights": 0, "weights-smoothing": 0.1} {
		for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
			t.Run(key+" "+target, func(t *testing.T) {
				o := onnxmodels.TrainingOptions{Momentum: 0.9, ClassWeights: want["weights"].Float32(), LabelSmoothing: smoothing, Target: target}
				tr := trainer(t, n, parametersOf(n, a, "param/"), setup{o, 8, 8})
				for step, rate := range a["rate"].Float64() {
					batch := fmt.Sprintf("batch/%d/", step)
					r, err := tr.Step(a[batch+"image"].Uint8(), a[batch+"label"].Int64(), rate, 0)
					if err != nil {
						t.Fatal(err)
					}
					if loss := want[key+"/loss"].Float64()[step]; math.Abs(r.Loss-loss) > within(2e-5, 1e-3)*loss {
						t.Errorf("step %d: loss %v, Keras %v", step, r.Loss, loss)
					}
				}
				for _, p := range saved(t, tr).Trainable {
					if e := relativeRMS(float64s(p.Data), want[key+"/final/"+p.Name].Float64()); !(e < within(2e-5, 1e-3)) && !strings.HasSuffix(p.Name, "conv1.bias") {
						t.Errorf("%s after ten steps: relative error %v", p.Name, e)
					}
				}
			})
		}
	}
}

// TestWeightsInParts: micro-batches and replicas of a batch add up to the loss of the
// whole, and a class without weight teaches nothing.
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

package session

import (
	"fmt"
	"strings"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
)

// remedies returns the cases of onnxmodels/testdata/remedies.py.
func remedies() map[string]onnxmodels.TrainingOptions {
	lars := func(trust, decay float32) onnxmodels.TrainingOptions {
		return onnxmodels.TrainingOptions{Optimizer: artifact.OptimizerLARS, Momentum: 0.9, TrustCoefficient: trust, WeightDecay: decay}
	}
	lamb := adam(artifact.OptimizerLAMB)
	lamb.Epsilon = 1e-6
	all := map[string]onnxmodels.TrainingOptions{
		"lars": lars(0.02, 5e-3), "lars-plain": lars(0.05, 0), "lars-corrected": lars(0.02, 5e-3), "lars-corrected-nesterov": lars(0.02, 5e-3),
		"lamb": lamb, "lamb-no-decay": lamb,
		"sgd-ema":        {Momentum: 0.9, EMADecay: 0.8},
		"sgd-ema-warmup": {Momentum: 0.9, EMADecay: 0.5, EMAWarmup: true},
		"multipliers":    {Momentum: 0.9}, "multipliers-corrected": {Momentum: 0.9}, "multipliers-adamw": adam(artifact.OptimizerAdamW),
		"adamw-ema": rules()["adamw"],
	}
	for key, o := range all {
		o.MomentumCorrection = strings.Contains(key, "corrected")
		if strings.HasPrefix(key, "multipliers") {
			o.WeightDecay = 5e-3
			o.RateMultipliers = []artifact.RateMultiplier{{Pattern: "stage1.*", Factor: 0.1}, {Pattern: "head", Factor: 10}, {Pattern: "dense.bias"}}
		}
		o.Nesterov = strings.Contains(key, "nesterov")
		switch key {
		case "lamb":
			o.WeightDecay = 0.5
		case "sgd-ema", "sgd-ema-warmup": // with velocity as PyTorch defines it
			o.MomentumCorrection = true
		case "adamw-ema":
			o.EMADecay = 0.8
		}
		all[key] = o
	}
	return all
}

// TestRemediesAgreeWithPyTorch compares ten steps of the optimizers for large batches, with a
// changing rate, and the averages of the weights, for each target. As in
// TestRulesAgreeWithPyTorchAndKeras, biases of convolutions before BatchNorm do not count.
func TestRemediesAgreeWithPyTorch(t *testing.T) {
	a, want := reference(t, "training.npz"), reference(t, "remedies.npz")
	n := cnn(t, 8, []int{4, 6}, 1)
	for key, o := range remedies() {
		for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
			o.Target = target
			t.Run(key+" "+target, func(t *testing.T) {
				tr := trainer(t, n, parametersOf(n, a, "param/"), setup{o, 8, 8})
				for step, rate := range a["rate"].Float64() {
					batch := fmt.Sprintf("batch/%d/", step)
					r, err := tr.Step(a[batch+"image"].Uint8(), a[batch+"label"].Int64(), rate*want[key+"/factor"].Float64()[0], 0)
					if err != nil {
						t.Fatal(err)
					}
					checkLoss(t, r, want, key, step)
				}
				state := saved(t, tr)
				checkFinal(t, state, want, key)
				for _, p := range state.Trainable {
					if strings.HasSuffix(p.Name, "conv1.bias") {
						continue
					}
					average := artifact.Averaged(state).Parameter(p.Name)
					if o.EMADecay == 0 {
						continue
					}
					if e := relativeRMS(float64s(average.Data), want[key+"/ema/"+p.Name].Float64()); !(e < within(2e-5, 1e-3)) {
						t.Errorf("average of %s after ten steps: relative error %v", p.Name, e)
					}
				}
			})
		}
	}
}

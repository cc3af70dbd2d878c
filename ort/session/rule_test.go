package session

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"onnxlab/internal/npz"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
)

// adam returns TrainingOptions for this kind of optimizer with the usual constants.
func adam(kind string) onnxmodels.TrainingOptions {
	return onnxmodels.TrainingOptions{Optimizer: kind, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
}

// rules returns the cases of onnxmodels/testdata/optimizers.py.
func rules() map[string]onnxmodels.TrainingOptions {
	with := func(o onnxmodels.TrainingOptions, change func(o *onnxmodels.TrainingOptions)) onnxmodels.TrainingOptions {
		change(&o)
		return o
	}
	adamW := with(adam(artifact.OptimizerAdamW), func(o *onnxmodels.TrainingOptions) { o.WeightDecay = 0.5 })
	sgd := onnxmodels.TrainingOptions{Momentum: 0.9}
	return map[string]onnxmodels.TrainingOptions{
		"adam":           adam(artifact.OptimizerAdam),
		"adam-decay":     with(adam(artifact.OptimizerAdam), func(o *onnxmodels.TrainingOptions) { o.WeightDecay = 0.02 }),
		"adam-betas":     with(adam(artifact.OptimizerAdam), func(o *onnxmodels.TrainingOptions) { o.Beta1, o.Beta2, o.Epsilon = 0.8, 0.95, 1e-3 }),
		"adamw":          adamW,
		"adamw-all":      with(adamW, func(o *onnxmodels.TrainingOptions) { o.DecayAll = true }),
		"adamw-clip":     with(adamW, func(o *onnxmodels.TrainingOptions) { o.ClipNorm = 0.52 }),
		"sgd-clip":       with(sgd, func(o *onnxmodels.TrainingOptions) { o.ClipNorm = 0.52 }),
		"sgd-clip-plain": with(sgd, func(o *onnxmodels.TrainingOptions) { o.Momentum, o.ClipNorm = 0, 0.52 }),
		"sgd-nesterov":   with(sgd, func(o *onnxmodels.TrainingOptions) { o.Nesterov = true }),
		"sgd-corrected": with(sgd, func(o *onnxmodels.TrainingOptions) {
			o.MomentumCorrection, o.WeightDecay, o.ClipNorm = true, 5e-3, 0.52
		}),
		"sgd-corrected-nesterov": with(sgd, func(o *onnxmodels.TrainingOptions) {
			o.MomentumCorrection, o.WeightDecay, o.Nesterov = true, 5e-3, true
		}),
	}
}

// TestRulesAgreeWithPyTorchAndKeras compares ten steps of every optimizer rule, with a
// changing rate, for each target. The gradients of biases of convolutions before BatchNorm
// are only rounding errors. Adam turns them into full-size steps, which change no output.
func TestRulesAgreeWithPyTorchAndKeras(t *testing.T) {
	a, want := reference(t, "training.npz"), reference(t, "optimizers.npz")
	n := cnn(t, 8, []int{4, 6}, 1)
	for key, o := range rules() {
		for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
			o.Target = target
			t.Run(key+" "+target, func(t *testing.T) {
				tr := trainer(t, n, parametersOf(n, a, "param/"), setup{o, 8, 8})
				for step, rate := range a["rate"].Float64() {
					if o.Optimizer != "" {
						rate /= 20
					}
					batch := fmt.Sprintf("batch/%d/", step)
					r, err := tr.Step(a[batch+"image"].Uint8(), a[batch+"label"].Int64(), rate, 0)
					if err != nil {
						t.Fatal(err)
					}
					checkLoss(t, r, want, key, step)
				}
				checkFinal(t, saved(t, tr), want, key)
			})
		}
	}
}

// checkLoss compares the loss of a step with the reference.
func checkLoss(t *testing.T, r Result, want npz.Archive, key string, step int) {
	t.Helper()
	if loss := want[key+"/loss"].Float64()[step]; math.Abs(r.Loss-loss) > within(2e-5, 1e-3)*loss {
		t.Errorf("step %d: loss %v, reference %v", step, r.Loss, loss)
	}
}

// checkFinal compares the parameters after ten steps with the reference, except for the
// biases of convolutions before BatchNorm.
func checkFinal(t *testing.T, state *checkpoint.Checkpoint, want npz.Archive, key string) {
	t.Helper()
	for _, p := range state.Trainable {
		if e := relativeRMS(float64s(p.Data), want[key+"/final/"+p.Name].Float64()); !(e < within(2e-5, 1e-3)) && !strings.HasSuffix(p.Name, "conv1.bias") {
			t.Errorf("%s after ten steps: relative error %v", p.Name, e)
		}
	}
}

// everyRule returns the cases of rules and one case for each kind of remedy.
func everyRule() map[string]onnxmodels.TrainingOptions {
	all, more := rules(), remedies()
	for _, key := range []string{"lars", "lamb", "sgd-ema-warmup", "adamw-ema", "multipliers", "multipliers-adamw"} {
		o := more[key]
		if len(o.RateMultipliers) > 0 { // for patterns that match parameters of any network
			o.RateMultipliers = []artifact.RateMultiplier{{Pattern: "*.weight", Factor: 0.1}, {Pattern: "head", Factor: 10}, {Pattern: "dense.bias", Factor: 2}}
		}
		all[key] = o
	}
	return all
}

// TestRulesAccumulate compares one batch of 12 with 2, 3 and 12 micro-batches, over
// three steps of every rule.
func TestRulesAccumulate(t *testing.T) {
	n := plain(t)
	images, labels := randomBatch(12, 8)
	for key, o := range everyRule() {
		t.Run(key, func(t *testing.T) {
			var want *checkpoint.Checkpoint
			for _, count := range []int{1, 2, 3, 12} {
				o.MicroBatches = count
				tr := trainer(t, n, n.Initialize(3), setup{o, 12, 12 / count})
				for _, rate := range []float64{0.1, 0.3, 0.05} {
					if _, err := tr.Step(images, labels, rate, 0); err != nil {
						t.Fatal(err)
					}
				}
				got := saved(t, tr)
				if want == nil {
					want = got
					continue
				}
				for i, p := range got.Trainable {
					if e := relativeRMS(float64s(p.Data), float64s(want.Trainable[i].Data)); !(e < 1e-4) {
						t.Errorf("%s in %d micro-batches: relative error %v", p.Name, count, e)
					}
				}
			}
		})
	}
}

// TestSavedRulesGoOn: a session that continues from a checkpoint that package checkpoint has
// read and written reaches the same bytes as a session that never stopped.
func TestSavedRulesGoOn(t *testing.T) {
	n := cnn(t, 8, []int{4}, 1)
	images, labels := randomBatch(8, 8)
	for key, o := range everyRule() {
		for _, count := range []int{1, 2} {
			o.MicroBatches = count
			s := setup{o, 8, 8 / count}
			step := func(tr *Trainer, rate float64) {
				if _, err := tr.Step(images, labels, rate, 0); err != nil {
					t.Fatal(err)
				}
			}
			straight := trainer(t, n, n.Initialize(3), s)
			step(straight, 0.1)
			resumed := trainer(t, n, saved(t, straight), s)
			for _, rate := range []float64{0.2, 0.05} {
				step(straight, rate)
				step(resumed, rate)
			}
			if a, b := checkpoint.Encode(saved(t, straight)), checkpoint.Encode(saved(t, resumed)); string(a) != string(b) {
				t.Errorf("%s in %d micro-batches: the resumed session came to another state", key, count)
			}
		}
	}
}

// TestRulesInMixedPrecision: a step whose gradients are not finite leaves parameters and
// state as they are. Other steps are those of float32, except where rounding changes the sign
// of a ReLU's input, which changes gradients by up to a hundredth.
func TestRulesInMixedPrecision(t *testing.T) {
	n := cnn(t, 8, []int{8, 8}, 1)
	images, labels := randomBatch(16, 8)
	for key, o := range everyRule() {
		for _, count := range []int{1, 2} {
			o.MicroBatches, o.Target = count, onnxmodels.TargetCUDA
			exact := trainer(t, n, n.Initialize(3), setup{o, 16, 16 / count})
			o.Mixed = true
			mixed := trainer(t, n, n.Initialize(3), setup{o, 16, 16 / count})
			step := func(tr *Trainer, rate float64) Result {
				r, err := tr.Step(images, labels, rate, 0)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			step(exact, 0.01)
			step(mixed, 0.01)
			before := saved(t, mixed)
			mixed.lossScale.Factor = 1e39
			if r := step(mixed, 0.02); !r.Skipped {
				t.Errorf("%s: a step at a scale beyond all numbers is not skipped", key)
			}
			after := saved(t, mixed)
			for _, p := range slices.Concat(before.Trainable, before.Frozen) {
				moves := strings.Contains(p.Name, "running") || strings.HasSuffix(p.Name, "micro_batch")
				if !moves && !slices.Equal(after.Parameter(p.Name).Data, p.Data) {
					t.Errorf("%s: a step that was skipped changed %s", key, p.Name)
				}
			}
			mixed.lossScale.Factor = 4096
			step(exact, 0.02)
			step(mixed, 0.02)
			want := saved(t, exact)
			for _, p := range saved(t, mixed).Trainable {
				if e := relativeRMS(float64s(p.Data), float64s(want.Parameter(p.Name).Data)); !(e < within(0.02, 0.05)) && !strings.HasSuffix(p.Name, "bias") {
					t.Errorf("%s in %d micro-batches: %s differs by %v from float32", key, count, p.Name, e)
				}
			}
		}
	}
}

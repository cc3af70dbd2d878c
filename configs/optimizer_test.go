package configs

import (
	"strings"
	"testing"
)

// The hashes that experiments had when there was only one optimizer.
const (
	hashOfDefault   = "7a0d709c3ad70846fded89d298927bb20038c2468f84dad1de1f467ccbab6382"
	hashOfCorrected = "2aad5c45641d457dd04f434bd12ce6ddba6d1769e374d730d00cf8b63f4513cb"
)

// TestHashOfOptimizers checks that settings of an optimizer change the hash only if they
// have an effect, and that older experiments keep their hashes.
func TestHashOfOptimizers(t *testing.T) {
	load := func(sets ...string) *Experiment {
		t.Helper()
		e, err := Load("", sets)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if got := Default().Hash(); got != hashOfDefault {
		t.Errorf("the default has the hash %s", got)
	}
	corrected := Default()
	corrected.Optimizer.MomentumCorrection, corrected.Optimizer.WeightDecay = true, 5e-4
	corrected.Data.Source, corrected.Data.Size = "folder", 48
	if got := corrected.Hash(); got != hashOfCorrected {
		t.Errorf("momentum correction has the hash %s", got)
	}
	if unheeded := load("optimizer.beta1=0.5", "optimizer.beta2=0.5", "optimizer.epsilon=0.1", "optimizer.trust_coefficient=1", "optimizer.ema_warmup=false"); unheeded.Hash() != hashOfDefault {
		t.Error("a setting that sgd ignores changes its hash")
	}
	adam := load("optimizer.kind=adam")
	if a := load("optimizer.kind=adam", "optimizer.momentum=0.5"); a.Hash() != adam.Hash() {
		t.Error("a setting that adam ignores changes its hash")
	}
	for _, set := range []string{"optimizer.kind=adamw", "optimizer.beta1=0.5", "optimizer.beta2=0.5", "optimizer.epsilon=0.1", "optimizer.clip_norm=1", "optimizer.weight_decay=1"} {
		other := load("optimizer.kind=adam", set)
		key, _, _ := strings.Cut(set, "=")
		if diff := Diff(*adam, *other); other.Hash() == adam.Hash() || len(diff) != 1 || diff[0].Key != key {
			t.Errorf("adam with %s: diff %v", set, diff)
		}
	}
	for _, set := range []string{"optimizer.nesterov=true", "optimizer.clip_norm=1", "optimizer.kind=adam", "optimizer.kind=lars", "optimizer.ema_decay=0.9"} {
		if load(set).Hash() == hashOfDefault {
			t.Errorf("%s does not change the hash", set)
		}
	}
}

func TestOptimizerFaults(t *testing.T) {
	for text, want := range map[string]string{
		"optimizer: {kind: lion}\n":                                                                      `FILE:1:19: optimizer.kind: "lion" is not one of sgd, adam, adamw, lars, lamb`,
		"optimizer: {nesterov: true, momentum: 0}\n":                                                     "FILE:1:23: optimizer.nesterov: it is a form of momentum, and optimizer.momentum is 0: set that to 0.9, or optimizer.nesterov to false",
		"optimizer: {kind: adam, nesterov: true}\n":                                                      "FILE:1:35: optimizer.nesterov: it is only for optimizer.kind sgd and lars, since adam has no velocity: set it to false",
		"optimizer: {kind: adamw, momentum_correction: true}\n":                                          "FILE:1:47: optimizer.momentum_correction: it is only for optimizer.kind sgd and lars, since adamw has no velocity: set it to false",
		"optimizer: {beta1: 1}\n":                                                                        "FILE:1:20: optimizer.beta1: 1 is outside 0..1, 1 excluded",
		"optimizer: {epsilon: 0}\n":                                                                      "FILE:1:22: optimizer.epsilon: 0 is outside 0..1, 0 excluded",
		"optimizer: {clip_norm: -1}\n":                                                                   "FILE:1:24: optimizer.clip_norm: -1 is outside 0..1000000",
		"optimizer: {kind: adam, momentum: 0, clip_norm: 1}\n":                                           "",
		"optimizer: {kind: lars, trust_coefficient: 0}\n":                                                "FILE:1:44: optimizer.trust_coefficient: 0 is outside 0..1000, 0 excluded",
		"optimizer: {ema_decay: 1}\n":                                                                    "FILE:1:24: optimizer.ema_decay: 1 is outside 0..1, 1 excluded",
		"optimizer: {kind: lars, nesterov: true, momentum_correction: true, ema_decay: 0.9}\n":           "",
		"schedule: {kind: plateau}\noptimizer: {momentum_correction: true, ema_decay: 0.9}\n":            "",
		"optimizer: {nesterov: true, momentum_correction: true, clip_norm: 5}\n":                         "",
		"schedule: {kind: plateau}\noptimizer: {momentum_correction: true, clip_norm: 1}\n":              "",
		"sweep: {conditions: [a], definitions: {a: {optimizer: {kind: adamw, learning_rate: 0.001}}}}\n": "",
	} {
		if got := strings.Join(problems(t, text), "\n"); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func TestOptimizerNotes(t *testing.T) {
	for text, want := range map[string]string{
		"optimizer: {kind: adam}\n":                                                                                "FILE:2:19: optimizer.learning_rate: 0.1 is a usual rate for sgd, but a step of adam moves each weight by about the rate, so that 0.001 is usual",
		"optimizer: {kind: adam, learning_rate: 0.003}\n":                                                          "",
		"optimizer: {kind: adamw, learning_rate: 0.003}\n":                                                         "FILE:2:19: optimizer.kind: without optimizer.weight_decay, adamw is the same as adam: 0.01 is usual",
		"optimizer: {kind: adamw, learning_rate: 0.003, weight_decay: 0.1}\n":                                      "",
		"optimizer: {kind: lamb, learning_rate: 0.05}\n":                                                           "",
		"optimizer: {ema_decay: 0.9999, ema_warmup: false}\n":                                                      "FILE:2:24: optimizer.ema_decay: after 800 steps, 92.3 % of the average are still the initial weights: set it lower, or optimizer.ema_warmup to true",
		"optimizer: {ema_decay: 0.9999}\n":                                                                         "",
		"optimizer: {ema_decay: 0.9, ema_warmup: false}\n":                                                         "",
		"model: {kind: onnx, path: m.onnx, normalize: imagenet}\noptimizer: {learning_rate: 0.1}\n":                "FILE:3:28: optimizer.learning_rate: 0.1 is a usual rate for networks that begin with random weights: for a model that has learned before, a tenth of it or less is usual",
		"model: {kind: onnx, path: m.onnx, normalize: imagenet, train: [head]}\noptimizer: {learning_rate: 0.1}\n": "",
		"model: {kind: onnx, path: m.onnx, normalize: imagenet}\noptimizer: {learning_rate: 0.01}\n":               "",
	} {
		if got := noted(t, false, 0, fits+text); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

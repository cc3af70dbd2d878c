package configs

import (
	"reflect"
	"testing"
)

// TestRemedies checks that each remedy is the condition medium with only the change from
// its paper.
func TestRemedies(t *testing.T) {
	e := Default()
	e.Schedule.WarmupEpochs = 3 // of the experiment, which no condition but warmup has
	medium, err := e.Cell("medium", 512, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(e *Experiment){
		"sqrt-scaling":    func(e *Experiment) { e.Schedule.Scaling = "sqrt" },
		"nesterov":        func(e *Experiment) { e.Optimizer.Nesterov = true },
		"ema":             func(e *Experiment) { e.Optimizer.EMADecay = 0.999 },
		"label-smoothing": func(e *Experiment) { e.Train.LabelSmoothing = 0.1 },
		"mixup":           func(e *Experiment) { e.Augment.Mixup = 0.2 },
		"cutmix":          func(e *Experiment) { e.Augment.CutMix = 1 },
		"lars":            func(e *Experiment) { e.Optimizer.Kind, e.Optimizer.TrustCoefficient = LARS, 0.001 },
		"lamb": func(e *Experiment) {
			e.Optimizer.Kind, e.Optimizer.LearningRate, e.Optimizer.ReferenceBatch, e.Optimizer.Epsilon = LAMB, 0.005, 512, 1e-6
			e.Schedule.Scaling = "sqrt"
		},
	} {
		cell, err := e.Cell(name, 512, 1)
		if err != nil {
			t.Error(err)
			continue
		}
		want := medium.clone()
		change(&want)
		want.Sweep.Conditions = []string{name}
		if !reflect.DeepEqual(cell, want) {
			t.Errorf("%s differs from medium in %v, want %v", name, Diff(medium, cell), Diff(medium, want))
		}
	}
	// All names must be conditions, with different weights.
	hashes := map[string]string{}
	for _, name := range Conditions() {
		cell, err := e.Cell(name, 512, 1)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if other := hashes[cell.Hash()]; other != "" {
			t.Errorf("%s is the same as %s", name, other)
		}
		hashes[cell.Hash()] = name
	}
}

// TestRateMultipliers checks that multipliers may be a list or a section, in files and in
// --set, and keep their order.
func TestRateMultipliers(t *testing.T) {
	want := []Multiplier{{"layer4.*", 0.1}, {"head", 10}}
	for _, text := range []string{
		"optimizer: {rate_multipliers: [layer4.*=0.1, head=10]}\n",
		"optimizer: {rate_multipliers: {layer4.*: 0.1, head: 10}}\n",
		"optimizer:\n  rate_multipliers:\n    \"layer4.*\": 0.1\n    head: 1e1\n",
	} {
		e, err := Load(write(t, text), nil)
		if err != nil || !reflect.DeepEqual(e.Optimizer.Multipliers(), want) {
			t.Errorf("%s: %v, %v", text, e, err)
		}
	}
	for _, set := range []string{"layer4.*=0.1,head=10", "[layer4.*=0.1, head=10]", "{layer4.*: 0.1, head: 10}"} {
		e, err := Load("", []string{"optimizer.rate_multipliers=" + set})
		if err != nil || !reflect.DeepEqual(e.Optimizer.Multipliers(), want) {
			t.Errorf("%s: %v", set, err)
		}
	}
	for text, want := range map[string]string{
		"optimizer: {rate_multipliers: [head]}\n":      `FILE:1:32: optimizer.rate_multipliers: "head" is not PATTERN=FACTOR, such as layer4.*=0.1`,
		"optimizer: {rate_multipliers: {head: -1}}\n":  `FILE:1:32: optimizer.rate_multipliers: "head=-1": "-1" is not a number in 0..1000`,
		"optimizer: {rate_multipliers: {head: [1]}}\n": `FILE:1:32: optimizer.rate_multipliers: "head" is not PATTERN=FACTOR, such as layer4.*=0.1`,
		"optimizer: {rate_multipliers: 3}\n":           `FILE:1:31: optimizer.rate_multipliers: 3 is not a list: write [a, b]`,
	} {
		got := problems(t, text)
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	none, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	some, err := Load("", []string{"optimizer.rate_multipliers=head=2"})
	if err != nil || some.Hash() == none.Hash() {
		t.Errorf("multipliers do not change the hash, error %v", err)
	}
}

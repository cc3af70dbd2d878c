package schedule

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"onnxlab/configs"
)

// reference is what testdata/reference.py wrote.
type reference struct {
	Schedules map[string][]float64
	Momentum  struct{ Rates, Gradients, Weights []float64 }
}

func loadReference(t *testing.T) reference {
	t.Helper()
	text, err := os.ReadFile("testdata/schedules.json")
	if err != nil {
		t.Fatal(err)
	}
	var ref reference
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestSchedulersOfPyTorchAndKeras takes 100 steps at the rate 0.8 with each.
func TestSchedulersOfPyTorchAndKeras(t *testing.T) {
	ramp := Ramp{From: 0.1, Steps: 20, Every: 1}
	ours := map[string]Schedule{
		"torch step":          Step(0.8, 0.1, []int{60, 85}),
		"torch cosine":        Cosine(0.8, 0.008, 0, 100),
		"torch one-cycle":     OneCycle(0.032, 0.8, 0.008, 0.3, 0, 100),
		"torch polynomial":    Polynomial(0.8, 0, 2, 0, 100),
		"torch warmup cosine": Cosine(0.8, 0, 20, 100).After(ramp),
		"keras cosine":        Cosine(0.8, 0.008, 0, 100),
		"keras polynomial":    Polynomial(0.8, 0.08, 0.5, 0, 100),
		"keras step":          Step(0.8, 0.1, []int{60, 85}),
		"keras warmup cosine": Cosine(0.8, 0, 20, 100).After(ramp),
	}
	theirs := loadReference(t).Schedules
	if len(theirs) != len(ours) {
		t.Errorf("%d recorded schedules, %d of ours", len(theirs), len(ours))
	}
	for name, s := range ours {
		within := 1e-12
		if strings.HasPrefix(name, "keras") {
			within = 1e-7 // float32, absolute: the cosine cancels near its end
		}
		rates := theirs[name]
		if len(rates) != 100 {
			t.Errorf("%s: %d recorded rates", name, len(rates))
		}
		for step, want := range rates {
			if got := s.Rate(step); math.Abs(got-want) > within {
				t.Errorf("%s: step %d: %.9g, want %.9g", name, step, got, want)
			}
		}
	}
}

// The Keras form with momentum correction takes the steps of PyTorch's SGD,
// whose velocity does not hold the rate; without it, it does not.
func TestMomentumCorrectionIsTheOtherForm(t *testing.T) {
	ref := loadReference(t).Momentum
	s := Cosine(0.8, 0, 20, 100).After(Ramp{From: 0.1, Steps: 20, Every: 1})
	descend := func(correction func(step int) float64) float64 {
		w, v, worst := 1.0, 0.0, 0.0
		for step, g := range ref.Gradients {
			v = 0.9*correction(step)*v - s.Rate(step)*g
			w += v
			worst = max(worst, math.Abs(w-ref.Weights[step]))
		}
		return worst
	}
	if worst := descend(s.MomentumCorrection); worst > 1e-12 {
		t.Errorf("corrected: apart by %g", worst)
	}
	if worst := descend(func(int) float64 { return 1 }); worst < 1e-3 {
		t.Errorf("uncorrected: apart by only %g", worst)
	}
}

func TestMomentumCorrectionSeams(t *testing.T) {
	s := study(t, 1024, func(e *configs.Experiment) { e.Schedule.WarmupEpochs = 5 })
	near(t, "first step", s.MomentumCorrection(0), 1)
	near(t, "warmup", s.MomentumCorrection(1), (0.1+0.7/50)/0.1)
	near(t, "after warmup", s.MomentumCorrection(51), 1)
	near(t, "decay", s.MomentumCorrection(600), 0.1)
	near(t, "after decay", s.MomentumCorrection(601), 1)
	near(t, "after a rate of 0", Step(0, 0.1, nil).MomentumCorrection(3), 1)
	near(t, "no schedule", Schedule{}.MomentumCorrection(3), 1)
}

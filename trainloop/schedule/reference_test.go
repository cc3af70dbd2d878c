package schedule

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/trainloop/monitor"
)

// reference is the output of testdata/reference.py.
type reference struct {
	Schedules map[string][]float64
	Momentum  struct{ Rates, Gradients, Weights []float64 }
	// Watched has the quantities that the plateaus follow, one value per epoch.
	Watched  map[string][]float64
	Plateaus map[string]struct {
		Quantity           string
		Factor, Least      float64
		Patience, Cooldown int
		MinDelta           float64 `json:"min_delta"`
		Keras, Torch       []float64
	}
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

// TestSchedulersOfPyTorchAndKeras compares 100 steps of each schedule, at the rate 0.8.
func TestSchedulersOfPyTorchAndKeras(t *testing.T) {
	ramp := Ramp{From: 0.1, Steps: 20, Every: 1}
	ours := map[string]Schedule{
		"torch step":          Step(0.8, 0.1, []int{60, 85}),
		"torch cosine":        Cosine(0.8, 0.008, 0, 100),
		"torch one-cycle":     OneCycle(0.032, 0.8, 0.008, 0.3, 0, 100),
		"torch polynomial":    Polynomial(0.8, 0, 2, 0, 100),
		"torch warmup cosine": Cosine(0.8, 0, 20, 100).After(ramp),
		"torch exponential":   Exponential(0.8, 0.9, 0, 10),
		"keras exponential":   Exponential(0.8, 0.9, 0, 10),
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

// TestPlateausOfPyTorchAndKeras follows a history of 50 epochs with each plateau. It
// compares the rates before each epoch and after the last one, all of which depend only on
// earlier epochs.
func TestPlateausOfPyTorchAndKeras(t *testing.T) {
	const steps = 3
	ref := loadReference(t)
	if len(ref.Plateaus) != 7 {
		t.Errorf("%d recorded plateaus", len(ref.Plateaus))
	}
	for name, c := range ref.Plateaus {
		seen := ref.Watched[c.Quantity]
		s := Plateau{
			Monitor: monitor.Monitor{Quantity: c.Quantity, MinDelta: c.MinDelta}, Factor: c.Factor,
			Patience: c.Patience, Cooldown: c.Cooldown, Least: c.Least, StepsPerEpoch: steps,
		}.Schedule(0.8)
		if len(seen) != 50 || len(c.Keras) != 51 || len(c.Torch) != 51 {
			t.Fatalf("%s: %d values, %d and %d rates", name, len(seen), len(c.Keras), len(c.Torch))
		}
		whole := s.Given(seen)
		for epoch := range 51 {
			for _, step := range []int{epoch * steps, epoch*steps + steps - 1} {
				got := s.Given(seen[:epoch]).Rate(step)
				// Keras keeps rates as float32.
				if math.Abs(got-c.Torch[epoch]) > 1e-12 || math.Abs(got-c.Keras[epoch]) > 1e-6*c.Keras[epoch] {
					t.Errorf("%s: epoch %d: %.9g, PyTorch %.9g, Keras %.9g", name, epoch, got, c.Torch[epoch], c.Keras[epoch])
				}
				if later := whole.Rate(step); later != got {
					t.Errorf("%s: epoch %d: %g, but %g when all epochs are known", name, epoch, got, later)
				}
			}
		}
	}
}

// With momentum correction, the Keras form takes the same steps as PyTorch's SGD, whose
// velocity does not contain the rate; without the correction, it does not.
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

package schedule

import (
	"math"
	"strings"
	"testing"

	"onnxlab/configs"
)

// kind makes the default experiment at batch size 512 with a schedule of 100 epochs of 10
// steps. Its peak is 0.4.
func kind(t *testing.T, name string, change func(*configs.Schedule)) Schedule {
	t.Helper()
	return study(t, 512, func(e *configs.Experiment) {
		e.Schedule.Kind, e.Schedule.FinalFraction = name, 0.1
		if change != nil {
			change(&e.Schedule)
		}
	})
}

func TestConstant(t *testing.T) {
	s := kind(t, "constant", nil)
	for _, step := range []int{-1, 0, 599, 600, 999, 1000} {
		near(t, "rate", s.Rate(step), 0.4)
	}
}

// Loshchilov and Hutter 2017, equation 5, with T_cur and T_i in steps.
func TestCosineSeams(t *testing.T) {
	s := kind(t, "cosine", nil)
	for _, step := range []int{0, 1, 250, 500, 999, 1000} {
		near(t, "rate", s.Rate(step), 0.04+0.5*(0.4-0.04)*(1+math.Cos(float64(step)/1000*math.Pi)))
	}
	near(t, "start", s.Rate(0), 0.4)
	near(t, "middle", s.Rate(500), 0.22)
	near(t, "end", s.Rate(1000), 0.04)
	near(t, "after the end", s.Rate(5000), 0.04)
}

func TestCosineAfterWarmup(t *testing.T) {
	s := kind(t, "cosine", func(c *configs.Schedule) { c.WarmupEpochs = 5 })
	near(t, "start", s.Rate(0), 0.1)
	near(t, "last of warmup", s.Rate(49), 0.4-0.3/50)
	near(t, "seam", s.Rate(50), 0.4)
	near(t, "middle of the rest", s.Rate(525), 0.22)
	near(t, "end", s.Rate(1000), 0.04)
}

func TestPolynomialSeams(t *testing.T) {
	s := kind(t, "polynomial", func(c *configs.Schedule) { c.Power = 2 })
	near(t, "start", s.Rate(0), 0.4)
	near(t, "middle", s.Rate(500), 0.04+0.36*0.25)
	near(t, "end", s.Rate(1000), 0.04)
	near(t, "after the end", s.Rate(1001), 0.04)
	line := kind(t, "polynomial", nil)
	near(t, "line", line.Rate(250), 0.04+0.36*0.75)
}

// An exponential schedule counts epochs from the end of the warmup.
func TestExponentialSeams(t *testing.T) {
	s := kind(t, "exponential", func(c *configs.Schedule) { c.DecayFactor = 0.9 })
	for step, want := range map[int]float64{-1: 0.4, 0: 0.4, 9: 0.4, 10: 0.36, 19: 0.36, 20: 0.324, 999: 0.4 * math.Pow(0.9, 99), 1000: 0.4 * math.Pow(0.9, 100)} {
		near(t, "rate", s.Rate(step), want)
	}
	s = kind(t, "exponential", func(c *configs.Schedule) { c.DecayFactor, c.WarmupEpochs = 0.9, 5 })
	near(t, "last of warmup", s.Rate(49), 0.4-0.3/50)
	near(t, "seam", s.Rate(50), 0.4)
	near(t, "first epoch after it", s.Rate(59), 0.4)
	near(t, "second epoch after it", s.Rate(60), 0.36)
}

// A plateau schedule starts at the peak and ignores the results of the warmup's epochs.
func TestPlateauSeams(t *testing.T) {
	s := kind(t, "plateau", func(c *configs.Schedule) { c.Patience, c.WarmupEpochs = 2, 3 })
	warmup := []float64{1, 5, 5} // would be the best, and a plateau
	for _, c := range []struct {
		seen []float64
		step int
		want float64
	}{
		{nil, 0, 0.1},
		{warmup[:2], 29, 0.4 - 0.3/30},
		{warmup, 30, 0.4},
		{append(warmup, 4, 3, 3), 60, 0.4},
		{append(warmup, 4, 3, 3, 3), 69, 0.4},
		{append(warmup, 4, 3, 3, 3), 70, 0.04},
		{append(warmup, 4, 3, 3, 3), 5000, 0.04},
		{append(warmup, 4, 3, 3, 3), 29, 0.4 - 0.3/30},
		{append(warmup, 4, 3, 3, 3), 59, 0.4},
	} {
		near(t, "rate", s.Given(c.seen).Rate(c.step), c.want)
	}
	rising := kind(t, "plateau", func(c *configs.Schedule) { c.Patience, c.Monitor = 1, configs.ValAccuracy })
	near(t, "after a fall", rising.Given([]float64{0.5, 0.4}).Rate(20), 0.04)
	near(t, "after a rise", rising.Given([]float64{0.4, 0.5}).Rate(20), 0.4)
	if a, b := kind(t, "cosine", nil), kind(t, "cosine", nil).Given([]float64{1, 1, 1}); a.Rate(500) != b.Rate(500) {
		t.Error("cosine follows the history")
	}
}

func TestOneCycleSeams(t *testing.T) {
	s := kind(t, "one-cycle", nil)
	near(t, "start", s.Rate(0), 0.016)
	near(t, "peak", s.Rate(299), 0.4)
	near(t, "last", s.Rate(999), 0.04)
	near(t, "after the end", s.Rate(1000), 0.04)
	for step := range 999 {
		if rising := s.Rate(step+1) > s.Rate(step); rising != (step < 299) {
			t.Fatalf("step %d: from %g to %g", step, s.Rate(step), s.Rate(step+1))
		}
	}
}

// A cycle of a few steps has no room for its rise. Its rates are still finite and end at
// the final rate.
func TestShortOneCycles(t *testing.T) {
	for steps := 1; steps < 8; steps++ {
		s := OneCycle(0.1, 1, 0.01, 0.3, 0, steps)
		for step := range steps {
			if r := s.Rate(step); !(r >= 0.01 && r <= 1) {
				t.Errorf("%d steps: rate %g at step %d", steps, r, step)
			}
		}
		near(t, "last", s.Rate(steps-1), 0.01)
	}
}

func TestScaling(t *testing.T) {
	for scaling, want := range map[string]float64{"linear": 0.8, "sqrt": 0.1 * math.Sqrt(8), "none": 0.1} {
		s := study(t, 1024, func(e *configs.Experiment) { e.Schedule.Scaling = scaling })
		near(t, scaling, s.Rate(0), want)
	}
}

// At the reference batch size, a warmup has no higher rate to rise to. Below it, it does
// not start above its end.
func TestWarmupOfSmallBatches(t *testing.T) {
	for batch, want := range map[int]float64{128: 0.1, 32: 0.025} {
		s := study(t, batch, func(e *configs.Experiment) { e.Schedule.WarmupEpochs = 5 })
		for step := range 60 {
			near(t, "rate", s.Rate(step), want)
		}
	}
}

func TestNewFaults(t *testing.T) {
	for want, change := range map[string]func(*configs.Experiment){
		`schedule.kind: "stairs" is not one of step`:     func(e *configs.Experiment) { e.Schedule.Kind = "stairs" },
		`schedule.scaling: "cubic" is not one of linear`: func(e *configs.Experiment) { e.Schedule.Scaling = "cubic" },
		"schedule.warmup_epochs: the rate would fall from 0.1 to 0.08 within": func(e *configs.Experiment) {
			e.Train.BatchSize, e.Schedule.WarmupEpochs, e.Schedule.DecayEpochs = 1024, 5, []int{3}
		},
		"schedule.warmup_epochs: the rate would fall from 0.1 to 0.01 within": func(e *configs.Experiment) {
			e.Schedule.WarmupEpochs, e.Schedule.DecayEpochs = 1, []int{1} // at the reference batch
		},
		"schedule.warmup_epochs: the rate would fall from 0.1 to 0.032 within": func(e *configs.Experiment) {
			e.Train.BatchSize, e.Schedule.WarmupEpochs, e.Schedule.Kind = 1024, 5, "one-cycle"
		},
		"schedule.warmup_epochs: the rate would fall from 0.1 to 0 within": func(e *configs.Experiment) {
			e.Train.BatchSize, e.Schedule.WarmupEpochs, e.Schedule.Kind = 1024, 100, "cosine"
		},
		"schedule.warmup_epochs: 101 is more than train.epochs 100": func(e *configs.Experiment) { e.Schedule.WarmupEpochs = 101 },
	} {
		e := configs.Default()
		change(&e)
		if _, err := New(e, 10); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := New(configs.Default(), 0); err == nil || !strings.Contains(err.Error(), "0 steps in an epoch") {
		t.Error(err)
	}
}

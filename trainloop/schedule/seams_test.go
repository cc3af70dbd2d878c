package schedule

import (
	"math"
	"testing"

	"onnxlab/configs"
)

// near fails unless got equals want to a relative error of 1e-12.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-12*max(math.Abs(want), 1e-3) {
		t.Errorf("%s: %.17g, want %.17g", what, got, want)
	}
}

// study is the schedule of the study's experiment at a batch size, with 10 steps per epoch.
func study(t *testing.T, batch int, change func(*configs.Experiment)) Schedule {
	t.Helper()
	e := configs.Default()
	e.Train.BatchSize = batch
	if change != nil {
		change(&e)
	}
	s, err := New(e, 10)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStepDecaySeams(t *testing.T) {
	s := study(t, 256, nil)
	for _, c := range []struct {
		step int
		want float64
	}{{0, 0.2}, {599, 0.2}, {600, 0.02}, {849, 0.02}, {850, 0.002}, {999, 0.002}, {5000, 0.002}, {-1, 0.2}} {
		near(t, "rate", s.Rate(c.step), c.want)
	}
}

func TestWarmupByStep(t *testing.T) {
	s := study(t, 1024, func(e *configs.Experiment) { e.Schedule.WarmupEpochs = 5 })
	near(t, "first", s.Rate(0), 0.1)
	near(t, "second", s.Rate(1), 0.1+0.7/50)
	near(t, "middle", s.Rate(25), 0.45)
	near(t, "last of warmup", s.Rate(49), 0.8-0.7/50)
	near(t, "seam", s.Rate(50), 0.8)
	near(t, "decay keeps its epoch", s.Rate(599), 0.8)
	near(t, "decay keeps its epoch", s.Rate(600), 0.08)
}

func TestWarmupByEpoch(t *testing.T) {
	s := study(t, 1024, func(e *configs.Experiment) {
		e.Schedule.WarmupEpochs, e.Schedule.WarmupBy = 5, "epoch"
	})
	for step, want := range map[int]float64{0: 0.1, 9: 0.1, 10: 0.24, 19: 0.24, 20: 0.38, 49: 0.66, 50: 0.8} {
		near(t, "rate", s.Rate(step), want)
	}
}

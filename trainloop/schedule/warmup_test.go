package schedule

import (
	"math"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"onnxlab/configs"
)

// drawn draws an experiment whose warmup and decays may be anywhere, within the run or
// beyond it, and may overlap.
func drawn(t *rapid.T) configs.Experiment {
	e := configs.Default()
	e.Train.Epochs = rapid.IntRange(1, 12).Draw(t, "epochs")
	e.Train.BatchSize = rapid.SampledFrom([]int{1, 7, 64, 127, 128, 129, 256, 1024, 8192}).Draw(t, "batch")
	e.Optimizer.ReferenceBatch = rapid.SampledFrom([]int{1, 32, 128, 1000}).Draw(t, "reference")
	e.Optimizer.LearningRate = rapid.Float64Range(1e-6, 10).Draw(t, "rate")
	s := &e.Schedule
	s.Kind = rapid.SampledFrom([]string{"step", "constant", "cosine", "one-cycle", "polynomial"}).Draw(t, "kind")
	s.Scaling = rapid.SampledFrom([]string{"linear", "sqrt"}).Draw(t, "scaling")
	s.WarmupBy = rapid.SampledFrom([]string{"step", "epoch"}).Draw(t, "by")
	s.WarmupEpochs = rapid.IntRange(1, 14).Draw(t, "warmup")
	s.DecayEpochs = nil
	for epoch := 1; epoch < 15; epoch++ {
		if rapid.IntRange(0, 4).Draw(t, "decays") == 0 {
			s.DecayEpochs = append(s.DecayEpochs, epoch)
		}
	}
	s.DecayFactor = rapid.Float64Range(1e-3, 1).Draw(t, "factor")
	s.FinalFraction = rapid.Float64Range(0, 1).Draw(t, "final")
	s.StartFraction = rapid.Float64Range(1e-3, 1).Draw(t, "start")
	s.Power = rapid.Float64Range(0.1, 4).Draw(t, "power")
	return e
}

// meant reports whether the experiment's warmup has a full rate to rise to within the run.
func meant(e configs.Experiment) bool {
	s, epochs := e.Schedule, e.Train.Epochs
	switch s.Kind {
	case "one-cycle":
		return false
	case "cosine", "polynomial":
		return s.WarmupEpochs < epochs
	case "step":
		for _, decay := range s.DecayEpochs {
			if decay <= s.WarmupEpochs {
				return false
			}
		}
	}
	return s.WarmupEpochs <= epochs
}

// TestWarmupRises checks, for any settings, that New returns an error or a warmup that
// rises to the full rate, which the step after it has.
func TestWarmupRises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawn(t)
		steps := rapid.IntRange(1, 9).Draw(t, "steps in an epoch")
		err := e.ValidateFor("train", "optimizer", "schedule")
		if (err == nil) != meant(e) {
			t.Fatalf("error %v", err)
		}
		if err != nil {
			return
		}
		s, err := New(e, steps)
		if err != nil {
			t.Fatal(err)
		}
		peak, err := Peak(e)
		if err != nil {
			t.Fatal(err)
		}
		end := e.Schedule.WarmupEpochs * steps
		same := func(got, want float64) bool { return math.Abs(got-want) <= 1e-9*want }
		if first := s.Rate(0); !same(first, min(e.Optimizer.LearningRate, peak)) {
			t.Errorf("it begins at %g, the peak is %g", first, peak)
		}
		if full := s.Rate(end); !same(full, peak) {
			t.Errorf("it ends at %g, the peak is %g", full, peak)
		}
		for step := range end {
			now, next := s.Rate(step), s.Rate(step+1)
			rises := next > now
			if e.Schedule.WarmupBy == "epoch" && (step+1)%steps > 0 || peak <= e.Optimizer.LearningRate {
				rises = same(next, now)
			}
			if !rises {
				t.Fatalf("step %d of %d: from %g to %g", step, end, now, next)
			}
		}
	})
}

// TestRefusedWarmupNeverFalls checks that New returns an error, or a warmup that rises, for
// settings that Validate rejects.
func TestRefusedWarmupNeverFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawn(t)
		steps := rapid.IntRange(1, 9).Draw(t, "steps in an epoch")
		s, err := New(e, steps)
		if err != nil {
			if e.ValidateFor("train", "optimizer", "schedule") == nil {
				t.Fatal(err)
			}
			return
		}
		for step := range e.Schedule.WarmupEpochs * steps {
			if now, next := s.Rate(step), s.Rate(step+1); next < now*(1-1e-9) {
				t.Fatalf("step %d: from %g to %g", step, now, next)
			}
		}
	})
}

// TestShippedWarmupsRise checks every run of every experiment in configs.
func TestShippedWarmupsRise(t *testing.T) {
	files, err := filepath.Glob("../../configs/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	warm := 0
	for _, file := range files {
		e, err := configs.Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		cells, err := e.Cells()
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range append(cells, *e) {
			s, err := New(run, 4)
			if err != nil {
				t.Fatal(err)
			}
			if run.Schedule.WarmupEpochs == 0 || run.Train.BatchSize <= run.Optimizer.ReferenceBatch {
				continue
			}
			warm++
			for step := range 4 * run.Schedule.WarmupEpochs {
				if s.Rate(step+1) <= s.Rate(step) {
					t.Errorf("%s at batch size %d: from %g to %g after step %d", file, run.Train.BatchSize, s.Rate(step), s.Rate(step+1), step)
				}
			}
		}
	}
	if warm < 10 {
		t.Errorf("%d runs with a warmup were tried", warm)
	}
}

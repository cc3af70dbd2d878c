package trainloop

import (
	"math"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
)

// tried feeds these losses to a range test, with rates that double from 0.001 on.
func tried(losses ...float64) (f *Tuning, diverged bool) {
	f = &Tuning{BatchSize: 32}
	for i, loss := range losses {
		if diverged = f.take(0.001*math.Pow(2, float64(i)), loss); diverged {
			break
		}
	}
	return f, diverged
}

// TestRangeTest checks that the smoothed loss is the bias-corrected average of Kingma and
// Ba, that the test ends where it diverges, and that the suggestion is the first rate after
// nine tenths of the fall.
func TestRangeTest(t *testing.T) {
	f, _ := tried(4, 2, 1)
	want := (1*0.1 + 2*0.1*0.9 + 4*0.1*0.81) / (1 - 0.9*0.9*0.9)
	if got := f.Tried[2].Smoothed; math.Abs(got-want) > 1e-12 {
		t.Errorf("smoothed %v, want %v", got, want)
	}
	// 20 steps at a loss of 3, a linear fall to 1 over 50 steps, 30 steps at 1, and
	// divergence.
	var losses []float64
	for i := range 100 {
		losses = append(losses, 3-2*min(max(float64(i-20)/50, 0), 1))
	}
	losses = append(losses, slices.Repeat([]float64{50}, 20)...)
	f = &Tuning{BatchSize: 32}
	steps := 0
	for ; steps < len(losses); steps++ {
		if f.take(math.Pow(1.1, float64(steps)), losses[steps]) {
			break
		}
	}
	if steps != 100 {
		t.Errorf("the test ended after step %d, want 100, the first of a loss of 50", steps)
	}
	if err := f.choose(); err != nil {
		t.Fatal(err)
	}
	// The smoothed loss lags nine steps behind. It reaches 1.2, after nine tenths of the
	// fall, at about step 74.
	if step := math.Log(f.Rate) / math.Log(1.1); math.Abs(step-74) > 2 {
		t.Errorf("rate %v of step %.1f, want about 74", f.Rate, step)
	}
	if step := math.Log(f.BestRate) / math.Log(1.1); math.Abs(step-99) > 0.5 {
		t.Errorf("the lowest loss at step %v, want 99", step)
	}
}

// TestRangeTestFaults checks the errors for tests that lead to no suggestion.
func TestRangeTestFaults(t *testing.T) {
	for _, c := range []struct {
		losses []float64
		want   string
	}{
		{[]float64{2, 2, math.NaN()}, "the loss diverges after only 2 steps"},
		{slices.Repeat([]float64{2}, 30), "the loss, 2 at first, did not fall in 30 steps at any rate"},
	} {
		f, _ := tried(c.losses...)
		if err := f.choose(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.losses, err, c.want)
		}
	}
	if _, err := Tune(t.Context(), TuneOptions{Steps: 5}); err == nil {
		t.Error("5 steps are accepted")
	}
}

// TestSuggestion checks that the batch size is the power of two nearest to a quarter of the
// noise scale, within what the number of images allows, with the rate scaled as the
// settings say, and that a warmup begins at a rate for which the first sharpness is not too
// high.
func TestSuggestion(t *testing.T) {
	for _, c := range []struct {
		scaling          string
		noise, sharpness float64
		images           int
		batch, reference int
		rate             float64
		warmup           int
	}{
		{"linear", 1000, 1, 50000, 256, 256, 0.8, 0},
		{"linear", 0, 1, 50000, 32, 32, 0.1, 0}, // hidden by noise: the batch size stays
		{"sqrt", 560, 1, 50000, 128, 128, 0.2, 0},
		{"none", 560, 1, 50000, 128, 128, 0.1, 0},
		{"linear", 20000, 1, 4000, 256, 256, 0.8, 0}, // 4096 would leave no steps
		{"linear", 8, 1, 4000, 8, 8, 0.025, 0},
		// 3.8/0.8 is 4.75, and 15 is more than three times that: a quarter of the rate.
		{"linear", 1000, 15, 50000, 256, 64, 0.2, 5},
		// With square-root scaling, a quarter of the rate is a sixteenth of the batch size.
		{"sqrt", 560, 50, 50000, 128, 16, 0.2 / math.Sqrt(8), 5},
	} {
		e := configs.Default()
		e.Train.Epochs, e.Train.BatchSize, e.Schedule.Scaling = 40, 32, c.scaling
		e.Schedule.DecayEpochs = []int{24}
		f := &Tuning{BatchSize: 32, Rate: 0.1, NoiseScale: c.noise, FirstSharpness: c.sharpness}
		f.suggest(e, c.images)
		got := f.Experiment
		if got.Train.BatchSize != c.batch || got.Optimizer.ReferenceBatch != c.reference || got.Schedule.WarmupEpochs != c.warmup ||
			math.Abs(got.Optimizer.LearningRate-c.rate) > 1e-12 {
			t.Errorf("%+v: batch %d, reference %d, rate %v, warmup %d", c, got.Train.BatchSize, got.Optimizer.ReferenceBatch, got.Optimizer.LearningRate, got.Schedule.WarmupEpochs)
		}
		if c.warmup > 0 && got.Optimizer.LearningRate*c.sharpness > 3.8+1e-9 {
			t.Errorf("%+v: the warmup begins at %v, which is too high for the sharpness", c, got.Optimizer.LearningRate)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestTune tunes a real run, for momentum SGD and for Adam. It checks that each has its own
// range of rates, that the suggested experiment is valid and trains, and that tuning again
// gives the same.
func TestTune(t *testing.T) {
	for _, kind := range []string{"sgd", "adam"} {
		o := small(t, "diagnose.images=64", "optimizer.kind="+kind)
		options := TuneOptions{Experiment: o.Experiment, Train: o.Train, Steps: 60}
		found, err := Tune(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		first, last := 1e-4, 10.0
		if kind == "adam" {
			first, last = 1e-6, 0.1
		}
		if n := len(found.Tried); math.Abs(found.Tried[0].Rate-first) > 1e-9 || n == 60 && math.Abs(found.Tried[n-1].Rate-last) > 1e-6*last {
			t.Errorf("%s: rates from %v to %v", kind, found.Tried[0].Rate, found.Tried[n-1].Rate)
		}
		if !(found.Rate > first && found.Rate < last) || found.BatchSize != 32 || (found.StabilityLimit == 0) != (kind == "adam") {
			t.Errorf("%s: %+v", kind, found)
		}
		again, err := Tune(t.Context(), options)
		if err != nil || again.Rate != found.Rate || again.NoiseScale != found.NoiseScale || again.FirstSharpness != found.FirstSharpness {
			t.Errorf("%s: rate %v, noise scale %v and sharpness %v became %v, %v and %v (%v)", kind, found.Rate, found.NoiseScale, found.FirstSharpness, again.Rate, again.NoiseScale, again.FirstSharpness, err)
		}
		o.Experiment = found.Experiment
		if err := o.Experiment.Validate(); err != nil {
			t.Fatal(err)
		}
		o.Experiment.Train.Epochs, o.Experiment.Schedule.WarmupEpochs, o.Experiment.Schedule.DecayEpochs = 1, 0, nil
		mustRun(t, o)
	}
}

package trainloop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/sysmem"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/trainloop/diagnose"
	"onnxlab/trainloop/schedule"
	"onnxlab/trainloop/snapshot"
)

// TuneOptions says what to tune.
type TuneOptions struct {
	// Experiment is the experiment to start from. The range test uses its batch size.
	Experiment configs.Experiment
	// Train has the training images.
	Train *dataset.Set
	// Steps is the number of steps, at least 20, of the range test and of the short run
	// after it.
	Steps int
	// Progress, if not nil, is called with single lines that describe the progress.
	Progress func(text string)
}

// Tuning has the measurements and the suggestions.
type Tuning struct {
	// Tried has the steps of the range test, up to the one at which the loss diverged.
	Tried []Tried `json:"tried"`
	// BatchSize is the batch size of the range test, and Rate the suggested rate for it.
	BatchSize int     `json:"batch_size"`
	Rate      float64 `json:"rate"`
	// BestRate is the rate with the lowest smoothed loss.
	BestRate float64 `json:"best_rate"`
	// NoiseScale, in images, was measured in a short run with Rate. It is 0 if the noise
	// hid the gradient. SuggestedBatch is the power of two nearest to a quarter of
	// NoiseScale, but not so large that an epoch would have too few steps.
	NoiseScale     float64 `json:"noise_scale"`
	SuggestedBatch int     `json:"suggested_batch_size"`
	// FirstSharpness is the sharpness of the untrained network, and StabilityLimit the
	// limit at the rate of the suggested batch; 0 if no limit is known.
	FirstSharpness float64 `json:"first_sharpness"`
	StabilityLimit float64 `json:"stability_limit"`
	// WarmupEpochs is above 0 if FirstSharpness is above StabilityLimit.
	WarmupEpochs int `json:"warmup_epochs"`
	// Experiment is the experiment with the suggested settings.
	Experiment configs.Experiment `json:"-"`
}

// Tried is a step of the range test.
type Tried struct {
	// Rate is the learning rate of the step, Loss the loss of its batch, and Smoothed the
	// moving average of the losses up to it, corrected for its bias.
	Rate     float64 `json:"rate"`
	Loss     float64 `json:"loss"`
	Smoothed float64 `json:"smoothed"`
}

const (
	// The rates of a range test for sgd rise from lowestRate to highestRate. For adam and
	// adamw, both are multiplied by adamShare.
	lowestRate, highestRate = 1e-4, 10.0
	adamShare               = 0.01
	// smoothing is the share of the smoothed loss that is kept in each step.
	smoothing = 0.9
	// The range test ends when the smoothed loss is more than divergedFactor times its minimum.
	divergedFactor = 2.0
	// The suggested rate is the one at which the smoothed loss has completed mostOfTheWay
	// of its fall. minTried is the number of steps before which the loss must not diverge.
	mostOfTheWay = 0.9
	minTried     = 12
	// batchShare is the suggested batch size as a share of the noise scale. To get as far
	// as with the smallest batches, batches of B images need 1 + B/noise scale times as
	// many images (McCandlish et al. 2018, section 2). With a fixed number of epochs, a
	// quarter of the noise scale therefore makes use of 80 % of the images, and the whole
	// of it only of half.
	batchShare = 0.25
	// maxWarmup is the largest number of warmup epochs that is suggested, as in Goyal et
	// al. 2017.
	maxWarmup = 5
	// minSteps is the smallest number of steps per epoch with the suggested batch size.
	minSteps = 8
)

// Tune tries learning rates and measures the gradient noise, and suggests a rate, a batch
// size and a warmup for the experiment.
//
// The rate comes from a range test (Smith 2017, "Cyclical Learning Rates for Training
// Neural Networks", section 3.3): one short run in which the rate rises by the same factor
// at every step, until the loss diverges. The batch size is a quarter of the gradient noise
// scale (McCandlish et al. 2018), which is measured in a short run with that rate. A warmup
// is suggested if the untrained network is too sharp for the rate (Gilmer et al. 2022).
//
// If the experiment does not fit the images, the error is a *SettingError.
func Tune(ctx context.Context, o TuneOptions) (*Tuning, error) {
	if o.Steps < 20 {
		return nil, fmt.Errorf("tune: %d steps are too few, want at least 20", o.Steps)
	}
	o.Experiment = withClasses(o.Experiment, o.Train)
	if err := checkTraining(o.Experiment, o.Train); err != nil {
		return nil, err
	}
	t, err := newTuner(o)
	if err != nil {
		return nil, err
	}
	found := &Tuning{BatchSize: o.Experiment.Train.BatchSize}
	if err := t.rangeTest(ctx, found); err != nil {
		return nil, err
	}
	if err := t.shortRun(ctx, found); err != nil {
		return nil, err
	}
	found.suggest(o.Experiment, o.Train.Len())
	return found, nil
}

// tuner does short runs of an experiment, each from the same initial parameters.
type tuner struct {
	TuneOptions
	network *onnxmodels.Network
	state   *checkpoint.Checkpoint
}

func newTuner(o TuneOptions) (*tuner, error) {
	// The tuner sets the rates itself. Without cached features, the prober can use the
	// whole network.
	o.Experiment.Optimizer.MomentumCorrection, o.Experiment.Train.CacheFeatures = false, false
	height, width := o.Train.Size()
	n, err := Network(o.Experiment, height, width)
	if err != nil {
		return nil, err
	}
	if err := checkMemory(n, o.Experiment, o.Experiment.Runtime.Device.Traits().Target, sysmem.Available()); err != nil {
		return nil, err
	}
	return &tuner{o, n, n.Initialize(o.Experiment.Seed)}, nil
}

func (t *tuner) report(format string, args ...any) {
	if t.Progress != nil {
		t.Progress(fmt.Sprintf(format, args...))
	}
}

// begin makes the steps of a run with these rates.
func (t *tuner) begin(rates schedule.Schedule) (*steps, error) {
	s, err := newSteps(t.Experiment, t.Train, t.network, snapshot.Manifest{}, checkpoint.Encode(t.state), t.Experiment.Runtime.Device.Traits().Target)
	if err != nil {
		return nil, err
	}
	s.schedule = rates
	return s, nil
}

// rangeTest does steps at rising rates.
func (t *tuner) rangeTest(ctx context.Context, found *Tuning) (err error) {
	low, high := lowestRate, highestRate
	if t.Experiment.Optimizer.IsAdam() {
		low, high = low*adamShare, high*adamShare
	}
	t.report("range test: up to %d steps of %d images at rates from %.2g to %.2g", t.Steps, found.BatchSize, low, high)
	rates := schedule.Exponential(low, math.Pow(high/low, 1/float64(t.Steps-1)), 0, 1)
	s, err := t.begin(rates)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for step := range t.Steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		result, _, err := s.optimize(ctx, step)
		if err != nil {
			return err
		}
		if found.take(rates.Rate(step), result.Loss) {
			break
		}
	}
	return found.choose()
}

// take records a step of the range test, and reports whether the loss has diverged.
func (f *Tuning) take(rate, loss float64) (diverged bool) {
	if !isFinite(loss) {
		return true
	}
	smoothed, least := loss, loss
	if n := len(f.Tried); n > 0 {
		// An exponential moving average with its bias corrected (Kingma and Ba 2015,
		// section 3).
		bias := 1 - math.Pow(smoothing, float64(n))
		smoothed = (smoothing*bias*f.Tried[n-1].Smoothed + (1-smoothing)*loss) / (1 - math.Pow(smoothing, float64(n+1)))
		least = slices.MinFunc(f.Tried, func(a, b Tried) int { return cmp.Compare(a.Smoothed, b.Smoothed) }).Smoothed
	}
	f.Tried = append(f.Tried, Tried{rate, loss, smoothed})
	return len(f.Tried) >= minTried && smoothed > divergedFactor*max(least, 0.1)
}

// shortRun measures the sharpness before a run with the suggested rate, and the gradient
// noise during it.
func (t *tuner) shortRun(ctx context.Context, found *Tuning) (err error) {
	t.report("short run: %d steps at the rate %.3g", t.Steps, found.Rate)
	s, err := t.begin(schedule.Constant(found.Rate))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	p, err := newProber(t.Experiment, t.network, t.Train, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if found.FirstSharpness, err = t.firstSharpness(ctx, p); err != nil {
		return err
	}
	var sum diagnose.Noise
	const measurements = 4 // in the second half
	for step := range t.Steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		result, _, err := s.optimize(ctx, step)
		if err != nil {
			return err
		}
		if !isFinite(result.Loss) {
			return fmt.Errorf("tune: the loss is not finite after %d steps at the suggested rate %.3g: set --steps to a larger number", step+1, found.Rate)
		}
		done, half := step+1, t.Steps/2
		if each := half / measurements; done > half && (t.Steps-done)%each == 0 && (t.Steps-done)/each < measurements {
			n, err := t.noiseNow(ctx, p, s, done)
			if err != nil {
				return err
			}
			sum.Signal, sum.Variance = sum.Signal+n.Signal, sum.Variance+n.Variance
		}
	}
	found.NoiseScale = scaleOf(sum)
	return nil
}

// firstSharpness measures the sharpness at the initial parameters.
func (t *tuner) firstSharpness(ctx context.Context, p *prober) (float64, error) {
	if err := p.gradient.Load(t.state); err != nil {
		return 0, err
	}
	batches, err := p.draw(ctx, 0, p.batches(t.Experiment.Diagnose.Images/2))
	if err != nil {
		return 0, err
	}
	return p.sharpness(batches)
}

// noiseNow measures the gradient noise at the trainer's current parameters.
func (t *tuner) noiseNow(ctx context.Context, p *prober, s *steps, number int) (diagnose.Noise, error) {
	path, remove, err := temporary()
	if err != nil {
		return diagnose.Noise{}, err
	}
	defer remove()
	if err := s.trainer.Save(path); err != nil {
		return diagnose.Noise{}, err
	}
	now, err := checkpoint.Read(path)
	if err != nil {
		return diagnose.Noise{}, err
	}
	if err := p.gradient.Load(now); err != nil {
		return diagnose.Noise{}, err
	}
	batches, err := p.draw(ctx, number, p.batches(t.Experiment.Diagnose.Images))
	if err != nil {
		return diagnose.Noise{}, err
	}
	return p.noise(batches)
}

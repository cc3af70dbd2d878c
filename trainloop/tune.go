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

// TuneOptions say what is tuned.
type TuneOptions struct {
	// Experiment is what to begin with. Its batch size is the one that rates are tried at.
	Experiment configs.Experiment
	// Train are the training images.
	Train *dataset.Set
	// Steps is how many steps the range test has, at least 20, and the short run after it.
	Steps int
	// Progress, if not nil, is told in a line how it goes.
	Progress func(text string)
}

// Tuning is what was measured, and what is suggested.
type Tuning struct {
	// Tried are the steps of the range test, until the loss ran away.
	Tried []Tried `json:"tried"`
	// BatchSize is that of the test, and Rate what is suggested for it.
	BatchSize int     `json:"batch_size"`
	Rate      float64 `json:"rate"`
	// BestRate is where the smoothed loss was least.
	BestRate float64 `json:"best_rate"`
	// NoiseScale, in images, was measured in a short run with Rate; 0 where the gradient was
	// not seen for the noise. SuggestedBatch is the power of two that is nearest to a quarter of it,
	// so long as an epoch keeps some steps.
	NoiseScale     float64 `json:"noise_scale"`
	SuggestedBatch int     `json:"suggested_batch_size"`
	// FirstSharpness is that of the untrained network, and StabilityLimit what the rate of
	// the suggested batch bears, 0 where no limit is known.
	FirstSharpness float64 `json:"first_sharpness"`
	StabilityLimit float64 `json:"stability_limit"`
	// WarmupEpochs are suggested where the first sharpness is above the limit.
	WarmupEpochs int `json:"warmup_epochs"`
	// Experiment is the one to go on with.
	Experiment configs.Experiment `json:"-"`
}

// Tried is a step of the range test.
type Tried struct {
	Rate     float64 `json:"rate"`
	Loss     float64 `json:"loss"`
	Smoothed float64 `json:"smoothed"`
}

const (
	// The rates of a range test begin and end here, for sgd; those of adam and adamw are
	// adamShare of them.
	lowestRate, highestRate = 1e-4, 10.0
	adamShare               = 0.01
	// smoothing is what the smoothed loss keeps from step to step.
	smoothing = 0.9
	// lost is at how many times the least smoothed loss, beyond the first one, the test ends.
	lost = 2.0
	// mostOfTheWay is how much of its fall the smoothed loss has done at the rate that is
	// suggested, and fewestTried after how many steps it may have run away.
	mostOfTheWay = 0.9
	fewestTried  = 12
	// batchShare is the share of the noise scale that is suggested as the batch size. To get as
	// far, training on batches of B images needs 1 + B/noise scale times as many of them as on
	// the smallest batches (McCandlish et al. 2018, section 2): of a fixed number of epochs
	// a quarter leaves 80 % to learn from, the whole scale half.
	batchShare = 0.25
	// mostWarmup is how many epochs of warmup are suggested at most, those of Goyal et al.
	// 2017.
	mostWarmup = 5
	// fewestSteps is how many steps an epoch has at least with the suggested batch.
	fewestSteps = 8
)

// Tune tries learning rates and measures the gradient noise, and suggests a rate, a batch
// size and a warmup for the experiment.
//
// The rates come from a range test (Smith 2017, "Cyclical Learning Rates for Training Neural
// Networks", section 3.3): one short run whose rate rises from step to step by the same
// factor, until the loss runs away. The batch size is a quarter of the gradient noise scale
// (McCandlish et al. 2018) in a short run with that rate, and a warmup is suggested where the untrained
// network is sharper than the rate bears (Gilmer et al. 2022).
//
// An experiment that does not go with the images is a *SettingError.
func Tune(ctx context.Context, o TuneOptions) (*Tuning, error) {
	if o.Steps < 20 {
		return nil, fmt.Errorf("tune: %d steps are fewer than 20", o.Steps)
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

// tuner does short runs of an experiment, each from the same first parameters.
type tuner struct {
	TuneOptions
	network *onnxmodels.Network
	state   *checkpoint.Checkpoint
}

func newTuner(o TuneOptions) (*tuner, error) {
	// The rates are the tuner's, and whole networks are as good as their upper layers.
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

func (t *tuner) tell(format string, args ...any) {
	if t.Progress != nil {
		t.Progress(fmt.Sprintf(format, args...))
	}
}

// begin makes the steps of a run with the rates.
func (t *tuner) begin(rates schedule.Schedule) (*steps, error) {
	s, err := newSteps(t.Experiment, t.Train, t.network, snapshot.Manifest{}, checkpoint.Encode(t.state), t.Experiment.Runtime.Device.Traits().Target)
	if err != nil {
		return nil, err
	}
	s.schedule = rates
	return s, nil
}

// rangeTest takes steps at rising rates.
func (t *tuner) rangeTest(ctx context.Context, found *Tuning) (err error) {
	low, high := lowestRate, highestRate
	if t.Experiment.Optimizer.IsAdam() {
		low, high = low*adamShare, high*adamShare
	}
	t.tell("range test: up to %d steps of %d images at rates from %.2g to %.2g", t.Steps, found.BatchSize, low, high)
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

// take adds a step of the range test, and tells whether the loss has run away with it.
func (f *Tuning) take(rate, loss float64) (away bool) {
	if !isFinite(loss) {
		return true
	}
	smoothed, least := loss, loss
	if n := len(f.Tried); n > 0 {
		// The mean of what came before, weighed by smoothing and without the bias of its
		// beginning (Kingma and Ba 2015, section 3).
		bias := 1 - math.Pow(smoothing, float64(n))
		smoothed = (smoothing*bias*f.Tried[n-1].Smoothed + (1-smoothing)*loss) / (1 - math.Pow(smoothing, float64(n+1)))
		least = slices.MinFunc(f.Tried, func(a, b Tried) int { return cmp.Compare(a.Smoothed, b.Smoothed) }).Smoothed
	}
	f.Tried = append(f.Tried, Tried{rate, loss, smoothed})
	return len(f.Tried) >= fewestTried && smoothed > lost*max(least, 0.1)
}

// shortRun measures sharpness before, and gradient noise within, a run with the rate.
func (t *tuner) shortRun(ctx context.Context, found *Tuning) (err error) {
	t.tell("short run: %d steps at the rate %.3g", t.Steps, found.Rate)
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
			return fmt.Errorf("tune: the loss is not finite after %d steps at the suggested rate %.3g: set --steps to more", step+1, found.Rate)
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

// firstSharpness is that of the first parameters.
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

// noiseNow measures the gradient noise at the trainer's parameters.
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

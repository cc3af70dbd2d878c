package schedule

import (
	"fmt"
	"math"
	"strings"

	"onnxlab/configs"
	"onnxlab/trainloop/monitor"
)

// New returns the schedule of an experiment whose epochs have stepsPerEpoch
// steps, at least 1. Epochs count from 0: a decay at epoch 60 applies from step
// 60 x stepsPerEpoch on. A warmup replaces the first epochs. All kinds except step
// start after it.
//
// The warmup rises from the rate of the reference batch. For smaller batches, whose
// scaled rate is lower, it is constant at that rate. A warmup that would fall, because
// the rate after it is lower than the rate at which it starts, or that is longer than
// the run, is an error.
func New(e configs.Experiment, stepsPerEpoch int) (Schedule, error) {
	if stepsPerEpoch < 1 {
		return Schedule{}, fmt.Errorf("make the learning-rate schedule: %d steps in an epoch: the batch size %d is larger than the number of training images", stepsPerEpoch, e.Train.BatchSize)
	}
	peak, err := Peak(e)
	if err != nil {
		return Schedule{}, err
	}
	begin := e.Schedule.WarmupEpochs * stepsPerEpoch
	end := e.Train.Epochs * stepsPerEpoch
	if begin > end {
		return Schedule{}, fmt.Errorf("schedule.warmup_epochs: %d is more than train.epochs %d", e.Schedule.WarmupEpochs, e.Train.Epochs)
	}
	s, err := afterWarmup(e.Schedule, peak, stepsPerEpoch, begin, end)
	if err != nil {
		return Schedule{}, err
	}
	ramp := Ramp{From: min(e.Optimizer.LearningRate, peak), Steps: begin, Every: 1}
	if e.Schedule.WarmupBy == "epoch" {
		ramp.Every = stepsPerEpoch
	}
	const rounding = 1e-9 // even a cosine that begins at the peak is not exact
	if full := s.Rate(begin); begin > 0 && full < ramp.From*(1-rounding) {
		return Schedule{}, fmt.Errorf("schedule.warmup_epochs: the rate would fall from %.4g to %.4g within the warmup, but it must rise", ramp.From, full)
	}
	return s.After(ramp), nil
}

// Peak is the learning rate scaled to the experiment's batch size: with
// k = BatchSize / ReferenceBatch, k times LearningRate under linear scaling
// (Goyal et al. 2017, section 2.1), sqrt(k) times under square-root scaling
// (Krizhevsky 2014, section 5).
func Peak(e configs.Experiment) (float64, error) {
	k := float64(e.Train.BatchSize) / float64(e.Optimizer.ReferenceBatch)
	switch e.Schedule.Scaling {
	case "linear":
		return e.Optimizer.LearningRate * k, nil
	case "sqrt":
		return e.Optimizer.LearningRate * math.Sqrt(k), nil
	case "none":
		return e.Optimizer.LearningRate, nil
	}
	return 0, fmt.Errorf("schedule.scaling: %q is not one of linear, sqrt, none", e.Schedule.Scaling)
}

// afterWarmup is the schedule from the step begin to the step end.
func afterWarmup(c configs.Schedule, peak float64, stepsPerEpoch, begin, end int) (Schedule, error) {
	final := peak * c.FinalFraction
	switch c.Kind {
	case "constant":
		return Constant(peak), nil
	case "step":
		at := make([]int, len(c.DecayEpochs))
		for i, epoch := range c.DecayEpochs {
			at[i] = epoch * stepsPerEpoch
		}
		return Step(peak, c.DecayFactor, at), nil
	case "exponential":
		return Exponential(peak, c.DecayFactor, begin, stepsPerEpoch), nil
	case "plateau":
		return Plateau{
			Monitor: Monitor(c), Factor: c.DecayFactor, Patience: c.Patience, Cooldown: c.Cooldown,
			Least: c.MinRate, Begin: begin / stepsPerEpoch, StepsPerEpoch: stepsPerEpoch,
		}.Schedule(peak), nil
	case "cosine":
		return Cosine(peak, final, begin, end), nil
	case "polynomial":
		return Polynomial(peak, final, c.Power, begin, end), nil
	case "one-cycle":
		return OneCycle(peak*c.StartFraction, peak, final, c.PeakAt, begin, end), nil
	}
	return Schedule{}, fmt.Errorf("schedule.kind: %q is not one of %s", c.Kind, strings.Join(configs.Choices("schedule.kind"), ", "))
}

// Monitor returns the quantity that a plateau schedule with these settings follows.
func Monitor(c configs.Schedule) monitor.Monitor {
	return monitor.Monitor{Quantity: c.Monitor, MinDelta: c.MinDelta}
}

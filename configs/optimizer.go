package configs

import (
	"math"
	"slices"
)

// checkOptimizer finds settings that the chosen optimizer does not have.
func (e *Experiment) checkOptimizer(add func(key, other, format string, args ...any)) {
	o := e.Optimizer
	if o.Nesterov && !o.IsAdam() && o.Momentum == 0 {
		add("optimizer.nesterov", "optimizer.momentum", "it is a form of momentum, and optimizer.momentum is 0: set that to 0.9, or optimizer.nesterov to false")
	}
	for _, only := range []struct {
		key string
		set bool
	}{{"optimizer.nesterov", o.Nesterov}, {"optimizer.momentum_correction", o.MomentumCorrection}} {
		if only.set && o.IsAdam() {
			add(only.key, "optimizer.kind", "it is only for optimizer.kind %s and %s, since %s has no velocity: set it to false", SGD, LARS, o.Kind)
		}
	}
}

// usualAdamRate is the rate that Adam's authors recommend, and highAdamRate a rate at which few
// networks learn. highGivenRate is a rate of SGD at which networks forget what they have learned.
const (
	usualAdamRate = 0.001
	highAdamRate  = 0.03
	highGivenRate = 0.1
)

// remarkOptimizer finds optimizer settings that are unusual and may be a mistake.
func (e *Experiment) remarkOptimizer(add func(key, other, format string, args ...any)) {
	o := e.Optimizer
	if o.IsAdam() && o.Kind != LAMB && o.LearningRate >= highAdamRate {
		add("optimizer.learning_rate", "optimizer.kind", "%s is a usual rate for %s, but a step of %s moves each weight by about the rate, so that %s is usual", number(o.LearningRate), SGD, o.Kind, number(usualAdamRate))
	}
	if e.Model.Kind == KindONNX && o.Kind == SGD && o.LearningRate >= highGivenRate && !slices.Equal(e.Model.Train, []string{"head"}) {
		add("optimizer.learning_rate", "model.kind", "%s is a usual rate for networks that begin with random weights: for a model that has learned before, a tenth of it or less is usual", number(o.LearningRate))
	}
	if o.Kind == AdamW && o.WeightDecay == 0 {
		add("optimizer.kind", "optimizer.weight_decay", "without optimizer.weight_decay, %s is the same as %s: 0.01 is usual", AdamW, Adam)
	}
	steps := e.Train.Epochs * (e.TrainImages() / e.Train.BatchSize)
	if share := math.Pow(o.EMADecay, float64(steps)); !o.EMAWarmup && steps > 0 && o.EMADecay > 0 && share > maxInitialAverage {
		add("optimizer.ema_decay", "train.epochs", "after %d steps, %.3g %% of the average are still the initial weights: set it lower, or optimizer.ema_warmup to true", steps, 100*share)
	}
}

// maxInitialAverage is the largest share of the initial weights in an average of weights
// for which there is no note.
const maxInitialAverage = 0.01

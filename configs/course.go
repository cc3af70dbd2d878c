package configs

import "math"

// checkCourse finds settings of schedules and of early stopping that do nothing or
// contradict each other.
func (e *Experiment) checkCourse(add func(key, other, format string, args ...any)) {
	s := e.Schedule
	switch {
	case s.Kind != KindPlateau:
	case e.Optimizer.HoldsRates():
		add("schedule.kind", "optimizer.momentum_correction", "%s cannot be combined with optimizer.momentum_correction, which needs the rates of all steps before the first one: set that to false", s.Kind)
	case s.DecayFactor == 1:
		add("schedule.decay_factor", "schedule.kind", "with 1, schedule.kind %s never lowers the rate: set it below 1", s.Kind)
	}
	if epoch := e.zeroRateEpoch(); epoch < e.Train.Epochs {
		add("schedule.decay_factor", "schedule.kind", "with %s after every epoch, the rate is 0 from about epoch %d of train.epochs %d on: schedule.kind %s needs a factor near 1, such as 0.95",
			number(s.DecayFactor), epoch, e.Train.Epochs, s.Kind)
	}
	if e.Train.StopRestoreBest && e.Train.StopPatience == 0 {
		add("train.stop_restore_best", "train.stop_patience", "it does nothing without train.stop_patience, which is 0: set that to the number of epochs without an improvement after which to stop, or to train.epochs to never stop early")
	}
}

// checkCache finds settings that rule out train.cache_features: the model has no frozen
// layers, or the features of an image are not the same in every epoch.
func (e *Experiment) checkCache(add func(key, other, format string, args ...any)) {
	switch {
	case !e.Train.CacheFeatures:
	case e.Model.Kind != KindONNX:
		add("train.cache_features", "model.kind", "model.kind %s has no frozen layers whose features could be cached; only %s has", e.Model.Kind, KindONNX)
	case e.Augment.Recipe != "none":
		add("train.cache_features", "augment.recipe", "augment.recipe %s changes the images in every epoch, and so their features: set that to none, or this to false", e.Augment.Recipe)
	case e.Augment.Mixup > 0:
		add("train.cache_features", "augment.mixup", "augment.mixup mixes the images in every epoch, so their features cannot be cached: set that to 0, or this to false")
	case e.Augment.CutMix > 0:
		add("train.cache_features", "augment.cutmix", "augment.cutmix mixes the images in every epoch, so their features cannot be cached: set that to 0, or this to false")
	}
}

// zeroRateEpoch returns the first epoch, counted from 0, in which an exponential
// schedule's rate is 0 in float32, the precision of the training step. For other
// schedules it is math.MaxInt.
func (e *Experiment) zeroRateEpoch() int {
	factor := e.Schedule.DecayFactor
	if e.Schedule.Kind != "exponential" || factor == 1 {
		return math.MaxInt
	}
	// A rate of half the smallest number above 0 is rounded to 0.
	epochs := math.Log(math.SmallestNonzeroFloat32/2/e.Optimizer.LearningRate) / math.Log(factor)
	return e.Schedule.WarmupEpochs + int(max(math.Ceil(epochs), 0))
}

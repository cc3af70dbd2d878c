package configs

// checkSchedule finds warmups that could not work. A warmup rises to the full rate, so it
// must end within the run and before the first decay.
func (e *Experiment) checkSchedule(add func(key, other, format string, args ...any)) {
	s := e.Schedule
	if s.WarmupEpochs == 0 {
		return
	}
	e.checkWarmupEnd(add)
	if s.Scaling == "none" {
		add("schedule.warmup_epochs", "schedule.scaling", "%d does nothing, since warmup rises from the unscaled rate to the scaled one: set schedule.scaling to linear or sqrt", s.WarmupEpochs)
	}
	if s.Kind == "step" && len(s.DecayEpochs) > 0 && s.DecayEpochs[0] <= s.WarmupEpochs {
		add("schedule.decay_epochs", "schedule.warmup_epochs", "%d is not above schedule.warmup_epochs %d: no step would have the full rate", s.DecayEpochs[0], s.WarmupEpochs)
	}
}

// checkWarmupEnd finds warmups after whose end there is nothing to train at the full rate.
// A warmup that is exactly as long as the run is no mistake, so that users can try a few
// epochs: remarkSchedule adds a note about it.
func (e *Experiment) checkWarmupEnd(add func(key, other, format string, args ...any)) {
	s, epochs := e.Schedule, e.Train.Epochs
	annealed := s.Kind == "cosine" || s.Kind == "polynomial"
	switch {
	case s.Kind == "one-cycle":
		add("schedule.warmup_epochs", "schedule.kind", "%d comes before a schedule that warms up by itself: set it to 0, and let schedule.start_fraction and schedule.peak_at say how one-cycle rises", s.WarmupEpochs)
	case annealed && s.WarmupEpochs >= epochs:
		add("schedule.warmup_epochs", "train.epochs", "%d leaves nothing of train.epochs %d for the schedule %s", s.WarmupEpochs, epochs, s.Kind)
	case s.WarmupEpochs > epochs:
		add("schedule.warmup_epochs", "train.epochs", "%d is more than train.epochs %d: the run would end within the warmup", s.WarmupEpochs, epochs)
	}
}

// remarkSchedule finds warmups and decays that are possible but have no effect, or not
// all of it.
func (e *Experiment) remarkSchedule(add func(key, other, format string, args ...any)) {
	s, epochs := e.Schedule, e.Train.Epochs
	switch {
	case s.WarmupEpochs == 0:
	case e.Train.BatchSize <= e.Optimizer.ReferenceBatch:
		add("schedule.warmup_epochs", "train.batch_size", "a warmup of %s does nothing, since the rate is not scaled up: train.batch_size is not above optimizer.reference_batch %d",
			counted(s.WarmupEpochs, "epoch"), e.Optimizer.ReferenceBatch)
	case s.WarmupEpochs >= epochs:
		add("schedule.warmup_epochs", "train.epochs", "a warmup of %s takes the whole run: no step has the full rate", counted(s.WarmupEpochs, "epoch"))
	}
	if s.Kind != "step" {
		return
	}
	var beyond []int
	for _, epoch := range s.DecayEpochs {
		if epoch >= epochs {
			beyond = append(beyond, epoch)
		}
	}
	if len(beyond) > 0 {
		lie, do := "lie", "do"
		if len(beyond) == 1 {
			lie, do = "lies", "does"
		}
		add("schedule.decay_epochs", "train.epochs", "%s %s beyond the run of %s (counted from 0), and %s nothing", listed(beyond), lie, counted(epochs, "epoch"), do)
	}
}

package schedule

// Ramp is a gradual warmup: the rate rises linearly from a base rate at step 0 to the
// rate of the schedule that follows.
type Ramp struct {
	// From is the learning rate at step 0.
	From float64
	// Steps is the number of steps of the ramp. The step after it has the full rate.
	Steps int
	// Every is the number of steps between changes of the rate: 1, or the steps of an
	// epoch for a warmup in stairs. It divides Steps.
	Every int
}

// After returns s with its first steps replaced by a warmup. A decay of s at epoch 60
// stays at epoch 60. The ramp rises to the rate that s has after it (Goyal et al. 2017,
// section 2.2).
func (s Schedule) After(warmup Ramp) Schedule {
	if warmup.Steps <= 0 {
		return s
	}
	every := max(warmup.Every, 1)
	full := s.Rate(warmup.Steps)
	return Schedule{
		rate: func(step int) float64 {
			if step >= warmup.Steps {
				return s.Rate(step)
			}
			share := float64(step-step%every) / float64(warmup.Steps) // of the ramp, 0..1
			return warmup.From + (full-warmup.From)*share
		},
		given: func(seen []float64) Schedule { return s.Given(seen).After(warmup) },
	}
}

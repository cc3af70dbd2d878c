package schedule

// Ramp is a gradual warmup: the rate rises in a straight line from a base
// rate, which it has at step 0, to that of the schedule which follows.
type Ramp struct {
	// From is the rate at step 0.
	From float64
	// Steps is how many steps the ramp has; the next one is at full rate.
	Steps int
	// Every is after how many steps the rate changes: 1 is each step, the
	// steps of an epoch make a staircase. It divides Steps.
	Every int
}

// After puts a warmup before s, in place of s's own first steps: s keeps its
// own count, so that a decay at epoch 60 stays at epoch 60. The ramp ends at
// s's rate at the seam (Goyal et al. 2017, section 2.2).
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
			at := float64(step-step%every) / float64(warmup.Steps)
			return warmup.From + (full-warmup.From)*at
		},
		given: func(seen []float64) Schedule { return s.Given(seen).After(warmup) },
	}
}

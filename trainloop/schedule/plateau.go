package schedule

import "onnxlab/trainloop/monitor"

// Plateau lowers the rate when a quantity of the history no longer improves, exactly
// as Keras's ReduceLROnPlateau does. PyTorch's, with threshold_mode "abs", does the
// same if its patience, and its cooldown if that is above 0, are one lower: it lowers
// the rate in the epoch after its patience is over, and counts none of the cooldown's
// epochs.
type Plateau struct {
	monitor.Monitor
	// Factor, in (0, 1), is the factor by which the rate is multiplied.
	Factor float64
	// Patience, 1 or more, is the number of epochs in a row without an improvement
	// after which the rate is lowered.
	Patience int
	// Cooldown is the number of epochs after that in which only the best value is
	// updated; the last of them counts towards Patience again.
	Cooldown int
	// Least is the lowest rate.
	Least float64
	// Begin is the first epoch that counts: the one after the warmup, counted from 0.
	Begin int
	// StepsPerEpoch is 1 or more.
	StepsPerEpoch int
}

// Schedule returns a schedule that starts at the rate. [Schedule.Given] tells it the
// history; epochs after the one that follows the history have that epoch's rate.
func (p Plateau) Schedule(rate float64) Schedule { return p.given(rate, nil) }

// given returns the schedule after epochs with the values seen.
func (p Plateau) given(rate float64, seen []float64) Schedule {
	rates := p.rates(rate, seen)
	return Schedule{
		rate:  func(step int) float64 { return rates[min(step/p.StepsPerEpoch, len(seen))] },
		given: func(seen []float64) Schedule { return p.given(rate, seen) },
	}
}

// rates returns the rates of the epochs with the values seen, and of the next epoch.
func (p Plateau) rates(rate float64, seen []float64) []float64 {
	rates := []float64{rate}
	best, wait, cooldown := p.Worst(), 0, 0
	for epoch, value := range seen {
		if epoch >= p.Begin {
			if cooldown > 0 {
				cooldown, wait = cooldown-1, 0
			}
			if p.Improves(value, best) {
				best, wait = value, 0
			} else if cooldown == 0 {
				wait++
			}
			if wait >= p.Patience && rate > p.Least {
				rate = max(rate*p.Factor, p.Least)
				wait, cooldown = 0, p.Cooldown
			}
		}
		rates = append(rates, rate)
	}
	return rates
}

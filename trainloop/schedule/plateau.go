package schedule

import "onnxlab/trainloop/monitor"

// Plateau says when a rate is lowered because a quantity of the history no
// longer improves. It follows Keras's ReduceLROnPlateau, epoch by epoch.
// PyTorch's, with threshold_mode "abs", does the same with a patience one lower
// and, where the cooldown is above 0, a cooldown one lower: it lowers the rate in
// the epoch after its patience is over, and counts none of the cooldown's epochs.
type Plateau struct {
	monitor.Monitor
	// Factor, in (0, 1), is what the rate is multiplied by.
	Factor float64
	// Patience, 1 or more, is after how many epochs in a row without an
	// improvement the rate is lowered.
	Patience int
	// Cooldown is how many epochs after that count for nothing but the best
	// value; the last of them counts again.
	Cooldown int
	// Least is the rate that is not gone below.
	Least float64
	// Begin is the first epoch that counts, from 0: that after the warmup.
	Begin int
	// StepsPerEpoch is 1 or more.
	StepsPerEpoch int
}

// Schedule starts at the rate. It needs the history, by [Schedule.Given], and
// takes epochs beyond it to have the last rate that is known.
func (p Plateau) Schedule(rate float64) Schedule { return p.given(rate, nil) }

func (p Plateau) given(rate float64, seen []float64) Schedule {
	rates := p.rates(rate, seen)
	return Schedule{
		rate:  func(step int) float64 { return rates[min(step/p.StepsPerEpoch, len(seen))] },
		given: func(seen []float64) Schedule { return p.given(rate, seen) },
	}
}

// rates are those of the epochs that were seen and of the next one.
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

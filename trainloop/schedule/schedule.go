package schedule

import "math"

// Schedule is a learning rate for every step of a run. The zero value has the
// rate 0 everywhere.
type Schedule struct {
	rate func(step int) float64
	// given is nil if the history does not matter.
	given func(seen []float64) Schedule
}

// Given returns the schedule after epochs in which the monitored quantity had the
// values seen. Only the schedule of a Plateau depends on them.
func (s Schedule) Given(seen []float64) Schedule {
	if s.given == nil {
		return s
	}
	return s.given(seen)
}

// Rate returns the learning rate of a step, counted from 0. Negative steps have the
// rate of the first step, and steps after the end that of the last.
func (s Schedule) Rate(step int) float64 {
	if s.rate == nil {
		return 0
	}
	return s.rate(max(step, 0))
}

// MomentumCorrection returns the factor of the old velocity at a step, in addition to
// the momentum, for optimizers whose velocity contains the rate, as Keras's does:
//
//	v <- mu v - rate g;  w <- w + v
//
// This velocity contains the rates of past steps. After a change from rate r to r', its
// steps are still r/r' times as long as they would be with the new rate. Goyal et
// al. 2017 (section 3, equation 10 and remark 2) therefore update
// v <- mu (r'/r) v - r' g. MomentumCorrection returns r'/r.
//
// The other form, v <- mu v + g; w <- w - rate v (equation 9, PyTorch's SGD), applies
// the new rate to the whole velocity, and must not be corrected. With the correction,
// the first form takes exactly the steps of the second.
//
// At the first step, and after a rate of 0, there is nothing to correct, and the
// factor is 1.
func (s Schedule) MomentumCorrection(step int) float64 {
	before := s.Rate(step - 1)
	if step <= 0 || before == 0 {
		return 1
	}
	return s.Rate(step) / before
}

// Constant keeps one rate.
func Constant(rate float64) Schedule {
	return Schedule{rate: func(int) float64 { return rate }}
}

// Step multiplies the rate by factor at each of the steps at, which are in ascending
// order.
func Step(rate, factor float64, at []int) Schedule {
	at = append([]int(nil), at...)
	return Schedule{rate: func(step int) float64 {
		now := rate
		for _, from := range at {
			if step >= from {
				now *= factor
			}
		}
		return now
	}}
}

// Exponential multiplies the rate by factor after every epoch of stepsPerEpoch
// steps, from the step begin on. It is PyTorch's ExponentialLR, stepped once an
// epoch, and Keras's ExponentialDecay with decay_steps stepsPerEpoch and staircase.
func Exponential(rate, factor float64, begin, stepsPerEpoch int) Schedule {
	return Schedule{rate: func(step int) float64 {
		return rate * math.Pow(factor, float64(max(step-begin, 0)/stepsPerEpoch))
	}}
}

// Cosine falls from peak at the step begin to final at the step end along
// half a cosine (Loshchilov and Hutter 2017, equation 5):
//
//	final + (peak - final) (1 + cos(pi (step - begin) / (end - begin))) / 2
func Cosine(peak, final float64, begin, end int) Schedule {
	return Schedule{rate: func(step int) float64 {
		return anneal(peak, final, share(step, begin, end))
	}}
}

// Polynomial falls from peak at the step begin to final at the step end:
//
//	final + (peak - final) (1 - (step - begin) / (end - begin))^power
func Polynomial(peak, final, power float64, begin, end int) Schedule {
	return Schedule{rate: func(step int) float64 {
		return final + (peak-final)*math.Pow(1-share(step, begin, end), power)
	}}
}

// OneCycle rises from start to peak along half a cosine during the share
// peakAt of the steps from begin to end, and falls along another half to final,
// which it reaches at the step end-1. The peak is where PyTorch's OneCycleLR
// has it: peakAt x (end - begin) - 1 steps after begin, which need not be a
// whole number.
func OneCycle(start, peak, final, peakAt float64, begin, end int) Schedule {
	last := float64(end - begin - 1)
	top := peakAt*float64(end-begin) - 1
	return Schedule{rate: func(step int) float64 {
		at := min(max(float64(step-begin), 0), last)
		switch {
		case at <= top && top > 0:
			return anneal(start, peak, at/top)
		case at >= last:
			return final
		}
		return anneal(peak, final, (at-max(top, 0))/(last-max(top, 0)))
	}}
}

// anneal goes from a to b along half a cosine as x goes from 0 to 1.
func anneal(a, b, x float64) float64 {
	return b + (a-b)*(1+math.Cos(math.Pi*x))/2
}

// share returns where step lies between begin (0) and end (1).
func share(step, begin, end int) float64 {
	if end <= begin {
		return 1
	}
	return min(max(float64(step-begin)/float64(end-begin), 0), 1)
}

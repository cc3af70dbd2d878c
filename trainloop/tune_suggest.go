package trainloop

import (
	"fmt"
	"math"

	"onnxlab/configs"
	"onnxlab/trainloop/diagnose"
)

// choose suggests a rate: the first at which the smoothed loss has fallen most of the way
// to its minimum. With batch normalisation, the loss often stays near its minimum at far
// higher rates, and where exactly the minimum is depends on chance.
func (f *Tuning) choose() error {
	n := len(f.Tried)
	if n < minTried {
		return fmt.Errorf("tune: the loss diverges after only %d steps, at a rate of %.2g: the images or the network are at fault, not the rate", n, f.Tried[max(n-1, 0)].Rate)
	}
	first, best := 0.0, n/10
	for i, x := range f.Tried {
		if i < n/10 {
			first += x.Loss / float64(n/10)
		} else if x.Smoothed < f.Tried[best].Smoothed {
			best = i
		}
	}
	f.BestRate = f.Tried[best].Rate
	border := first - mostOfTheWay*(first-f.Tried[best].Smoothed)
	if border >= first {
		return fmt.Errorf("tune: the loss, %.3g at first, did not fall in %d steps at any rate: set --steps to a larger number", first, n)
	}
	for _, x := range f.Tried[n/10:] {
		if x.Smoothed <= border {
			f.Rate = roundRate(x.Rate)
			return nil
		}
	}
	return nil // not reached: the minimum is below the border
}

// roundRate rounds a rate to two significant digits. It is not measured more precisely.
func roundRate(rate float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(rate))-1)
	digits := math.Round(rate / unit)
	if unit >= 1 {
		return digits * unit
	}
	// A division, since the product 13·0.001 is 0.013000000000000001.
	return digits / math.Round(1/unit)
}

// suggest makes the experiment with the suggested settings, for this many training images.
func (f *Tuning) suggest(e configs.Experiment, images int) {
	f.SuggestedBatch = f.BatchSize
	if f.NoiseScale > 0 {
		f.SuggestedBatch = powerOfTwo(f.NoiseScale*batchShare, images/minSteps)
	}
	rate := f.Rate * float64(f.SuggestedBatch) / float64(f.BatchSize)
	switch e.Schedule.Scaling {
	case "sqrt":
		rate = f.Rate * math.Sqrt(float64(f.SuggestedBatch)/float64(f.BatchSize))
	case "none":
		rate = f.Rate
	}
	if e.Train.BatchSize, e.Train.MicroBatch = f.SuggestedBatch, 0; f.SuggestedBatch%e.Train.Replicas != 0 {
		e.Train.Replicas = 1
	}
	e.Optimizer.LearningRate, e.Optimizer.ReferenceBatch = rate, f.SuggestedBatch
	e.Schedule.WarmupEpochs = 0
	if hasLimit(e.Optimizer) {
		f.StabilityLimit = diagnose.StabilityLimit(rate, e.Optimizer.Momentum, e.Optimizer.Nesterov)
		f.suggestWarmup(&e)
	}
	f.Experiment = e
}

// suggestWarmup adds a warmup that starts at a rate for which the untrained network is not
// too sharp. A warmup starts at the rate of the reference batch, so suggestWarmup makes the
// reference batch smaller, and its rate in proportion.
func (f *Tuning) suggestWarmup(e *configs.Experiment) {
	epochs := min(maxWarmup, e.Train.Epochs/4)
	if e.Schedule.Kind == "step" && len(e.Schedule.DecayEpochs) > 0 {
		epochs = min(epochs, e.Schedule.DecayEpochs[0]-1)
	}
	if f.FirstSharpness <= f.StabilityLimit || epochs < 1 || e.Schedule.Scaling == "none" || e.Schedule.Kind == "one-cycle" {
		return
	}
	reference, rate := e.Optimizer.ReferenceBatch, e.Optimizer.LearningRate
	for reference%2 == 0 && f.FirstSharpness*rate > f.StabilityLimit*e.Optimizer.LearningRate {
		reference /= 2
		if rate /= 2; e.Schedule.Scaling == "sqrt" {
			rate *= math.Sqrt2
		}
	}
	e.Optimizer.ReferenceBatch, e.Optimizer.LearningRate = reference, rate
	e.Schedule.WarmupEpochs, f.WarmupEpochs = epochs, epochs
}

// powerOfTwo returns the power of two whose ratio to x is closest to 1, at least 8 and at
// most most.
func powerOfTwo(x float64, most int) int {
	size := 1 << int(math.Round(math.Log2(max(x, 1))))
	for size > 8 && size > most {
		size /= 2
	}
	return max(size, min(8, max(most, 1)))
}

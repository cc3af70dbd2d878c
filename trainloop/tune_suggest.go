package trainloop

import (
	"fmt"
	"math"

	"onnxlab/configs"
	"onnxlab/trainloop/diagnose"
)

// choose suggests a rate: the first at which the smoothed loss has fallen most of the way to
// its least. With batch normalisation, losses often stay near the least for rates far beyond
// it, and where exactly they are least is chance.
func (f *Tuning) choose() error {
	n := len(f.Tried)
	if n < fewestTried {
		return fmt.Errorf("tune: the loss runs away after %d steps already, at a rate of %.2g: the images or the network are at fault, not the rate", n, f.Tried[max(n-1, 0)].Rate)
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
		return fmt.Errorf("tune: the loss, %.3g at first, did not fall in %d steps at any rate: set --steps to more", first, n)
	}
	for _, x := range f.Tried[n/10:] {
		if x.Smoothed <= border {
			f.Rate = roundRate(x.Rate)
			return nil
		}
	}
	return nil // not reached: the least is below the border
}

// roundRate writes a rate with two digits, for more are not measured.
func roundRate(rate float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(rate))-1)
	digits := math.Round(rate / unit)
	if unit >= 1 {
		return digits * unit
	}
	// Not a product: 13·0.001 is 0.013000000000000001.
	return digits / math.Round(1/unit)
}

// suggest makes the experiment to go on with, for so many training images.
func (f *Tuning) suggest(e configs.Experiment, images int) {
	f.SuggestedBatch = f.BatchSize
	if f.NoiseScale > 0 {
		f.SuggestedBatch = powerOfTwo(f.NoiseScale*batchShare, images/fewestSteps)
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

// suggestWarmup lets the rate rise from one that the untrained network bears. A warmup rises
// to the rate of the batch from that of the reference batch, which is made as much smaller.
func (f *Tuning) suggestWarmup(e *configs.Experiment) {
	epochs := min(mostWarmup, e.Train.Epochs/4)
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

// powerOfTwo is the one nearest to x by ratio, at least 8 and at most as large as most.
func powerOfTwo(x float64, most int) int {
	size := 1 << int(math.Round(math.Log2(max(x, 1))))
	for size > 8 && size > most {
		size /= 2
	}
	return max(size, min(8, max(most, 1)))
}

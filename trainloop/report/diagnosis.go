package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"onnxlab/trainloop/rundir"
)

// diagnosed reports whether any run has a diagnosis.
func (s *Sweep) diagnosed() bool {
	return slices.ContainsFunc(s.Runs, func(r Run) bool { return len(r.diagnoses()) > 0 })
}

// diagnoses returns the epochs of the run that have a diagnosis.
func (r *Run) diagnoses() []rundir.Epoch {
	var list []rundir.Epoch
	for _, e := range r.History {
		if e.Diagnosis.Measured() {
			list = append(list, e)
		}
	}
	return list
}

// product returns the learning rate times the sharpness. Momentum SGD is stable up to limitOf.
// Both are 0 for an epoch whose limit is not known.
func product(e rundir.Epoch) float64 {
	if e.Diagnosis.StabilityLimit == 0 {
		return 0
	}
	return e.LearningRate * e.Diagnosis.Sharpness
}

func limitOf(e rundir.Epoch) float64 { return e.LearningRate * e.Diagnosis.StabilityLimit }

// noiseOf has the noise scale of a condition over all diagnoses of its runs, and over those in
// the first and in the last third of the epochs. A scale is 0 if the noise was too large to
// measure the gradient.
type noiseOf struct{ all, early, late float64 }

// noise computes the noise scales of a condition. It sums signal and variance separately and
// divides the sums, since a mean of ratios would depend mostly on the few largest ones
// (McCandlish et al. 2018, appendix A.1).
func (s *Sweep) noise(condition string) noiseOf {
	var signal, variance [3]float64 // of all, early and late ones
	for i := range s.Runs {
		r := &s.Runs[i]
		if r.Condition != condition {
			continue
		}
		for _, e := range r.diagnoses() {
			parts := []int{0}
			if e.Epoch < r.Epochs/3 {
				parts = append(parts, 1)
			}
			if e.Epoch >= r.Epochs-r.Epochs/3 {
				parts = append(parts, 2)
			}
			for _, k := range parts {
				signal[k] += e.Diagnosis.GradientSquare
				variance[k] += e.Diagnosis.GradientVariance
			}
		}
	}
	ratio := func(k int) float64 {
		if signal[k] <= 0 {
			return 0
		}
		return variance[k] / signal[k]
	}
	return noiseOf{ratio(0), ratio(1), ratio(2)}
}

// meaning explains what the diagnoses mean for these runs, in one paragraph for each quantity.
func (s *Sweep) meaning(t Table) []string {
	if !s.diagnosed() {
		return nil
	}
	paragraphs := []string{s.noiseText(t)}
	if text := s.sharpnessText(); text != "" {
		paragraphs = append(paragraphs, text)
	}
	return append(paragraphs, s.updateText())
}

const noiseMeaning = "A step follows the gradient of one batch, which is the gradient of all images plus noise. " +
	"The noise scale is the batch size at which the noise is as strong as the gradient itself. " +
	"Well below it, twice the batch with twice the rate learns as much from each image, in half the steps; " +
	"well above it, larger batches hardly improve the steps: there are only fewer of them. "

// noiseText explains the noise scale, and compares the batch sizes that it would suggest with
// those that were best.
func (s *Sweep) noiseText(t Table) string {
	var parts []string
	for _, c := range t.Conditions {
		n := s.noise(c.Name)
		if n.all == 0 {
			parts = append(parts, c.Name+": the noise hid the gradient, so the scale is too large to be measured with this many images")
			continue
		}
		part := fmt.Sprintf("%s: %s images over the run", c.Name, rounded(n.all))
		if n.early > 0 && n.late > 0 {
			part += fmt.Sprintf(" (%s in its first third, %s in its last)", rounded(n.early), rounded(n.late))
		}
		chosen := nearestBatch(s.BatchSizes, n.all)
		switch {
		case len(s.BatchSizes) < 2:
			part += fmt.Sprintf(", where batches had %d", s.BatchSizes[0])
		case c.BestBatchSize == nil:
			part += fmt.Sprintf(", which would have chosen batch size %d; no run is done to compare with", chosen)
		default:
			part += fmt.Sprintf(", which would have chosen batch size %d; measured, %d was best and accuracy held to %s", chosen, *c.BestBatchSize, c.HoldsText())
		}
		parts = append(parts, part)
	}
	text := noiseMeaning + "Here it was, " + strings.Join(parts, "; ") + "."
	if len(s.BatchSizes) > 1 {
		text += " The noise scale does not account for the number of steps: in a fixed number of epochs, large batches also lose accuracy because they take too few steps, so that accuracy falls at batch sizes below the noise scale."
	}
	return text
}

// nearestBatch returns the batch size whose ratio to scale is nearest to 1.
func nearestBatch(sizes []int, scale float64) int {
	return slices.MinFunc(sizes, func(a, b int) int {
		distance := func(size int) float64 { return math.Abs(math.Log(float64(max(size, 1)) / scale)) }
		if distance(a) <= distance(b) {
			return -1
		}
		return 1
	})
}

const sharpnessMeaning = "Sharpness is how strongly the loss curves in its steepest direction, the largest eigenvalue of its Hessian. " +
	"Steps of momentum SGD overshoot there, further each time, once rate × sharpness is above %.3g; " +
	"training then jumps to a flatter place, or diverges. A warmup keeps the rate low until training has moved to a flatter place gently. "

// sharpnessText explains the sharpness, and says where rate × sharpness was above its limit. It
// is empty if no limit is known.
func (s *Sweep) sharpnessText() string {
	var limit float64
	var parts []string
	for _, condition := range s.Conditions {
		c := s.stability(condition)
		if c.measured == 0 {
			continue
		}
		limit = c.limit
		parts = append(parts, fmt.Sprintf("%s: %.2g at the first measurement (mean of the runs), %.2g at most, above the limit in %d of %d measurements",
			condition, c.first, c.largest, c.above, c.measured))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf(sharpnessMeaning, limit) + "Here rate × sharpness was, " + strings.Join(parts, "; ") + "."
}

// stability compares rate × sharpness with its limit over all diagnoses of a condition.
type stability struct {
	measured, above       int
	limit, first, largest float64 // first is the mean over the runs
}

func (s *Sweep) stability(condition string) (c stability) {
	runs := 0.0
	for i := range s.Runs {
		if s.Runs[i].Condition != condition {
			continue
		}
		for k, e := range s.Runs[i].diagnoses() {
			limit, p := limitOf(e), product(e)
			if limit == 0 {
				continue
			}
			c.limit, c.largest = limit, max(c.largest, p)
			c.measured++
			if p > limit {
				c.above++
			}
			if k == 0 {
				c.first, runs = c.first+p, runs+1
			}
		}
	}
	c.first /= max(runs, 1)
	return c
}

// updateText describes how far steps moved the parameters.
func (s *Sweep) updateText() string {
	low, high := math.Inf(1), 0.0
	for i := range s.Runs {
		for _, e := range s.Runs[i].diagnoses() {
			if x := e.Diagnosis.UpdateRatio; x > 0 {
				low, high = min(low, x), max(high, x)
			}
		}
	}
	if high == 0 {
		return "No step moved the parameters."
	}
	return fmt.Sprintf("A single step moved the parameters by %.2g to %.2g of their length; around a thousandth is usual, and much more means that the rate is too high. layers.csv in each run's directory has the ratio of every layer.", low, high)
}

// rounded formats a number with two significant digits and no exponent.
func rounded(x float64) string {
	if x < 1 {
		return fmt.Sprintf("%.2g", x)
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return fmt.Sprintf("%.0f", math.Round(x/unit)*unit)
}

package evaluation

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"onnxlab/dataset"
)

// runMulti is RunBy for images that may have several classes.
func runMulti(ctx context.Context, loss Loss, logits func(ctx context.Context, from, to int) ([]float32, error), set *dataset.Set) (*Report, error) {
	if loss == CrossEntropy || loss == "" {
		return nil, fmt.Errorf("evaluate: the classifier is for images of one class each, but images of this set may have several")
	}
	classes := len(set.Classes)
	all := make([]float32, 0, set.Len()*classes)
	err := eachBatch(ctx, set, logits, func(list []float32, from, to int) error {
		if len(list) != (to-from)*classes {
			return fmt.Errorf("evaluate: %d logits for %d images of %d classes", len(list), to-from, classes)
		}
		all = append(all, list...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return multi(all, set.Targets, set.Classes, loss), nil
}

// multi returns the report for logits and targets [images, classes]. An image counts as one
// of a class if the logit's probability is above 1/2.
func multi(logits []float32, targets []uint8, names []string, loss Loss) *Report {
	classes := len(names)
	r := &Report{Images: len(targets) / classes, Confusion: [][]int{}, Wrong: []Mistake{}, Classes: make([]Class, classes)}
	right := 0
	for i := range r.Images {
		all := true
		for k := range classes {
			x, t := float64(logits[i*classes+k]), targets[i*classes+k]
			r.Loss += loss.element(x, float64(t)) / float64(classes)
			p := loss.probability(x)
			r.Probabilities = append(r.Probabilities, float32(p))
			yes := p > 0.5
			r.Classes[k].count(yes, t == 1)
			all = all && yes == (t == 1)
		}
		if all {
			right++
		}
	}
	r.Accuracy = share(right, r.Images)
	if r.Images > 0 {
		r.Loss /= float64(r.Images)
	}
	r.sumUp(logits, targets, names)
	return r
}

// count counts one answer.
func (c *Class) count(yes, has bool) {
	if has {
		c.Images++
	}
	if yes {
		c.Predicted++
	}
	if yes && has {
		c.Correct++
	}
}

// rate computes the results from the counts.
func (c *Class) rate() {
	c.Precision, c.Recall = share(c.Correct, c.Predicted), share(c.Correct, c.Images)
	c.F1 = share(2*c.Correct, c.Images+c.Predicted)
}

// sumUp computes the results from the counts of the classes.
func (r *Report) sumUp(logits []float32, targets []uint8, names []string) {
	var together Class
	with := 0
	for k := range r.Classes {
		c := &r.Classes[k]
		c.Name = names[k]
		c.rate()
		together.Images += c.Images
		together.Predicted += c.Predicted
		together.Correct += c.Correct
		if c.Images > 0 {
			c.AveragePrecision = averagePrecision(logits[k:], targets[k:], len(names))
			r.MeanAveragePrecision += c.AveragePrecision
			with++
		}
	}
	together.rate()
	r.Micro = &Averages{together.Precision, together.Recall, together.F1}
	r.Macro = average(r.Classes)
	if with > 0 {
		r.MeanAveragePrecision = min(r.MeanAveragePrecision/float64(with), 1)
	}
}

// averagePrecision sums the precisions times the recall that each adds, over all thresholds
// from the highest down. Equal logits pass a threshold together. Both lists have the values
// of the class at every stride-th entry; at least one target is 1.
func averagePrecision(logits []float32, targets []uint8, stride int) float64 {
	var order []int
	positives := 0
	for i := 0; i < len(targets); i += stride {
		order = append(order, i)
		positives += int(targets[i])
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	area, found, before := 0.0, 0, 0
	for n, i := range order {
		found += int(targets[i])
		if n+1 < len(order) && logits[order[n+1]] == logits[i] {
			continue
		}
		area += share(found, n+1) * share(found-before, positives)
		before = found
	}
	return min(area, 1) // rounding errors may add up to more than 1
}

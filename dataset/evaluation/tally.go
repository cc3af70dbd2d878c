package evaluation

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// tally is a report that is not finished: its loss is still a sum.
type tally struct {
	Report
	loss Loss
}

func newTally(classes []string, loss Loss) *tally {
	t := &tally{loss: loss}
	t.Wrong = []Mistake{} // an empty list in JSON
	for _, name := range classes {
		t.Classes = append(t.Classes, Class{Name: name})
		t.Confusion = append(t.Confusion, make([]int, len(classes)))
	}
	return t
}

// add counts the next images, whose logits are [images, classes].
func (t *tally) add(logits []float32, labels []int32) error {
	classes := len(t.Classes)
	if len(logits) != len(labels)*classes {
		return fmt.Errorf("evaluate: %d logits for %d images of %d classes", len(logits), len(labels), classes)
	}
	for i, label := range labels {
		row := logits[i*classes : (i+1)*classes]
		loss, best, probability := t.loss.of(row, int(label))
		t.Loss += loss
		t.Confusion[label][best]++
		t.Predictions = append(t.Predictions, Prediction{best, probability, rank(row, int(label))})
		if best != int(label) {
			t.Wrong = append(t.Wrong, Mistake{Index: t.Images, Label: int(label), Predicted: best, Probability: probability})
		}
		t.Images++
	}
	return nil
}

// report computes the results from the counts.
func (t *tally) report() *Report {
	r := &t.Report
	correct := 0
	for i := range r.Classes {
		c := &r.Classes[i]
		c.Correct = r.Confusion[i][i]
		for k := range r.Classes {
			c.Images += r.Confusion[i][k]
			c.Predicted += r.Confusion[k][i]
		}
		c.Precision, c.Recall = share(c.Correct, c.Predicted), share(c.Correct, c.Images)
		c.F1 = share(2*c.Correct, c.Images+c.Predicted)
		correct += c.Correct
	}
	r.Macro = average(r.Classes)
	r.Accuracy = share(correct, r.Images)
	if r.Images > 0 {
		r.Loss /= float64(r.Images)
	}
	slices.SortStableFunc(r.Wrong, func(a, b Mistake) int { return cmp.Compare(b.Probability, a.Probability) })
	return r
}

// average returns the means over the classes that have images.
func average(classes []Class) (a Averages) {
	n := 0.0
	for _, c := range classes {
		if c.Images > 0 {
			n++
			a.Precision += c.Precision
			a.Recall += c.Recall
			a.F1 += c.F1
		}
	}
	if n == 0 {
		return a
	}
	return Averages{a.Precision / n, a.Recall / n, a.F1 / n}
}

// share returns n/of, or 0 if of is 0.
func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// crossEntropy returns −log softmax(logits)[label], the class with the largest logit, the
// first of equals, and its probability.
func crossEntropy(logits []float32, label int) (loss float64, best int, probability float64) {
	for i, l := range logits {
		if l > logits[best] {
			best = i
		}
	}
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - float64(logits[best]))
	}
	return math.Log(sum) - (float64(logits[label]) - float64(logits[best])), best, 1 / sum
}

// rank returns the number of classes before the label when they are sorted by their logits,
// the largest first. Equal logits keep their order.
func rank(logits []float32, label int) int {
	before := 0
	for i, l := range logits {
		if l > logits[label] || l == logits[label] && i < label {
			before++
		}
	}
	return before
}

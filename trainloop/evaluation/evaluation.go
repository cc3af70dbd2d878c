// Package evaluation tells how well a classifier does on a labelled set:
// accuracy, loss, the confusion matrix, precision and recall of each class, and
// which images it is most certain about and wrong.
//
//	report, err := evaluation.Run(ctx, model, set)
//	fmt.Println(report.Accuracy, report.Classes[3].Recall)
//	for _, w := range report.Wrong[:10] { … set.Image(w.Index) … }
//
// A model is anything with Predict: a session of ONNX Runtime
// (onnxlab/trainloop/session) or the same in pure Go.
package evaluation

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"onnxlab/dataset"
)

// Batch is how many images are classified at once: enough to keep the threads
// busy, few enough for the activations to stay in the caches.
const Batch = 100

// Predictor runs a classifier on images [n, height, width, 3] of 0..255 and
// returns logits and probabilities, both [n, classes]. One that takes seconds ends
// with ctx.
type Predictor interface {
	Predict(ctx context.Context, images []uint8) (logits, probabilities []float32, err error)
}

// Report is how a classifier does on a set.
type Report struct {
	Images int `json:"images"`
	// Accuracy is the share of images that are classified right, 0..1.
	Accuracy float64 `json:"accuracy"`
	// Loss is the mean cross-entropy, with natural logarithms.
	Loss float64 `json:"loss"`
	// Confusion counts the images of the class of the row that were taken for
	// the class of the column.
	Confusion [][]int `json:"confusion"`
	// Classes is in the order of the labels.
	Classes []Class `json:"classes"`
	// Wrong are the images that were classified wrong, those with the highest
	// probability of the wrong class first.
	Wrong []Mistake `json:"wrong"`
}

// Class is how a classifier does on one class.
type Class struct {
	Name string `json:"name"`
	// Images is how many there are, Predicted how many were taken for it and
	// Correct how many of both.
	Images    int `json:"images"`
	Predicted int `json:"predicted"`
	Correct   int `json:"correct"`
	// Precision is Correct/Predicted and Recall Correct/Images; 0/0 is 0.
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
}

// Mistake is one image that was classified wrong.
type Mistake struct {
	// Index is its number in the set.
	Index int `json:"index"`
	// Label is its class and Predicted the one that it was taken for.
	Label     int `json:"label"`
	Predicted int `json:"predicted"`
	// Probability is that of Predicted.
	Probability float64 `json:"probability"`
}

// Run classifies every image of the set. The classifier has the set's classes. A
// set whose images and labels do not go together is a *dataset.Error.
func Run(ctx context.Context, p Predictor, set *dataset.Set) (*Report, error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	tally := newTally(set.Classes)
	for from := 0; from < set.Len(); from += Batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := min(from+Batch, set.Len())
		logits, _, err := p.Predict(ctx, set.Images(from, to))
		if err != nil {
			return nil, err
		}
		if err := tally.add(logits, set.Labels[from:to]); err != nil {
			return nil, err
		}
	}
	return tally.report(), nil
}

// tally is a report under way: its loss is still a sum.
type tally struct{ Report }

func newTally(classes []string) *tally {
	t := &tally{}
	t.Wrong = []Mistake{} // an empty list in JSON
	for _, name := range classes {
		t.Classes = append(t.Classes, Class{Name: name})
		t.Confusion = append(t.Confusion, make([]int, len(classes)))
	}
	return t
}

// add takes in the next images, of which logits are [images, classes].
func (t *tally) add(logits []float32, labels []int32) error {
	classes := len(t.Classes)
	if len(logits) != len(labels)*classes {
		return fmt.Errorf("evaluate: %d logits for %d images of %d classes", len(logits), len(labels), classes)
	}
	for i, label := range labels {
		loss, best, probability := crossEntropy(logits[i*classes:(i+1)*classes], int(label))
		t.Loss += loss
		t.Confusion[label][best]++
		if best != int(label) {
			t.Wrong = append(t.Wrong, Mistake{t.Images, int(label), best, probability})
		}
		t.Images++
	}
	return nil
}

// report computes what follows from the counts.
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
		correct += c.Correct
	}
	r.Accuracy = share(correct, r.Images)
	if r.Images > 0 {
		r.Loss /= float64(r.Images)
	}
	slices.SortStableFunc(r.Wrong, func(a, b Mistake) int { return cmp.Compare(b.Probability, a.Probability) })
	return r
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// crossEntropy returns −log softmax(logits)[label], the class of the largest
// logit, the first of equals, and its probability.
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

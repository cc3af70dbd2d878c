package evaluation

import "math"

// Loss is the loss that a classifier was trained with. It decides what the report's loss is
// and how logits become probabilities.
type Loss string

const (
	// CrossEntropy is the cross-entropy of the softmax of the logits. The empty Loss means
	// the same.
	CrossEntropy Loss = "cross_entropy"
	// BinaryCrossEntropy is the mean over the classes of the cross-entropy of each logit's
	// sigmoid.
	BinaryCrossEntropy Loss = "binary_cross_entropy"
	// MeanSquaredError is the mean over the classes of the squared difference between the
	// logit and the target, which is 1 for the image's class and 0 for others.
	MeanSquaredError Loss = "mean_squared_error"
)

// of returns the loss of an image with this label, the class with the largest logit, the
// first of equals, and its probability.
func (l Loss) of(logits []float32, label int) (loss float64, best int, probability float64) {
	if l == CrossEntropy || l == "" {
		return crossEntropy(logits, label)
	}
	for class, x := range logits {
		if x > logits[best] {
			best = class
		}
		target := 0.0
		if class == label {
			target = 1
		}
		loss += l.element(float64(x), target)
	}
	return loss / float64(len(logits)), best, l.probability(float64(logits[best]))
}

// element returns the loss of one logit and its target.
func (l Loss) element(x, target float64) float64 {
	if l == MeanSquaredError {
		return (x - target) * (x - target)
	}
	return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) - x*target
}

// probability returns the probability that a single logit stands for.
func (l Loss) probability(x float64) float64 {
	if l == MeanSquaredError {
		return min(max(x, 0), 1)
	}
	return 1 / (1 + math.Exp(-x))
}

package evaluation

import "math"

// Loss is what a classifier was trained on: what its report tells as the loss, and what
// its logits stand for.
type Loss string

const (
	// CrossEntropy is that of the softmax of the logits. The empty loss is the same.
	CrossEntropy Loss = "cross_entropy"
	// BinaryCrossEntropy is the mean over the classes of that of the sigmoid of each logit.
	BinaryCrossEntropy Loss = "binary_cross_entropy"
	// MeanSquaredError is the mean over the classes of the squares of the differences
	// between the logits and 1 for the image's class, 0 for others.
	MeanSquaredError Loss = "mean_squared_error"
)

// of returns the loss of an image of the label, the class of the largest logit, the first
// of equals, and its probability.
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

// element is the loss of one logit against its target.
func (l Loss) element(x, target float64) float64 {
	if l == MeanSquaredError {
		return (x - target) * (x - target)
	}
	return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) - x*target
}

// probability is what a logit stands for by itself.
func (l Loss) probability(x float64) float64 {
	if l == MeanSquaredError {
		return min(max(x, 0), 1)
	}
	return 1 / (1 + math.Exp(-x))
}

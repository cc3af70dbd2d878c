package trainloop

import (
	"context"
	"math"

	"onnxlab/dataset"
	"onnxlab/trainloop/session"
)

// evaluationBatch is how many images are classified at once: enough to keep
// the threads busy, few enough for the activations to stay in the caches.
const evaluationBatch = 100

// Evaluation is how a model does on a set.
type Evaluation struct {
	// Loss is the mean cross-entropy.
	Loss float64
	// Accuracy is the share of images that are classified right, 0..1.
	Accuracy float64
}

// Evaluate runs the model on every image of the set.
func Evaluate(ctx context.Context, m *session.Model, set *dataset.Set) (Evaluation, error) {
	var e Evaluation
	height, width := set.Size()
	size, correct := height*width*3, 0
	for from := 0; from < set.Len(); from += evaluationBatch {
		if err := ctx.Err(); err != nil {
			return e, err
		}
		to := min(from+evaluationBatch, set.Len())
		p, err := m.Predict(set.Pixels[from*size : to*size])
		if err != nil {
			return e, err
		}
		for i := range to - from {
			loss, hit := crossEntropy(p.Logits[i*p.Classes:(i+1)*p.Classes], int(set.Label(from+i)))
			e.Loss += loss
			if hit {
				correct++
			}
		}
	}
	e.Loss /= float64(set.Len())
	e.Accuracy = float64(correct) / float64(set.Len())
	return e, nil
}

// crossEntropy returns −log softmax(logits)[label], and whether the label has
// the largest logit, the first of equals.
func crossEntropy(logits []float32, label int) (loss float64, hit bool) {
	best := 0
	for i, l := range logits {
		if l > logits[best] {
			best = i
		}
	}
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - float64(logits[best]))
	}
	return math.Log(sum) - (float64(logits[label]) - float64(logits[best])), best == label
}

package evaluation

import (
	"math"
	"testing"
)

// TestLosses compares with PyTorch 2.15's binary_cross_entropy_with_logits, mse_loss and
// sigmoid for the same logits in float64.
func TestLosses(t *testing.T) {
	logits := []float32{0.5, -1.25, 3, -200}
	for _, c := range []struct {
		loss        Loss
		label       int
		want        float64
		probability float64
	}{
		{BinaryCrossEntropy, 2, 0.318648354275, 0.95257412682},
		{BinaryCrossEntropy, 3, 51.068648354275, 0.95257412682},
		{MeanSquaredError, 2, 10001.453125, 1},
		{MeanSquaredError, 0, 10002.703125, 1},
		{CrossEntropy, 2, 0.091985780592, math.Exp(-0.091985780592)},
	} {
		loss, best, probability := c.loss.of(logits, c.label)
		if math.Abs(loss-c.want) > 1e-7*c.want || best != 2 || math.Abs(probability-c.probability) > 1e-7 {
			t.Errorf("%s of label %d: %.10f, class %d with %.10f, want %v and %v", c.loss, c.label, loss, best, probability, c.want, c.probability)
		}
	}
}

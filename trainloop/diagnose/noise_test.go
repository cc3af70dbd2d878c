package diagnose

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestNoiseByHand checks an example computed by hand: the gradients (3, 0) and (1, 2) of
// two batches of 4 images. Their squared norms are 9 and 5, and that of their mean (2, 1)
// is 5, so |G|² = (2·5 − 7)/1 = 3 and tr(Σ) = (7 − 5)·4·2/1 = 16.
func TestNoiseByHand(t *testing.T) {
	gradients := [][]float32{{3, 0}, {1, 2}}
	batches := func(i int) ([]float32, error) { return gradients[i], nil }
	n, err := MeasureNoise(batches, 2, 4, nil)
	if err != nil || n.Signal != 3 || n.Variance != 16 || n.Scale() != 16.0/3 || n.Norm() != math.Sqrt(3) {
		t.Errorf("got %+v, scale %v (%v)", n, n.Scale(), err)
	}
	parts, err := MeasureNoise(batches, 2, 4, []int{1, 1})
	if err != nil || parts.Signal != 3 || parts.Variance != 16 {
		t.Errorf("in parts: %+v (%v)", parts, err)
	}
	want := []Noise{{Signal: 3, Variance: 8}, {Signal: 0, Variance: 8}}
	if len(parts.Parts) != 2 || parts.Parts[0].Signal != want[0].Signal || parts.Parts[0].Variance != want[0].Variance ||
		parts.Parts[1].Signal != want[1].Signal || parts.Parts[1].Variance != want[1].Variance {
		t.Errorf("parts %+v, want %+v", parts.Parts, want)
	}
	if s := parts.Parts[1].Scale(); !math.IsInf(s, 1) || parts.Parts[1].Norm() != 0 {
		t.Errorf("a gradient hidden by noise has the noise scale %v", s)
	}
}

// TestNoiseIsUnbiased draws gradients around a known one, with known variances, many times,
// and compares the means of the estimates. With 3 batches, a bias would be large.
func TestNoiseIsUnbiased(t *testing.T) {
	mean, deviation := []float64{1, -2, 0.5, 0}, []float64{3, 1, 8, 4}
	const signal, variance = 1 + 4 + 0.25, 9 + 1 + 64 + 16
	const size, count, repeats = 8, 3, 20000
	rng := rand.New(rand.NewPCG(1, 2))
	batches := func(int) ([]float32, error) {
		g := make([]float32, len(mean))
		for i := range g {
			g[i] = float32(mean[i] + deviation[i]*rng.NormFloat64()/math.Sqrt(size))
		}
		return g, nil
	}
	var signals, variances []float64
	for range repeats {
		n, err := MeasureNoise(batches, count, size, []int{1, 3})
		if err != nil {
			t.Fatal(err)
		}
		signals, variances = append(signals, n.Signal), append(variances, n.Variance)
	}
	within(t, "|G|²", signals, signal)
	within(t, "tr(Σ)", variances, variance)
	if slices.Min(signals) >= 0 {
		t.Error("no estimate of |G|² is below 0, so estimates are cut off and biased")
	}
}

// within checks that the mean of the values is within 4 standard errors of want.
func within(t *testing.T, what string, values []float64, want float64) {
	t.Helper()
	n := float64(len(values))
	sum, squares := 0.0, 0.0
	for _, v := range values {
		sum, squares = sum+v, squares+v*v
	}
	mean := sum / n
	standardError := math.Sqrt((squares/n - mean*mean) / n)
	if math.Abs(mean-want) > 4*standardError || standardError > 0.05*want {
		t.Errorf("mean %s %v ± %v, want %v", what, mean, standardError, want)
	}
}

func TestNoiseFaults(t *testing.T) {
	broken := errors.New("broken")
	of := func(lengths ...int) Batches {
		return func(i int) ([]float32, error) { return make([]float32, lengths[i]), nil }
	}
	for _, c := range []struct {
		batches     Batches
		count, size int
		parts       []int
		want        string
	}{
		{of(2), 1, 4, nil, "1 batches of 4 images; want at least 2"},
		{of(2, 2), 2, 0, nil, "2 batches of 0 images"},
		{of(2, 3), 2, 1, nil, "a gradient has 3 elements, but the one before had 2"},
		{of(2, 2), 2, 1, []int{1, 2}, "the parts have 3 elements together, but the gradient has 2"},
		{func(int) ([]float32, error) { return nil, broken }, 2, 1, nil, "broken"},
	} {
		if _, err := MeasureNoise(c.batches, c.count, c.size, c.parts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

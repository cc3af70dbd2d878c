package diagnose

import (
	"fmt"
	"math"
)

// Noise has estimates of the gradient of all images and of the noise around it, made from
// the gradients of small batches. The estimates are unbiased, so Signal can be negative if
// the noise hides the gradient.
type Noise struct {
	// Signal estimates |G|², the squared norm of the gradient of all images.
	Signal float64
	// Variance estimates tr(Σ), the sum over the parameters of the variance of the gradient
	// of one image.
	Variance float64
	// Parts has the same estimates for each part of the gradient, such as a layer.
	Parts []Noise
}

// Scale is the noise scale tr(Σ)/|G|², in images. It is +Inf if the noise hides the
// gradient.
func (n Noise) Scale() float64 {
	if !(n.Signal > 0) {
		return math.Inf(1)
	}
	return n.Variance / n.Signal
}

// Norm estimates |G|. It is 0 if the noise hides the gradient.
func (n Noise) Norm() float64 { return math.Sqrt(max(n.Signal, 0)) }

// Batches returns the gradient of batch i. All batches have the same size and were drawn
// independently. The gradient is valid until the next call.
type Batches func(i int) ([]float32, error)

// MeasureNoise measures the noise in the gradients of count batches, at least 2, of size
// images each. parts has the lengths of the gradient's parts, such as its layers, and must
// add up to the length of the gradient. If parts is nil, the result has no Parts.
//
// It follows McCandlish et al. 2018, appendix A.1: |G_b|² is the mean squared norm of the
// gradients of small batches of b images, and |G_B|² the squared norm of their mean, which
// is the gradient of a large batch of B images:
//
//	|G|²  ≈ (B·|G_B|² − b·|G_b|²) / (B − b)
//	tr(Σ) ≈ (|G_b|² − |G_B|²) / (1/b − 1/B)
func MeasureNoise(batches Batches, count, size int, parts []int) (Noise, error) {
	if count < 2 || size < 1 {
		return Noise{}, fmt.Errorf("measure gradient noise: %d batches of %d images; want at least 2 batches of at least 1 image", count, size)
	}
	s := sums{small: make([]float64, len(parts))}
	for i := range count {
		g, err := batches(i)
		if err != nil {
			return Noise{}, err
		}
		if err := s.add(g, parts); err != nil {
			return Noise{}, err
		}
	}
	return s.noise(float64(count), float64(size), parts), nil
}

// sums accumulates gradients over batches.
type sums struct {
	mean  []float64 // the sum of the gradients
	small []float64 // the sum of the squared norms of each part
	rest  float64   // the sum of the squared norms of whole gradients, if there are no parts
}

// add adds the gradient of a batch.
func (s *sums) add(g []float32, parts []int) error {
	if s.mean == nil {
		s.mean = make([]float64, len(g))
	}
	total := 0
	for _, n := range parts {
		total += n
	}
	switch {
	case len(g) != len(s.mean):
		return fmt.Errorf("measure gradient noise: a gradient has %d elements, but the one before had %d", len(g), len(s.mean))
	case parts != nil && total != len(g):
		return fmt.Errorf("measure gradient noise: the parts have %d elements together, but the gradient has %d", total, len(g))
	}
	for i, x := range g {
		s.mean[i] += float64(x)
	}
	if parts == nil {
		s.rest += square(g)
	}
	for k, n := range parts {
		s.small[k] += square(g[:n])
		g = g[n:]
	}
	return nil
}

// noise returns the estimates from the sums over count batches of size images.
func (s *sums) noise(count, size float64, parts []int) Noise {
	if parts == nil {
		return estimate(s.rest/count, square(s.mean)/(count*count), count, size)
	}
	var all Noise
	at := s.mean
	for k, n := range parts {
		part := estimate(s.small[k]/count, square(at[:n])/(count*count), count, size)
		at = at[n:]
		all.Signal, all.Variance = all.Signal+part.Signal, all.Variance+part.Variance
		all.Parts = append(all.Parts, part)
	}
	return all
}

// estimate evaluates the formulas of MeasureNoise. small is the mean squared norm of the
// gradients of batches of size images, and large the squared norm of the mean of count of
// them.
func estimate(small, large, count, size float64) Noise {
	return Noise{
		Signal:   (count*large - small) / (count - 1),
		Variance: (small - large) * size * count / (count - 1),
	}
}

// square returns the sum of the squares.
func square[T float32 | float64](v []T) float64 {
	total := 0.0
	for _, x := range v {
		total += float64(x) * float64(x)
	}
	return total
}

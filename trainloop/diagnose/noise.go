package diagnose

import (
	"fmt"
	"math"
)

// Noise is what gradients of small batches tell of the gradient of all images and of the
// noise around it. Estimates are without bias, and so Signal can be below 0 where the noise
// hides the gradient.
type Noise struct {
	// Signal estimates |G|², the squared norm of the gradient of all images.
	Signal float64
	// Variance estimates tr(Σ), the sum over the parameters of the variance of the gradient
	// of one image.
	Variance float64
	// Parts are the same of the parts of the gradient, such as layers.
	Parts []Noise
}

// Scale is the noise scale tr(Σ)/|G|², in images, or +Inf where the gradient is not seen for
// the noise.
func (n Noise) Scale() float64 {
	if !(n.Signal > 0) {
		return math.Inf(1)
	}
	return n.Variance / n.Signal
}

// Norm estimates |G|, 0 where the gradient is not seen for the noise.
func (n Noise) Norm() float64 { return math.Sqrt(max(n.Signal, 0)) }

// Batches gives the gradient of the i-th of some batches of equal sizes that were drawn
// independently. It is valid until the next call.
type Batches func(i int) ([]float32, error)

// MeasureNoise takes the gradients of count batches, at least 2, of size images each. The
// parts are the lengths of the gradient's parts, which together are all of it; nil tells
// nothing of parts.
//
// It follows McCandlish et al. 2018, appendix A.1: with the mean square of the gradients of
// small batches of b images and the square of their mean, which is the gradient of a large
// batch of B images,
//
//	|G|²  ≈ (B·|G_B|² − b·|G_b|²) / (B − b)
//	tr(Σ) ≈ (|G_b|² − |G_B|²) / (1/b − 1/B)
func MeasureNoise(batches Batches, count, size int, parts []int) (Noise, error) {
	if count < 2 || size < 1 {
		return Noise{}, fmt.Errorf("measure gradient noise: %d batches of %d images, want 2 or more of at least 1", count, size)
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

// sums are over batches: of the gradients, and of the squared norms of each part.
type sums struct {
	mean  []float64
	small []float64
	rest  float64 // of what is in no part
}

// add takes in a gradient.
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
		return fmt.Errorf("measure gradient noise: a gradient of %d numbers after one of %d", len(g), len(s.mean))
	case parts != nil && total != len(g):
		return fmt.Errorf("measure gradient noise: parts of %d numbers of a gradient of %d", total, len(g))
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

// noise makes the estimates, of count batches of size images.
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

// estimate is that of MeasureNoise for the squared norms of gradients of small batches, of
// size images, and of the large one, of count times as many.
func estimate(small, large, count, size float64) Noise {
	return Noise{
		Signal:   (count*large - small) / (count - 1),
		Variance: (small - large) * size * count / (count - 1),
	}
}

// square is the sum of the squares.
func square[T float32 | float64](v []T) float64 {
	total := 0.0
	for _, x := range v {
		total += float64(x) * float64(x)
	}
	return total
}

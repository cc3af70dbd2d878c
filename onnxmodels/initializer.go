package onnxmodels

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// Initializer returns the first values of a parameter of n elements.
type Initializer func(rng *rand.Rand, n int) []float32

// Zeros is Keras's default for biases, BatchNorm's beta and its running mean.
func Zeros(_ *rand.Rand, n int) []float32 { return make([]float32, n) }

// Ones is Keras's default for BatchNorm's gamma and its running variance.
func Ones(_ *rand.Rand, n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = 1
	}
	return values
}

// GlorotUniform is Keras's default for kernels: uniform in [-l, l] with
// l = sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio 2010, equation 16). For a
// convolution the fans count the kernel's elements: channels x height x width.
func GlorotUniform(fanIn, fanOut int) Initializer {
	return uniform(math.Sqrt(6 / float64(fanIn+fanOut)))
}

// HeUniform is Keras's he_uniform: uniform in [-l, l] with l = sqrt(6 / fan). Its variance is that
// of He et al. 2015 (equation 10, and equation 14 for the fan out), so that layers before ReLUs
// keep the variance of the values that go through them.
func HeUniform(fan int) Initializer { return uniform(math.Sqrt(6 / float64(fan))) }

// HeFanOut is HeUniform with the fan out, the number of outputs that an input affects, as in
// torchvision's networks.
func HeFanOut(_, fanOut int) Initializer { return HeUniform(fanOut) }

// uniform draws from [-limit, limit].
func uniform(limit float64) Initializer {
	return func(rng *rand.Rand, n int) []float32 {
		values := make([]float32, n)
		for i := range values {
			// One product and no sum, so that no platform fuses and rounds
			// differently.
			values[i] = float32((2*rng.Float64() - 1) * limit)
		}
		return values
	}
}

// parameterRand returns the random numbers of one parameter: they depend on
// the seed and its name alone, not on the rest of the network.
func parameterRand(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash's Write never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// Package keyed makes random numbers that depend only on what they are for, not on
// what was drawn before: each (seed, epoch, sample, purpose) has a stream of its own.
// The numbers are the same in any order and with any number of workers, and resuming
// a run needs no generator state.
//
//	var source rand.PCG
//	rng := rand.New(&source)
//	keyed.Seed(&source, seed, epoch, sample, keyed.Augment)
//	angle := rng.Float64()
package keyed

import "math/rand/v2"

// Purpose distinguishes the streams of one (seed, epoch, sample).
type Purpose uint64

// The purposes for which numbers are drawn. Their values are part of what a
// seed means: never change one, and give a new purpose a new value.
const (
	// Shuffle orders the samples of an epoch; its sample is 0.
	Shuffle Purpose = 1
	// Augment draws the plan of a sample in an epoch.
	Augment Purpose = 2
	// Balance draws the images of an epoch that has equally many of every class; its
	// sample is 0.
	Balance Purpose = 3
	// Mixing draws how a sample is mixed with another in an epoch.
	Mixing Purpose = 4
	// Crop draws which part of a photograph a sample is in an epoch, when its size is known.
	Crop Purpose = 5
)

// Seed sets source to the start of the stream of a key. It does not allocate.
func Seed(source *rand.PCG, seed, epoch, sample uint64, purpose Purpose) {
	key := Mix(seed)
	for _, part := range [...]uint64{uint64(purpose), epoch, sample} {
		key = Mix(key ^ part)
	}
	source.Seed(key, Mix(key))
}

// Gamma is the number that SplitMix64 adds to its state for each random number.
const Gamma = 0x9e3779b97f4a7c15

// Mix is one step of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable
// pseudorandom number generators", figure 16): a bijection in which every bit
// of the input changes every bit of the output half the time.
func Mix(x uint64) uint64 {
	x += Gamma
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

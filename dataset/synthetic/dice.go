package synthetic

import (
	"math/rand/v2"

	"onnxlab/internal/keyed"
)

// The purposes for which random numbers of the synthetic set are drawn.
const (
	purposeScene uint64 = iota
	purposeLabel
)

// dice draws the random numbers of one image. It only uses the generator's 64-bit
// stream, which the Go project promises not to change.
type dice struct{ source *rand.PCG }

// newDice returns dice whose numbers depend only on the arguments. Each image has a stream
// of its own.
func newDice(seed, split, index, purpose uint64) dice {
	key := keyed.Mix(keyed.Mix(keyed.Mix(seed)^split) ^ purpose)
	return dice{rand.NewPCG(keyed.Mix(key^index), keyed.Mix(key+index))}
}

// unit draws uniformly from [0, 1), in steps of 2^-24.
func (d dice) unit() float32 { return float32(d.source.Uint64()>>40) / (1 << 24) }

// between draws uniformly from [low, high).
func (d dice) between(low, high float32) float32 { return mad(d.unit(), high-low, low) }

// pick draws uniformly from 0..n-1.
func (d dice) pick(n int) int { return int(d.source.Uint64() >> 32 * uint64(n) >> 32) }

// chance returns true with probability p.
func (d dice) chance(p float32) bool { return d.unit() < p }

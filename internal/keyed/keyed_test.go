package keyed

import (
	"math/rand/v2"
	"testing"
)

func first(seed, epoch, sample uint64, purpose Purpose) uint64 {
	var source rand.PCG
	Seed(&source, seed, epoch, sample, purpose)
	return source.Uint64()
}

// The constants of SplitMix64's reference implementation for the seed 0.
func TestMixFollowsSplitMix64(t *testing.T) {
	for x, want := range map[uint64]uint64{0: 0xe220a8397b1dcdaf, Gamma: 0x6e789e6aa1b965f4} {
		if got := Mix(x); got != want {
			t.Errorf("Mix(%#x) = %#x, want %#x", x, got, want)
		}
	}
}

func TestKeysHaveStreamsOfTheirOwn(t *testing.T) {
	seen := map[uint64][4]uint64{}
	for seed := range uint64(8) {
		for epoch := range uint64(8) {
			for sample := range uint64(64) {
				for purpose := Shuffle; purpose <= Mixing; purpose++ {
					key := [4]uint64{seed, epoch, sample, uint64(purpose)}
					value := first(seed, epoch, sample, purpose)
					if other, ok := seen[value]; ok {
						t.Fatalf("keys %v and %v start with the same number", key, other)
					}
					seen[value] = key
				}
			}
		}
	}
}

// What a seed means never changes: a run that is resumed by a later release
// draws the same numbers.
func TestStreamsAreFixed(t *testing.T) {
	if got, want := first(1, 2, 3, Augment), uint64(0xb35a4302f3ecdfa4); got != want {
		t.Errorf("first number of (1, 2, 3, Augment) = %#x, want %#x", got, want)
	}
}

func TestSeedDoesNotAllocate(t *testing.T) {
	var source rand.PCG
	if n := testing.AllocsPerRun(100, func() { Seed(&source, 1, 2, 3, Augment) }); n != 0 {
		t.Errorf("Seed allocates %v times", n)
	}
}

package augment

import (
	"math/rand/v2"

	"onnxlab/internal/keyed"
)

// Order returns the order in which a Loader with this seed gives out the
// images 0..images-1 in an epoch, if it does not balance them.
func Order(images int, seed, epoch uint64) []int32 {
	order := make([]int32, images)
	shuffle(order, seed, epoch)
	return order
}

// shuffle fills order with the permutation of an epoch (Fisher and Yates).
func shuffle(order []int32, seed, epoch uint64) {
	var source rand.PCG
	keyed.Seed(&source, seed, epoch, 0, keyed.Shuffle)
	rng := rand.New(&source)
	for i := range order {
		order[i] = int32(i)
	}
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
}

// PlanFor returns the plan that a Loader with this seed and recipe applies to
// an image, by its index in the source, in an epoch.
func (r *Recipe) PlanFor(seed, epoch uint64, image, height, width int) Plan {
	a := newArtist()
	a.draw(r, seed, epoch, uint64(image), height, width)
	return a.plan
}

// artist draws plans in memory of its own.
type artist struct {
	source rand.PCG
	rng    *rand.Rand
	plan   Plan
}

func newArtist() *artist {
	a := &artist{}
	a.rng = rand.New(&a.source)
	return a
}

func (a *artist) draw(r *Recipe, seed, epoch, sample uint64, height, width int) {
	keyed.Seed(&a.source, seed, epoch, sample, keyed.Augment)
	r.draw(a.rng, height, width, &a.plan)
}

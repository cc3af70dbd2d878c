package batch

import (
	"math/rand/v2"

	"onnxlab/internal/keyed"
)

// Order returns the order in which a Loader with this seed, and without Balance,
// gives out the images 0..images-1 in an epoch.
func Order(images int, seed, epoch uint64) []int32 {
	order := make([]int32, images)
	shuffle(order, seed, epoch)
	return order
}

// Picks returns which images of the source a Loader with these options gives out in an
// epoch, in the order in which it does.
func Picks(source Source, o LoaderOptions, epoch uint64) []int32 {
	list := make([]int32, source.Len())
	for i, p := range newOrder(source, o).epoch(epoch) {
		list[i] = p.image
	}
	return list
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

// pick is one image of an epoch. If the same image comes several times in an epoch, its
// copies are counted from 0, and each has a plan of its own.
type pick struct{ image, copy int32 }

// sample returns the key of a pick's plan. For the first copy it is the image's index.
func (p pick) sample() uint64 { return uint64(p.copy)<<32 | uint64(uint32(p.image)) }

// order draws which images an epoch has, and in which order.
type order struct {
	seed uint64
	// classes are the images of each class that occurs, if epochs are balanced; otherwise
	// nil.
	classes [][]int32
	picks   []pick
	places  []int32 // the indices of picks, shuffled
}

func newOrder(source Source, o LoaderOptions) *order {
	l := &order{seed: o.Seed, picks: make([]pick, source.Len()), places: make([]int32, source.Len())}
	if o.Balance {
		l.classes = byClass(source)
	}
	return l
}

// epoch returns the images of an epoch in order. The result is valid until the next call.
func (l *order) epoch(epoch uint64) []pick {
	shuffle(l.places, l.seed, epoch)
	if l.classes == nil {
		for i, image := range l.places {
			l.picks[i] = pick{image: image}
		}
		return l.picks
	}
	for i, p := range l.balanced(epoch) {
		l.picks[l.places[i]] = p
	}
	return l.picks
}

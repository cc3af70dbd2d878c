package augment

import (
	"math/rand/v2"

	"onnxlab/internal/keyed"
)

// pick is one image of an epoch. An epoch that has the same image several times
// counts its copies from 0, and each has a plan of its own.
type pick struct{ image, copy int32 }

// order is what a loader draws from.
type order struct {
	seed uint64
	// classes are the images of each class that has some, if epochs are balanced; else
	// nil.
	classes [][]int32
	picks   []pick
	places  []int32 // of picks, shuffled
}

func newOrder(source Source, o LoaderOptions) *order {
	l := &order{seed: o.Seed, picks: make([]pick, source.Len()), places: make([]int32, source.Len())}
	if o.Balance {
		byLabel := map[int32]int{}
		for i := range source.Len() {
			label := source.Label(i)
			class, known := byLabel[label]
			if !known {
				class = len(l.classes)
				byLabel[label] = class
				l.classes = append(l.classes, nil)
			}
			l.classes[class] = append(l.classes[class], int32(i))
		}
	}
	return l
}

// Picks returns which images of the source a Loader with these options gives out in an
// epoch, in their order.
func Picks(source Source, o LoaderOptions, epoch uint64) []int32 {
	list := make([]int32, source.Len())
	for i, p := range newOrder(source, o).epoch(epoch) {
		list[i] = p.image
	}
	return list
}

// epoch returns the images of an epoch in their order, until it is called again.
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

// balanced draws as many images of every class, but for one where the number of images
// is no multiple of that of classes. Within a class no image comes once more before all
// have come as often.
func (l *order) balanced(epoch uint64) []pick {
	var source rand.PCG
	keyed.Seed(&source, l.seed, epoch, 0, keyed.Balance)
	rng := rand.New(&source)
	var drawn []pick
	more := len(l.places) % len(l.classes)
	for turn, class := range rng.Perm(len(l.classes)) {
		images, count := l.classes[class], len(l.places)/len(l.classes)
		if turn < more {
			count++
		}
		for round := int32(0); count > 0; round++ {
			for _, i := range rng.Perm(len(images))[:min(count, len(images))] {
				drawn = append(drawn, pick{images[i], round})
			}
			count -= min(count, len(images))
		}
	}
	return drawn
}

// sample is what keys the plan of a pick: the image, where it comes once.
func (p pick) sample() uint64 { return uint64(p.copy)<<32 | uint64(uint32(p.image)) }

package batch

import (
	"math/rand/v2"

	"onnxlab/internal/keyed"
)

// byClass returns the images of each class that has some, the class of the first image
// first.
func byClass(source Source) (classes [][]int32) {
	byLabel := map[int32]int{}
	for i := range source.Len() {
		label := source.Label(i)
		class, known := byLabel[label]
		if !known {
			class = len(classes)
			byLabel[label] = class
			classes = append(classes, nil)
		}
		classes[class] = append(classes[class], int32(i))
	}
	return classes
}

// balanced draws as many images of every class, except that some have one more if the
// number of images is no multiple of the number of classes. Within a class no image comes
// once more before all have come as often.
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

package batch

import (
	"math/rand/v2"

	"onnxlab/internal/keyed"
)

// byClass returns the images of each class that occurs, in the order in which the classes
// first occur.
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

// balanced draws the same number of images of every class; if the number of images is not a
// multiple of the number of classes, some classes get one more. Within a class, no image is
// drawn again before every other one has been drawn as often.
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

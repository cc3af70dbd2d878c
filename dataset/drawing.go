package dataset

import (
	"context"
	"sync"
)

// drawing draws each image of a synthetic set when it is first asked for: all
// of them take longer than everything else before the first training step.
type drawing struct {
	seed, split uint64
	labels      []int32
	pixels      []uint8
	once        []sync.Once // one an image
}

// undrawn is the first n images of a split, none of which is drawn yet.
func undrawn(seed, split uint64, n int) *Set {
	set := newSet(SourceSynthetic, SyntheticClasses(), cifarSide, cifarSide, n)
	for i := range set.Labels {
		set.Labels[i] = int32(classOf(seed, split, i))
	}
	set.drawing = &drawing{seed, split, set.Labels, set.Pixels, make([]sync.Once, n)}
	set.Pixels = nil
	return set
}

// What Hash is of both splits of the default set.
const (
	hashTrain      = "b9ad3370ae79098ed7f52542adae5c373e1c1cb6674dce4811595501cec46373"
	hashValidation = "ccb251ddaa07d1b98aa5afa57200ac1728ddc24227be7bbbe74096d9b6fa26b8"
)

// knownHash is the set's hash if it is known without drawing the set, else "".
func (s *Set) knownHash() string {
	d := s.drawing
	switch {
	case d == nil || d.seed != SyntheticSeed:
		return ""
	case d.split == splitTrain && s.Len() == SyntheticTrain:
		return hashTrain
	case d.split == splitValidation && s.Len() == SyntheticValidation:
		return hashValidation
	}
	return ""
}

// image is the i-th image.
func (d *drawing) image(i int) []uint8 {
	pixels := d.pixels[i*cifarImage : (i+1)*cifarImage : (i+1)*cifarImage]
	d.once[i].Do(func() {
		drawScene(newDice(d.seed, d.split, uint64(i), purposeScene), int(d.labels[i])).render(pixels)
	})
	return pixels
}

// draw draws the images from..to-1 on all cores.
func (d *drawing) draw(ctx context.Context, from, to int) error {
	const chunk = 16
	return inChunks(from, to, chunk, func(from, to int) error {
		for i := from; i < to && ctx.Err() == nil; i++ {
			d.image(i)
		}
		return ctx.Err()
	})
}

package synthetic

import (
	"context"
	"sync"

	"onnxlab/dataset"
	"onnxlab/internal/parallel"
)

// drawing draws each image of a set when it is first needed. Drawing all images at once would
// take longer than everything else before the first training step.
type drawing struct {
	seed, split uint64
	labels      []int32
	pixels      []uint8
	once        []sync.Once // one for each image
}

// undrawn returns the first n images of a split, none of which is drawn yet.
func undrawn(seed, split uint64, n int) *dataset.Set {
	labels := make([]int32, n)
	for i := range labels {
		labels[i] = int32(classOf(seed, split, i))
	}
	return dataset.NewDrawn(
		dataset.Set{Name: Name, Classes: Classes(), Height: side, Width: side, Labels: labels},
		&drawing{seed, split, labels, make([]uint8, n*imageBytes), make([]sync.Once, n)},
	)
}

// The values of Hash for both splits of the default set.
const (
	hashTrain      = "b9ad3370ae79098ed7f52542adae5c373e1c1cb6674dce4811595501cec46373"
	hashValidation = "ccb251ddaa07d1b98aa5afa57200ac1728ddc24227be7bbbe74096d9b6fa26b8"
)

// KnownHash implements dataset.Drawing.
func (d *drawing) KnownHash(n int) string {
	switch {
	case d.seed != Seed:
		return ""
	case d.split == splitTrain && n == Train:
		return hashTrain
	case d.split == splitValidation && n == Validation:
		return hashValidation
	}
	return ""
}

// Pixels implements dataset.Drawing.
func (d *drawing) Pixels() []uint8 { return d.pixels }

// Image implements dataset.Drawing.
func (d *drawing) Image(i int) []uint8 {
	pixels := d.pixels[i*imageBytes : (i+1)*imageBytes : (i+1)*imageBytes]
	d.once[i].Do(func() {
		drawScene(newDice(d.seed, d.split, uint64(i), purposeScene), int(d.labels[i])).render(pixels)
	})
	return pixels
}

// Draw implements dataset.Drawing, on all cores.
func (d *drawing) Draw(ctx context.Context, from, to int) error {
	const chunk = 16
	return parallel.Chunks(from, to, chunk, func(from, to int) error {
		for i := from; i < to && ctx.Err() == nil; i++ {
			d.Image(i)
		}
		return ctx.Err()
	})
}

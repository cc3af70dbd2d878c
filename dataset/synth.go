package dataset

import (
	"context"
	"fmt"
)

// The default synthetic set: as many images as CIFAR-10 has, from seed 1.
const (
	SyntheticSeed       = 1
	SyntheticTrain      = 50000
	SyntheticValidation = 10000
)

// The splits of the synthetic set, whose images have nothing in common.
const (
	splitTrain uint64 = iota
	splitValidation
)

// Synthetic draws the first images of both splits of the synthetic set of that
// seed: ten classes of shapes, 32x32 pixels, in varied pose, colour, texture
// and surroundings. Image i of a split depends on the seed and i alone, never
// on how many are drawn; every ten in a row have one image of each class.
func Synthetic(ctx context.Context, seed uint64, train, validation int) (trainSet, validationSet *Set, err error) {
	if train < 0 || validation < 0 {
		return nil, nil, fmt.Errorf("draw synthetic set: %d and %d images: a count is negative", train, validation)
	}
	trainSet, validationSet = undrawn(seed, splitTrain, train), undrawn(seed, splitValidation, validation)
	for _, set := range []*Set{trainSet, validationSet} {
		if err := set.drawing.draw(ctx, 0, set.Len()); err != nil {
			return nil, nil, err
		}
		set.Pixels, set.drawing = set.drawing.pixels, nil
	}
	return trainSet, validationSet, nil
}

// SyntheticClasses are the names of the ten classes, in the order of their
// labels.
func SyntheticClasses() []string {
	classes := make([]string, len(shapes))
	for i, s := range shapes {
		classes[i] = s.name
	}
	return classes
}

// classOf is the class of an image: the images 10k..10k+9 have the ten classes
// in an order of their own.
func classOf(seed, split uint64, i int) int {
	d := newDice(seed, split, uint64(i/len(shapes)), purposeLabel)
	var order [10]int
	for at := range order {
		// Fisher-Yates, inside out.
		to := d.pick(at + 1)
		order[at] = order[to]
		order[to] = at
	}
	return order[i%len(order)]
}

// loadSynthetic returns the set, whose images are drawn when they are asked for,
// or reads the files that `pipeline data synth` wrote.
func loadSynthetic(ctx context.Context, opts Options) (train, validation *Set, err error) {
	if opts.Path != "" {
		form := cifar10Form()
		form.name = SourceSynthetic
		form.classes = SyntheticClasses()
		form.fix = "write the files with 'pipeline data synth --out DIR', then use --set data.path=DIR"
		return loadCIFAR(ctx, form, opts)
	}
	for _, check := range []error{
		checkCount("", "train", opts.Train, SyntheticTrain),
		checkCount("", "validation", opts.Validation, SyntheticValidation),
	} {
		if check != nil {
			return nil, nil, check
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	train = undrawn(SyntheticSeed, splitTrain, orAll(opts.Train, SyntheticTrain))
	validation = undrawn(SyntheticSeed, splitValidation, orAll(opts.Validation, SyntheticValidation))
	return train, validation, nil
}

// orAll is limit, or all when there is none.
func orAll(limit, all int) int {
	if limit == 0 {
		return all
	}
	return limit
}

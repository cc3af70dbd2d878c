// Package synthetic draws a labelled set of images, without any file: 32x32 pixels that
// show one of ten shapes, in varied pose, colour, texture and surroundings. Only the
// shape distinguishes the classes. The set is the same, bit for bit, on every machine
// and in every version.
package synthetic

import (
	"context"
	"fmt"

	"onnxlab/dataset"
	"onnxlab/dataset/cifar"
)

// Name is the name of the set.
const Name = "synthetic"

// The default set: as many images as CIFAR-10 has, from seed 1.
const (
	Seed       = 1
	Train      = 50000
	Validation = 10000
)

// Every image is 32x32 pixels of three channels.
const (
	side       = 32
	channels   = 3
	imageBytes = channels * side * side
)

// The splits of the set. They have no images in common.
const (
	splitTrain uint64 = iota
	splitValidation
)

// Draw draws the first images of both splits of the set with that seed. Image i of a split
// depends only on the seed and i, not on how many are drawn. Images 10k to 10k+9 have one
// image of each class.
func Draw(ctx context.Context, seed uint64, train, validation int) (trainSet, validationSet *dataset.Set, err error) {
	if train < 0 || validation < 0 {
		return nil, nil, fmt.Errorf("draw synthetic set: %d and %d images: a count is negative", train, validation)
	}
	if trainSet, err = drawn(ctx, seed, splitTrain, train); err != nil {
		return nil, nil, err
	}
	if validationSet, err = drawn(ctx, seed, splitValidation, validation); err != nil {
		return nil, nil, err
	}
	return trainSet, validationSet, nil
}

// drawn returns the first n images of a split, all of them drawn.
func drawn(ctx context.Context, seed, split uint64, n int) (*dataset.Set, error) {
	set := undrawn(seed, split, n)
	if err := set.Draw(ctx); err != nil {
		return nil, err
	}
	return &dataset.Set{
		Name: set.Name, Classes: set.Classes, Height: side, Width: side,
		Pixels: set.Images(0, n), Labels: set.Labels,
	}, nil
}

// Classes returns the names of the ten classes, in the order of their labels.
func Classes() []string {
	classes := make([]string, len(shapes))
	for i, s := range shapes {
		classes[i] = s.name
	}
	return classes
}

// classOf returns the class of an image. The images 10k..10k+9 have the ten classes in a
// random order of their own.
func classOf(seed, split uint64, i int) int {
	d := newDice(seed, split, uint64(i/len(shapes)), purposeLabel)
	var order [10]int
	for at := range order {
		// The "inside-out" version of the Fisher-Yates shuffle.
		to := d.pick(at + 1)
		order[at] = order[to]
		order[to] = at
	}
	return order[i%len(order)]
}

// Load returns splits (train or validation) of the default set, whose images are drawn when
// they are first needed. With a path, it reads the files that 'pipeline data synth' wrote
// there.
func Load(ctx context.Context, path string, limits dataset.Limits, splits ...dataset.Split) (*dataset.Splits, error) {
	if path != "" {
		form := cifar.CIFAR10().As(Name, Classes(), "write the files with 'pipeline data synth --out DIR', then use --set data.path=DIR")
		return form.Load(ctx, path, limits, splits...)
	}
	loaded := &dataset.Splits{}
	for _, split := range splits {
		number, all := splitTrain, Train
		switch split {
		case dataset.Validation:
			number, all = splitValidation, Validation
		case dataset.Test, dataset.All:
			continue // the set has no such split
		}
		n, err := limits.Count("", split, all)
		if err != nil {
			return nil, err
		}
		loaded.Put(split, undrawn(Seed, number, n))
	}
	return loaded, ctx.Err()
}

// Package source loads the images that the data settings of an experiment name,
// wherever they come from.
package source

import (
	"context"
	"fmt"
	"io"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/cifar"
	"onnxlab/dataset/folder"
	"onnxlab/dataset/idx"
	"onnxlab/dataset/photo"
	"onnxlab/dataset/synthetic"
)

// Load reads the wanted splits, which by default are train and validation. A split that
// a source does not have stays nil: only folders have test images. What is wrong with
// the data, or missing, is a [*dataset.Error].
func Load(ctx context.Context, d configs.Data, splits ...dataset.Split) (*dataset.Splits, error) {
	if len(splits) == 0 {
		splits = []dataset.Split{dataset.Train, dataset.Validation}
	}
	loaded, err := read(ctx, d, splits)
	if err != nil || d.Channels == 0 {
		return loaded, err
	}
	for _, split := range splits {
		if set := loaded.Of(split); set != nil {
			if err := set.Draw(ctx); err != nil {
				return nil, err
			}
			loaded.Put(split, set.WithChannels(d.Channels))
		}
	}
	return loaded, nil
}

// read reads the splits with the channels that the source has.
func read(ctx context.Context, d configs.Data, splits []dataset.Split) (*dataset.Splits, error) {
	limits := limitsOf(d)
	switch d.Source {
	case "synthetic":
		return synthetic.Load(ctx, d.Path, limits, splits...)
	case "cifar10":
		return cifar.CIFAR10().Load(ctx, d.Path, limits, splits...)
	case "cifar100":
		return cifar.CIFAR100().Load(ctx, d.Path, limits, splits...)
	case configs.SourceMNIST:
		return idx.Load(ctx, idx.Options{Path: d.Path, Height: d.Size, Width: d.Width, Limits: limits}, splits...)
	case "folder":
		return folder.Load(ctx, folderOptions(d), splits...)
	}
	return nil, fmt.Errorf("load data: source %q is unknown", d.Source)
}

// Fetch gets what [Load] would fetch from the network, and tells progress how far that is,
// unless it is there already: MNIST, if the data settings name it without a path.
func Fetch(ctx context.Context, d configs.Data, progress io.Writer) error {
	if d.Source != configs.SourceMNIST || d.Path != "" {
		return nil
	}
	_, err := idx.Fetch(ctx, idx.FetchOptions{Progress: progress})
	return err
}

// Survey tells what a source has without reading its images, with what Load would note
// about the wanted splits.
func Survey(d configs.Data, splits ...dataset.Split) (dataset.Survey, error) {
	if d.Source == "folder" {
		return folder.Survey(folderOptions(d), splits...)
	}
	survey := dataset.Survey{Own: []dataset.Split{dataset.Train, dataset.Validation}}
	if d.Source != configs.SourceMNIST || d.Path == "" {
		return survey, nil
	}
	var err error
	survey.Classes, err = idx.Classes(context.Background(), d.Path) // reads a few kilobytes
	return survey, err
}

func limitsOf(d configs.Data) dataset.Limits {
	return dataset.Limits{Train: d.Train, Validation: d.Validation}
}

func folderOptions(d configs.Data) folder.Options {
	height, width := d.Sides()
	return folder.Options{
		Path: d.Path, Labels: d.Labels, Height: height, Width: width, Limits: limitsOf(d),
		ValidationShare: d.ValidationShare, SkipBroken: d.Broken == configs.BrokenSkip,
		Photo: photo.Limits{Memory: int64(d.ImageMemory) << 20},
	}
}

package dataset

import (
	"context"
	"fmt"
)

// The sources that [Load] knows.
const (
	SourceSynthetic = "synthetic"
	SourceCIFAR10   = "cifar10"
	SourceCIFAR100  = "cifar100"
	SourceFolder    = "folder"
)

// Options say which images to load.
type Options struct {
	// Source is "synthetic", "cifar10", "cifar100" or "folder".
	Source string
	// Path is the folder that holds the files. Only "synthetic" can do
	// without: it is then drawn in memory.
	Path string
	// Train and Validation are how many images of each split to take, from the
	// first on; 0 takes all there are.
	Train, Validation int
	// Size is the height and width that the images of a "folder" are resized
	// to, in pixels; 0 means 32. The other images are 32x32 and stay so.
	Size int
}

// Load reads the training and the validation images. What is wrong with the
// data, or missing, is an [*Error].
func Load(ctx context.Context, opts Options) (train, validation *Set, err error) {
	if opts.Train < 0 || opts.Validation < 0 {
		return nil, nil, fmt.Errorf("load data: limits of %d and %d images are negative", opts.Train, opts.Validation)
	}
	switch opts.Source {
	case SourceSynthetic:
		return loadSynthetic(ctx, opts)
	case SourceCIFAR10:
		return loadCIFAR(ctx, cifar10Form(), opts)
	case SourceCIFAR100:
		return loadCIFAR(ctx, cifar100Form(), opts)
	case SourceFolder:
		return loadFolder(ctx, opts)
	}
	return nil, nil, fmt.Errorf("load data: source %q is unknown (known: %s, %s, %s, %s)", opts.Source,
		SourceSynthetic, SourceCIFAR10, SourceCIFAR100, SourceFolder)
}

// checkCount tells whether want images can be had from the available ones.
// split is "train" or "validation", as the setting is called.
func checkCount(path, split string, want, available int) error {
	if want <= available {
		return nil
	}
	return &Error{
		Path: path, Record: NoRecord,
		Err: fmt.Errorf("%d %s images wanted, %d available", want, split, available),
		Fix: fmt.Sprintf("use --set data.%s=%d, or 0 for all", split, available),
	}
}

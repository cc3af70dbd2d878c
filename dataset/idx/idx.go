// Package idx reads sets of images in IDX files, the format of MNIST, Fashion-MNIST, KMNIST
// and EMNIST, gzipped or not, and fetches MNIST:
//
//	dir, err := idx.Fetch(ctx, idx.FetchOptions{})
//	splits, err := idx.Load(ctx, idx.Options{Path: dir}, dataset.Train, dataset.Validation)
//
// Images are grey and may have any size. The test images are used for validation, as in
// most of the literature. Files may be hostile: memory is allocated only for bytes that
// were read.
package idx

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"onnxlab/dataset"
	"onnxlab/internal/durable"
)

// Name is the name of sets of IDX files.
const Name = "mnist"

// ClassesFile is a file beside those of the set that may contain the names of the classes,
// one per line. Without it, classes are named by their numbers.
const ClassesFile = "classes.txt"

// fix says how to get the files.
const fix = "use --set data.path=DIR with a folder that has train-images-idx3-ubyte.gz and the other three, or leave data.path empty to have MNIST fetched"

// Options says what to read and how.
type Options struct {
	// Path is a folder of one set, or a folder and a prefix of the names of one of several
	// sets in it, such as "gzip/emnist-letters". Empty means MNIST, which is fetched if
	// necessary.
	Path string
	// Height and Width are the size to which images are resized, in pixels, like those of
	// folders. If Height is 0, images keep their size; if only Width is 0, it is the same
	// as Height.
	Height, Width int
	// Limits are the largest numbers of images of each split; the first ones are used.
	Limits dataset.Limits
}

// Load reads splits: train, validation or all. If something is wrong with the files, or one
// is missing, the error is a [*dataset.Error].
func Load(ctx context.Context, o Options, splits ...dataset.Split) (*dataset.Splits, error) {
	path := o.Path
	if path == "" {
		dir, err := Fetch(ctx, FetchOptions{})
		if err != nil {
			return nil, err
		}
		path = dir
	}
	found, labels, classes, err := survey(ctx, path)
	if err != nil {
		return nil, err
	}
	loaded := &dataset.Splits{}
	for _, split := range splits {
		if split == dataset.Test {
			continue // there is none
		}
		set, err := found.read(ctx, split, labels, o.Limits)
		if err != nil {
			return nil, err
		}
		set.Name, set.Classes, set.Grey = Name, classes, true
		if err := resize(ctx, set, cmp.Or(o.Height, set.Height), cmp.Or(o.Width, o.Height, set.Width)); err != nil {
			return nil, err
		}
		loaded.Put(split, set)
	}
	return loaded, nil
}

// Classes returns the names of the classes of the set at path, without reading its images.
func Classes(ctx context.Context, path string) ([]string, error) {
	_, _, classes, err := survey(ctx, path)
	return classes, err
}

// survey reads everything at path except for the images.
func survey(ctx context.Context, path string) (found files, labels map[dataset.Split][]byte, classes []string, err error) {
	if found, err = find(path); err != nil {
		return found, nil, nil, err
	}
	if labels, err = found.labels(ctx); err != nil {
		return found, nil, nil, err
	}
	classes, err = found.classes(labels)
	return found, labels, classes, err
}

// labels returns the labels of both splits.
func (f files) labels(ctx context.Context) (map[dataset.Split][]byte, error) {
	labels := map[dataset.Split][]byte{}
	for split, pair := range f.pairs {
		data, err := readLabels(ctx, pair.labels)
		if err != nil {
			return nil, err
		}
		labels[split] = data
	}
	return labels, nil
}

// classes returns names for all classes that occur in the labels.
func (f files) classes(labels map[dataset.Split][]byte) ([]string, error) {
	count := 0
	for _, list := range labels {
		for _, label := range list {
			count = max(count, int(label)+1)
		}
	}
	path := filepath.Join(f.dir, ClassesFile)
	text, err := durable.ReadPlain(path, 1<<16)
	if os.IsNotExist(err) {
		names := make([]string, max(count, 2)) // a classifier needs at least two
		for i := range names {
			names[i] = strconv.Itoa(i)
		}
		return names, nil
	}
	if err != nil {
		return nil, dataset.FileError(path, err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if name := strings.TrimSpace(line); name != "" {
			names = append(names, name)
		}
	}
	if len(names) < max(count, 2) {
		return nil, dataset.FileError(path, fmt.Errorf("%d class names, but the labels need %d", len(names), max(count, 2)))
	}
	return names, nil
}

// read reads the first images of a split.
func (f files) read(ctx context.Context, split dataset.Split, labels map[dataset.Split][]byte, limits dataset.Limits) (*dataset.Set, error) {
	parts := []dataset.Split{split}
	if split == dataset.All {
		parts = []dataset.Split{dataset.Train, dataset.Validation}
	}
	set := &dataset.Set{}
	for _, part := range parts {
		pair := f.pairs[part]
		n, err := limits.Count(pair.images, part, len(labels[part]))
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, dataset.FileError(pair.labels, fmt.Errorf("has no labels"))
		}
		images, err := readImages(ctx, pair.images, n, len(labels[part]))
		if err != nil {
			return nil, err
		}
		if set.Len() > 0 && (images.height != set.Height || images.width != set.Width) {
			return nil, dataset.FileError(pair.images, fmt.Errorf("images of %dx%d pixels, and of %dx%d in %q",
				images.height, images.width, set.Height, set.Width, f.pairs[dataset.Train].images))
		}
		set.Height, set.Width = images.height, images.width
		set.Pixels = slices.Concat(set.Pixels, images.pixels)
		for _, label := range labels[part][:n] {
			set.Labels = append(set.Labels, int32(label))
		}
	}
	return set, nil
}

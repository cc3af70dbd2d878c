package cifar

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"onnxlab/dataset"
	"onnxlab/internal/durable"
)

// Write writes a set of ten classes of 32x32 images to the folder dir in the binary
// layout of CIFAR-10: data_batch_1.bin to data_batch_5.bin, test_batch.bin and
// batches.meta.txt. It creates dir if it does not exist. The training images are
// divided among the five files in order, so there must be at least five. Each file is
// complete or absent. test_batch.bin is removed first and written last, so that a
// half-replaced set is not mistaken for a complete one.
func Write(dir string, train, validation *dataset.Set) error {
	layout := CIFAR10()
	if err := errors.Join(layout.fits("train", train, len(layout.train)), layout.fits("validation", validation, 1)); err != nil {
		return fmt.Errorf("write data %q: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("write data: %w", err)
	}
	last := filepath.Join(dir, layout.validation[0])
	if err := os.Remove(last); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write data: %w", err)
	}
	err := durable.WriteFile(filepath.Join(dir, layout.meta), func(w io.Writer) error {
		for _, class := range train.Classes {
			if _, err := fmt.Fprintln(w, class); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, name := range layout.train {
		from, to := train.Len()*i/len(layout.train), train.Len()*(i+1)/len(layout.train)
		if err := writeRecords(filepath.Join(dir, name), train, from, to); err != nil {
			return err
		}
	}
	return writeRecords(last, validation, 0, validation.Len())
}

// fits returns an error if the layout cannot hold the set, or if it has fewer than least images.
func (l Layout) fits(split string, set *dataset.Set, least int) error {
	switch {
	case set.Height != side || set.Width != side:
		return fmt.Errorf("%s images are %dx%d, not %dx%d", split, set.Height, set.Width, side, side)
	case len(set.Classes) != len(l.classes):
		return fmt.Errorf("%s set has %d classes, not %d", split, len(set.Classes), len(l.classes))
	case set.Len() < least:
		return fmt.Errorf("%d %s images are fewer than the %d needed", set.Len(), split, least)
	}
	return set.Validate()
}

// writeRecords writes the images from..to-1 of the set to the file at path.
func writeRecords(path string, set *dataset.Set, from, to int) error {
	return durable.WriteFile(path, func(w io.Writer) error {
		record := make([]byte, 1+imageBytes)
		for i := from; i < to; i++ {
			record[0] = byte(set.Label(i))
			separate(record[1:], set.Image(i))
			if _, err := w.Write(record); err != nil {
				return err
			}
		}
		return nil
	})
}

// separate is the inverse of interleave.
func separate(planes, pixels []byte) {
	for i := range planeBytes {
		for c := range channels {
			planes[c*planeBytes+i] = pixels[channels*i+c]
		}
	}
}

package folder

import (
	"context"
	"fmt"
	"io/fs"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"onnxlab/dataset"
	"onnxlab/dataset/photo"
)

// streams reports whether the images stay in their files.
func (l *listing) streams(splits []dataset.Split) (bool, error) {
	var images int
	for _, split := range splits {
		files, err := l.chosen(split)
		if err != nil {
			return false, err
		}
		images += len(files)
	}
	return l.o.Stream || int64(images)*int64(3*l.o.Height*l.o.Width) > l.o.Memory, nil
}

// stream makes the sets whose images stay in their files.
func (l *listing) stream(ctx context.Context, loaded *dataset.Splits, splits []dataset.Split) error {
	images := 0
	for _, split := range splits {
		files, err := l.chosen(split)
		if err != nil {
			return err
		}
		if len(files) == 0 {
			continue
		}
		if err := l.measure(ctx, files); err != nil {
			return err
		}
		set := dataset.Set{Name: Name, Classes: l.classes, Height: l.o.Height, Width: l.o.Width, Decoder: l.o.Decoder.String()}
		for _, f := range files {
			set.Labels = append(set.Labels, int32(f.class))
			set.Files = append(set.Files, f.name)
			set.Targets = append(set.Targets, f.targets...)
		}
		loaded.Put(split, dataset.NewStreamed(set, photo.NewStream(l.filesOf(files), l.o.stream())))
		images += len(files)
	}
	loaded.Notes = append(loaded.Notes, fmt.Sprintf("%s: %d images are read from their files as they are needed, JPEG with %s",
		l.o.Path, images, l.o.Decoder))
	return nil
}

// measure fills in the sizes of the files, which help to distinguish sets.
func (l *listing) measure(ctx context.Context, files []imageFile) error {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	const together = 1024
	for from := 0; from < len(files) && working.Err() == nil; from += together {
		group.Go(func() error {
			for i := range files[from:min(from+together, len(files))] {
				f := &files[from+i]
				info, err := fs.Stat(l.o.FS, f.name)
				if err != nil {
					return l.o.fault(f.name, err)
				}
				f.bytes = info.Size()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// filesOf returns the files in the form that a stream takes. It does not keep the listing,
// which has the files of all splits.
func (l *listing) filesOf(files []imageFile) photo.Files {
	o := l.o
	f := photo.Files{
		Open:  func(i int) (photo.File, error) { return o.open(files[i].name) },
		Path:  func(i int) string { return o.fault(files[i].name, nil).Path },
		Name:  func(i int) string { return files[i].name },
		Bytes: func(i int) int64 { return files[i].bytes },
	}
	if o.SkipBroken {
		f.Next = func(i int) int {
			next := i
			for {
				if next = (next + 1) % len(files); files[next].class == files[i].class && slices.Equal(files[next].targets, files[i].targets) {
					return next
				}
			}
		}
	}
	return f
}

// stream returns the options for a stream of the folder.
func (o *Options) stream() photo.StreamOptions {
	return photo.StreamOptions{
		Height: o.Height, Width: o.Width, Transform: o.Transform, Decoder: o.Decoder, Limits: o.Photo, Memory: o.Memory,
	}
}

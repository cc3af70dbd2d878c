package shard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"onnxlab/dataset"
	"onnxlab/dataset/photo"
	"onnxlab/internal/durable"
)

// Name is the name of sets from shards.
const Name = "shards"

// Options says what to read and how, like the options for a folder of images.
type Options struct {
	// Path is the folder of tar files.
	Path string
	// Height and Width are the size to which images are resized, in pixels; 0 means 32.
	Height, Width int
	// Limits are the largest numbers of images of each split.
	Limits dataset.Limits
	// ValidationShare is the share of each class that is held out if there are no shards of
	// validation images; 0 means 0.2.
	ValidationShare float64
	// SkipBroken replaces an image that cannot be read by the next one of its class.
	SkipBroken bool
	// Photo, Transform, Decoder and Memory are as in photo.StreamOptions.
	Photo     photo.Limits
	Transform photo.Transform
	Decoder   photo.Decoder
	Memory    int64
}

func (o *Options) complete() error {
	switch {
	case o.Path == "":
		return &dataset.Error{Record: dataset.NoRecord, Err: errors.New("no path is set for the folder of shards"), Fix: "use --set data.path=DIR"}
	case o.Height < 0 || o.Width < 0:
		return fmt.Errorf("load data: size %dx%d is negative", o.Height, o.Width)
	case o.ValidationShare < 0 || o.ValidationShare >= 1:
		return fmt.Errorf("load data: the share of %v of the images for validation is outside 0..1", o.ValidationShare)
	}
	const side, share = 32, 0.2
	o.Height, o.Width = cmp.Or(o.Height, side), cmp.Or(o.Width, side)
	o.ValidationShare = cmp.Or(o.ValidationShare, share)
	return nil
}

// Load reads the indexes of the shards. Images are read when they are needed. If something
// is wrong with the shards, the error is a [*dataset.Error].
func Load(ctx context.Context, o Options, splits ...dataset.Split) (*dataset.Splits, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	l, err := list(ctx, &o)
	if err != nil {
		return nil, err
	}
	loaded := &dataset.Splits{Notes: l.notes}
	images := 0
	for _, split := range splits {
		files := l.files[split]
		if len(files) == 0 && split == dataset.Test {
			continue
		}
		if len(files) == 0 {
			return nil, &dataset.Error{Path: o.Path, Record: dataset.NoRecord, Err: fmt.Errorf("too few images: none is left for %s", split)}
		}
		n, err := o.Limits.Count(o.Path, split, len(files))
		if err != nil {
			return nil, err
		}
		loaded.Put(split, l.set(files[:n]))
		images += n
	}
	loaded.Notes = append(loaded.Notes, fmt.Sprintf("%s: %d images are read from shards as they are needed, JPEG with %s", o.Path, images, o.Decoder))
	return loaded, nil
}

// Survey returns the classes and the splits.
func Survey(ctx context.Context, o Options) (dataset.Survey, error) {
	if err := o.complete(); err != nil {
		return dataset.Survey{}, err
	}
	l, err := list(ctx, &o)
	if err != nil {
		return dataset.Survey{}, err
	}
	return dataset.Survey{Own: []dataset.Split{dataset.Train, dataset.Validation}, Classes: l.classes, Notes: l.notes}, nil
}

// set returns the set of these samples.
func (l *listing) set(files []placed) *dataset.Set {
	set := dataset.Set{Name: Name, Classes: l.classes, Height: l.o.Height, Width: l.o.Width, Decoder: l.o.Decoder.String()}
	for _, f := range files {
		set.Labels = append(set.Labels, int32(f.Class))
		set.Files = append(set.Files, f.file)
	}
	return dataset.NewStreamed(set, photo.NewStream(l.filesOf(files), photo.StreamOptions{
		Height: l.o.Height, Width: l.o.Width, Transform: l.o.Transform, Decoder: l.o.Decoder, Limits: l.o.Photo, Memory: l.o.Memory,
	}))
}

// filesOf returns the samples in the form that a stream takes. It does not keep the listing,
// which has the samples of all splits.
func (l *listing) filesOf(files []placed) photo.Files {
	root := l.o.Path
	f := photo.Files{
		Open:  func(i int) (photo.File, error) { return open(&files[i]) },
		Path:  func(i int) string { return filepath.Join(root, filepath.FromSlash(files[i].file)) },
		Name:  func(i int) string { return files[i].file },
		Bytes: func(i int) int64 { return files[i].Bytes },
	}
	if l.o.SkipBroken {
		f.Next = func(i int) int {
			for next := (i + 1) % len(files); ; next = (next + 1) % len(files) {
				if files[next].Class == files[i].Class {
					return next
				}
			}
		}
	}
	return f
}

// part is an image within a tar.
type part struct {
	*io.SectionReader
	file *os.File
}

func (p part) Close() error { return p.file.Close() }

func open(p *placed) (photo.File, error) {
	file, err := durable.OpenPlain(p.tar)
	if err != nil {
		return nil, dataset.Cause(err)
	}
	return part{io.NewSectionReader(file, p.Offset, p.Bytes), file}, nil
}
